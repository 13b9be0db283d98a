// SPDX-License-Identifier: MIT
// Keeps the files of the page, so that it works offline, and answers with the headers for threads and with the page's policy.
// NAME, VERSION, HASHES (of the files, by path), LARGE (files that are stored when the page first loads them) and POLICY are defined by application.mjs.
const name = `${NAME}-${VERSION}`;

const requestOf = (path) => new Request(new URL(path, registration.scope), { cache: "reload" });
const pathOf = (url) => (url.startsWith(registration.scope) ? url.slice(registration.scope.length).replace(/[?#].*/, "").replace(/^index\.html$/, "") : undefined);

self.addEventListener("install", (event) => {
  const small = Object.keys(HASHES).filter((path) => !LARGE.includes(path));
  event.waitUntil(caches.open(name).then((cache) => cache.addAll(small.map(requestOf))).then(() => self.skipWaiting()));
});

// A new version takes large files over if they are the same.
async function replaceOld() {
  const cache = await caches.open(name);
  for (const old of (await caches.keys()).filter((n) => n.startsWith(`${NAME}-`) && n !== name)) {
    for (const path of LARGE) {
      const model = await (await caches.open(old)).match(requestOf(path));
      if (model && !(await cache.match(requestOf(path))) && (await isGood(path, model.clone()))) await cache.put(requestOf(path), model);
    }
    await caches.delete(old);
  }
  await self.clients.claim();
}
self.addEventListener("activate", (event) => event.waitUntil(replaceOld()));

async function isGood(path, answer) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await answer.arrayBuffer()));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("") === HASHES[path];
}

// The stored file, or undefined if there is none or it is damaged.
async function stored(path) {
  try {
    const found = await (await caches.open(name)).match(requestOf(path));
    return found && (LARGE.includes(path) || (await isGood(path, found.clone()))) ? found : undefined;
  } catch {
    return undefined;
  }
}

async function fromHost(path, request, event) {
  const answer = await fetch(request);
  const store = async (copy) => (await isGood(path, copy.clone())) && (await caches.open(name)).put(requestOf(path), copy);
  if (path !== undefined && answer.ok) event.waitUntil(store(answer.clone()).catch(() => {}));
  return answer;
}

function guarded(answer) {
  const headers = new Headers(answer.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Content-Security-Policy", POLICY);
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  const found = pathOf(request.url);
  const path = found !== undefined && Object.hasOwn(HASHES, found) ? found : undefined;
  event.respondWith((async () => guarded((path !== undefined && (await stored(path))) || (await fromHost(path, request, event))))());
});
