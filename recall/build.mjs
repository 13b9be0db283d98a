// SPDX-License-Identifier: MIT
// Checks the types and builds dist/, with the tools of web/: the npm package, and in dist/app the page, for any host of static files.
//   node recall/build.mjs [test]     with `test` bundles the tests instead
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const web = fileURLToPath(new URL("../web/", import.meta.url));
const { build } = createRequire(`${web}build.mjs`)("esbuild");

const settings = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: "es2022",
  platform: "neutral",
  mainFields: ["module", "main"],
  tsconfigRaw: {},
  loader: { ".py": "text" },
  logLevel: "warning",
};

// Imports of Nereid lead to web/dist.
const inRepository = (b, external) => {
  b.onResolve({ filter: /^webgpu$/ }, () => ({ path: join(web, "node_modules/webgpu/index.js"), external: true }));
  b.onResolve({ filter: /^nereid-lang/ }, ({ path }) => {
    const { exports } = JSON.parse(readFileSync(`${web}package.json`, "utf8"));
    return { path: join(web, exports[path.replace("nereid-lang", ".")].default), external };
  });
};
const nereid = { name: "nereid", setup: (b) => inRepository(b, true) };

/** Bundles a script of this folder for Node, to run in this repository. */
export const bundle = (entry, outfile) =>
  build({ ...settings, entryPoints: [entry], outfile, external: ["node:*", "pdfjs-dist"], plugins: [nereid] });

/** Bundles a script of this folder with Nereid, for a page; nereid.wasm must be next to it. */
export const bundleForPage = (entry, outfile) =>
  build({
    ...settings,
    entryPoints: [entry],
    outfile,
    external: ["node:*", "/ort/*", "/modules/*"],
    plugins: [{ ...nereid, setup: (b) => inRepository(b, false) }],
  });

// No connection but to the host of the page; WebAssembly is compiled, but no text is run as JavaScript.
const kPolicy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** Builds the page. Without weights in build/recall it has no model. */
export async function buildApp(out) {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const { metafile } = await build({
    ...settings,
    metafile: true,
    entryPoints: { main: "app/start.ts", "search-worker": "app/search-worker.ts", "index-worker": "app/index-worker.ts" },
    outdir: out,
    splitting: true,
    minify: true,
    platform: "browser",
    external: ["node:*"],
    legalComments: "none",
    plugins: [{ ...nereid, setup: (b) => inRepository(b, false) }],
  });
  writeFileSync(join(out, "index.html"), readFileSync("app/index.html", "utf8").replace("POLICY", kPolicy));
  for (const file of ["style.css", "icon.svg", "manifest.webmanifest", "sample.txt"]) copyFileSync(`app/${file}`, join(out, file));
  copyFileSync(`${web}dist/compile/nereid.wasm`, join(out, "nereid.wasm"));
  copyFileSync(`${web}dist/compile/worker.js`, join(out, "compile-worker.js"));
  copyFileSync(`${web}dist/worker.js`, join(out, "thread-worker.js"));
  const weights = fileURLToPath(new URL("../build/recall/", import.meta.url));
  for (const [from, to] of [
    ["minilm.int8.safetensors", "model.safetensors"],
    ["tokenizer.json", "tokenizer.json"],
  ])
    if (existsSync(weights + from)) copyFileSync(weights + from, join(out, to));
  // The licences of bundled packages are included.
  const inputs = Object.keys(metafile.inputs);
  const packages = [...new Set(inputs.flatMap((file) => /^node_modules\/((?:@[\w.-]+\/)?[\w.-]+)/.exec(file)?.[1] ?? []))].sort();
  const license = (name) =>
    readFileSync(`node_modules/${name}/${readdirSync(`node_modules/${name}`).find((file) => /^licen[cs]e/i.test(file))}`, "utf8");
  writeFileSync(join(out, "licenses.txt"), packages.map((name) => `${name}\n\n${license(name)}`).join("\n"));
  const hash = (data) => createHash("sha256").update(data).digest("hex");
  const files = readdirSync(out);
  const hashes = Object.fromEntries(files.map((file) => [file === "index.html" ? "" : file, hash(readFileSync(join(out, file)))]));
  const constants = { VERSION: hash(JSON.stringify([hashes, kPolicy])).slice(0, 16), HASHES: hashes, POLICY: kPolicy };
  const text = Object.entries(constants).map(([name, value]) => `const ${name} = ${JSON.stringify(value)};\n`);
  writeFileSync(join(out, "service-worker.js"), text.join("") + readFileSync("app/service-worker.js", "utf8"));
  // For hosts that read this file (Netlify, Cloudflare Pages); elsewhere the service worker adds the headers.
  writeFileSync(
    join(out, "_headers"),
    `/*\n  Content-Security-Policy: ${kPolicy}\n  Cross-Origin-Opener-Policy: same-origin\n  Cross-Origin-Embedder-Policy: require-corp\n`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.chdir(here);
  if (process.argv[2] === "gpu") {
    const folder = process.argv[3];
    await bundleForPage("bench/gpu.ts", join(folder, "recall-gpu.mjs"));
    copyFileSync(`${web}dist/compile/nereid.wasm`, join(folder, "nereid.wasm"));
    process.exit();
  }
  if (process.argv[2] === "test") {
    // Next to the packages that it imports.
    await bundle("test/all.ts", "node_modules/.test/all.mjs");
    process.exit();
  }
  rmSync("dist", { recursive: true, force: true });
  execFileSync(`${web}node_modules/.bin/tsc`, ["-p", "tsconfig.json"], { stdio: "inherit" });
  for (const file of readdirSync("dist").filter((name) => name.endsWith(".d.ts")))
    writeFileSync(`dist/${file}`, readFileSync(`dist/${file}`, "utf8").replace(/(from "\.\/\w+)\.ts"/g, '$1.js"'));
  execFileSync(`${web}node_modules/.bin/tsc`, ["-p", "app/tsconfig.json"], { stdio: "inherit" });
  await build({ ...settings, entryPoints: ["src/index.ts"], outfile: "dist/index.js", external: ["nereid-lang", "nereid-lang/*"] });
  await buildApp("dist/app");
}
