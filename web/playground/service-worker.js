// SPDX-License-Identifier: MIT
// Keeps the files of the site, so that it works offline, and answers with the headers that make a page cross-origin isolated, which threads need.
const name = `playground-${VERSION}`;

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches.open(name).then((cache) => cache.addAll(FILES.map((file) => new Request(file, { cache: "reload" })))).then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  const old = (names) => Promise.all(names.filter((n) => n.startsWith("playground-") && n !== name).map((n) => caches.delete(n)));
  event.waitUntil(caches.keys().then(old).then(() => self.clients.claim()));
});

function isolated(answer) {
  const headers = new Headers(answer.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
}

// The files of one version belong together: from the cache, and from the host only what is not there.
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  event.respondWith(
    caches.open(name).then(async (cache) => {
      const found = await cache.match(request, { ignoreSearch: true });
      return isolated(found ?? (await fetch(request)));
    }),
  );
});
