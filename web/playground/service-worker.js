// SPDX-License-Identifier: MIT
// Keeps the files of the site, so that it works offline, and answers with the headers that make a page cross-origin isolated, which threads need.
// HASHES are those of its files, by their paths.
const name = `playground-${VERSION}`;

const requestOf = (path) => new Request(new URL(path, registration.scope), { cache: "reload" });
const pathOf = (url) => (url.startsWith(registration.scope) ? url.slice(registration.scope.length).replace(/[?#].*/, "").replace(/^index\.html$/, "") : undefined);

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches.open(name).then((cache) => cache.addAll(Object.keys(HASHES).map(requestOf))).then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  const old = (names) => Promise.all(names.filter((n) => n.startsWith("playground-") && n !== name).map((n) => caches.delete(n)));
  event.waitUntil(caches.keys().then(old).then(() => self.clients.claim()));
});

async function isGood(path, answer) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await answer.arrayBuffer()));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("") === HASHES[path];
}

// What is kept, if it is whole. Nothing where it is damaged, or where there is no storage: the host has it.
async function kept(path) {
  try {
    const found = await (await caches.open(name)).match(requestOf(path));
    return found && (await isGood(path, found.clone())) ? found : undefined;
  } catch {
    return undefined;
  }
}

async function fromHost(path, request) {
  const answer = await fetch(request);
  const keep = async (copy) => (await isGood(path, copy.clone())) && (await caches.open(name)).put(requestOf(path), copy);
  if (path !== undefined && answer.ok) keep(answer.clone()).catch(() => {});
  return answer;
}

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
  const path = Object.hasOwn(HASHES, pathOf(request.url) ?? "/") ? pathOf(request.url) : undefined;
  event.respondWith((async () => isolated((path !== undefined && (await kept(path))) || (await fromHost(path, request))))());
});
