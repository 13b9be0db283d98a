// SPDX-License-Identifier: MIT
// A server for a folder, and Chromium, for tests and benchmarks of pages.
//   node recall/test/serve.mjs FOLDER PORT
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const kTypes = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

export const executablePath = "/usr/bin/chromium";
export const { chromium } = createRequire(fileURLToPath(new URL("../../web/build.mjs", import.meta.url)))("playwright-core");

/** Serves folders by the first part of the path, or one folder; by default without special headers, as simple hosts do. */
export async function serve(folders, { headers = {}, port = 0 } = {}) {
  const server = createServer((request, answer) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const path = normalize(decodeURIComponent(pathname.endsWith("/") ? `${pathname}index.html` : pathname));
    const [, first, ...rest] = path.split("/");
    const file = typeof folders === "string" ? join(folders, path) : folders[first] && join(folders[first], ...rest);
    if (!file || !existsSync(file) || !statSync(file).isFile()) return answer.writeHead(404, headers).end();
    answer.writeHead(200, {
      ...headers,
      "Content-Type": kTypes[extname(file)] ?? "application/octet-stream",
      "Content-Length": statSync(file).size,
    });
    createReadStream(file).pipe(answer);
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${server.address().port}/`,
    port: server.address().port,
    close: () => (server.closeAllConnections(), server.close()),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, port] = process.argv.slice(2);
  await serve(folder, { port: Number(port) });
  console.log(`http://localhost:${port}/`);
}
