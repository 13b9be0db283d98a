// SPDX-License-Identifier: MIT
// Builds the playground into web/site, as static files for any host, or serves it on localhost with the headers that threads need.
//   node site.mjs
//   node site.mjs serve [PORT]
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { compiler, plugins } from "./build.mjs";

// The functions of `tl` and `libdevice`, from the compiler's tables: rows of builtins, and functions of its library.
function names() {
  const root = "../src/frontends/tl";
  const builtins = readFileSync(`${root}/builtins.cpp`, "utf8");
  const rows = (table) => {
    const text = builtins.match(new RegExp(`\\b${table}\\[\\] = \\{\\n(.*?)\\n  \\};`, "s"))?.[1];
    if (!text) throw new Error(`builtins.cpp has no table ${table}`);
    return [...text.matchAll(/^\s*\{"([a-z]\w*)", "([^"]*)"/gm)].map(([, name, parameters]) => ({
      name,
      parameters: parameters.replace(/ /g, ", "),
    }));
  };
  const functions = readdirSync(`${root}/lib`).flatMap((file) =>
    [...readFileSync(`${root}/lib/${file}`, "utf8").matchAll(/^def ([a-z]\w*)\((.*?)\):/gms)]
      .filter(([, name]) => !name.endsWith("_impl"))
      .map(([, name, parameters]) => ({ name, parameters: parameters.replace(/:\s*(tl\.)?constexpr/g, "").replace(/\s+/g, " ") })),
  );
  return { tl: [...rows("kTl"), ...functions], libdevice: rows("kLibdevice") };
}

const generated = {
  name: "generated",
  setup(b) {
    b.onResolve({ filter: /^playground:names$/ }, ({ path }) => ({ path, namespace: "playground" }));
    b.onLoad({ filter: /.*/, namespace: "playground" }, () => ({ contents: JSON.stringify(names()), loader: "json" }));
  },
};

/** Builds the site in this folder; returns the list of files. */
export async function buildSite(out) {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const { metafile } = await build({
    absWorkingDir: process.cwd(),
    entryPoints: ["playground/main.ts", "playground/worker.ts"],
    metafile: true,
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    target: "es2022",
    platform: "browser",
    external: ["node:*", "webgpu"],
    loader: { ".py": "text" },
    plugins: [...plugins, generated],
    outdir: out,
    legalComments: "none",
    logLevel: "warning",
  });
  for (const file of ["index.html", "style.css"]) copyFileSync(`playground/${file}`, `${out}/${file}`);
  copyFileSync(compiler, `${out}/nereid.wasm`);
  // The licences of bundled packages are included.
  const packages = [
    ...new Set(Object.keys(metafile.inputs).flatMap((file) => /^node_modules\/((?:@[\w.-]+\/)?[\w.-]+)/.exec(file)?.[1] ?? [])),
  ].sort();
  writeFileSync(
    `${out}/licenses.txt`,
    packages.map((name) => `${name}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8")}`).join("\n"),
  );
  const files = readdirSync(out).filter((f) => !f.endsWith(".txt"));
  const hash = (data) => createHash("sha256").update(data).digest("hex");
  const hashes = Object.fromEntries(files.map((file) => [file === "index.html" ? "" : file, hash(readFileSync(`${out}/${file}`))]));
  const defined = `const VERSION = ${JSON.stringify(hash(JSON.stringify(hashes)).slice(0, 16))};\nconst HASHES = ${JSON.stringify(hashes)};\n`;
  writeFileSync(`${out}/service-worker.js`, defined + readFileSync("playground/service-worker.js", "utf8"));
  return files;
}

const kTypes = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
  ".txt": "text/plain",
};

/** A server for a folder, with the headers or, like some hosts, without. */
export function siteServer(folder, { isolated = true } = {}) {
  return createServer((request, answer) => {
    let file;
    try {
      const { pathname } = new URL(request.url, "http://localhost");
      file = join(folder, normalize(decodeURIComponent(pathname === "/" ? "/index.html" : pathname)));
    } catch {
      return answer.writeHead(400).end();
    }
    if (!extname(file) || !existsSync(file) || !statSync(file).isFile()) return answer.writeHead(404).end();
    answer.writeHead(200, {
      "Content-Type": kTypes[extname(file)] ?? "application/octet-stream",
      "Cache-Control": "no-cache",
      ...(isolated && { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" }),
    });
    answer.end(readFileSync(file));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.chdir(fileURLToPath(new URL(".", import.meta.url)));
  const [command, port = "8000"] = process.argv.slice(2);
  const files = await buildSite("site");
  console.log(
    `web/site: ${files.length + 1} files, ${Math.round(files.reduce((sum, f) => sum + readFileSync(`site/${f}`).length, 0) / 1000)} kB`,
  );
  if (command === "serve") siteServer("site").listen(Number(port), "127.0.0.1", () => console.log(`http://localhost:${port}/`));
}
