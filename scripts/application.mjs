// SPDX-License-Identifier: MIT
// How recall/ and voice/ are built, with the tools of web/: npm packages, and pages for any host of static files.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const web = fileURLToPath(new URL("../web/", import.meta.url));
const { build } = createRequire(`${web}build.mjs`)("esbuild");

// Imports of Nereid lead to web/dist.
const nereid = (external) => ({
  name: "nereid",
  setup(b) {
    b.onResolve({ filter: /^webgpu$/ }, () => ({ path: join(web, "node_modules/webgpu/index.js"), external: true }));
    b.onResolve({ filter: /^nereid-lang/ }, ({ path }) => {
      const { exports } = JSON.parse(readFileSync(`${web}package.json`, "utf8"));
      return { path: join(web, exports[path.replace("nereid-lang", ".")].default), external };
    });
  },
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

const kChunk = 2 ** 22; // bytes of a model that have one checksum

const checksums = (bytes) => ({
  size: bytes.length,
  chunk: kChunk,
  hashes: Array.from({ length: Math.ceil(bytes.length / kChunk) }, (_, k) => hash(bytes.subarray(k * kChunk, (k + 1) * kChunk))),
});

const hash = (data) => createHash("sha256").update(data).digest("hex");

/** The functions that build the application in a folder. */
export function application(here) {
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
  const file = (path) => join(here, path);
  const tsc = (project) => execFileSync(`${web}node_modules/.bin/tsc`, ["-p", file(project)], { stdio: "inherit" });
  return {
    /** Bundles a script for Node, to run in this repository. */
    bundle: (entry, outfile) =>
      build({ ...settings, entryPoints: [entry], outfile, external: ["node:*", "pdfjs-dist"], plugins: [nereid(true)] }),

    /** Bundles a script with Nereid, for a page; nereid.wasm must be next to it. */
    bundleForPage: (entry, outfile) =>
      build({ ...settings, entryPoints: [entry], outfile, external: ["node:*", "/ort/*", "/modules/*"], plugins: [nereid(false)] }),

    /** Checks the types of all, and builds the npm package in dist/. */
    async library() {
      rmSync(file("dist"), { recursive: true, force: true });
      tsc("tsconfig.json");
      for (const name of readdirSync(file("dist")).filter((name) => name.endsWith(".d.ts")))
        writeFileSync(file(`dist/${name}`), readFileSync(file(`dist/${name}`), "utf8").replace(/(from "\.\/\w+)\.ts"/g, '$1.js"'));
      if (existsSync(file("app/tsconfig.json"))) tsc("app/tsconfig.json");
      await build({
        ...settings,
        entryPoints: ["src/index.ts"],
        outfile: "dist/index.js",
        external: ["nereid-lang", "nereid-lang/*"],
      });
    },

    /**
     * Builds the page in a folder: scripts, `files` of app/ as they are, and others by name. `name` is a prefix of the service worker's stores, and
     * `large` are files that it stores when they are first loaded. `models` are files that the page itself stores, in chunks whose checksums are in NAME.json.
     */
    async page(folder, { name, entries, files, others = {}, large = [], models = {} }) {
      const out = resolve(folder);
      const POLICY = kPolicy;
      rmSync(out, { recursive: true, force: true });
      mkdirSync(out, { recursive: true });
      const { metafile } = await build({
        ...settings,
        metafile: true,
        entryPoints: entries,
        outdir: out,
        splitting: true,
        minify: true,
        platform: "browser",
        external: ["node:*"],
        legalComments: "none",
        plugins: [nereid(false)],
      });
      writeFileSync(join(out, "index.html"), readFileSync(file("app/index.html"), "utf8").replace("POLICY", POLICY));
      for (const one of files) copyFileSync(file(`app/${one}`), join(out, one));
      copyFileSync(`${web}dist/compile/nereid.wasm`, join(out, "nereid.wasm"));
      copyFileSync(`${web}dist/compile/worker.js`, join(out, "compile-worker.js"));
      copyFileSync(`${web}dist/worker.js`, join(out, "thread-worker.js"));
      for (const [to, from] of Object.entries(others)) copyFileSync(from, join(out, to));
      for (const [to, from] of Object.entries(models).filter(([, from]) => existsSync(from))) {
        copyFileSync(from, join(out, to));
        writeFileSync(join(out, `${to}.json`), JSON.stringify(checksums(readFileSync(from))));
      }
      // The licences of bundled packages are included.
      const inputs = Object.keys(metafile.inputs);
      const packages = [
        ...new Set(inputs.flatMap((path) => /(?:^|\/)node_modules\/((?:@[\w.-]+\/)?[\w.-]+)/.exec(path)?.[1] ?? [])),
      ].sort();
      const license = (path) =>
        readFileSync(file(`node_modules/${path}/${readdirSync(file(`node_modules/${path}`)).find((f) => /^licen[cs]e/i.test(f))}`), "utf8");
      writeFileSync(join(out, "licenses.txt"), packages.map((path) => `${path}\n\n${license(path)}`).join("\n"));
      const all = readdirSync(out).filter((path) => !(path in models));
      const hashes = Object.fromEntries(all.map((path) => [path === "index.html" ? "" : path, hash(readFileSync(join(out, path)))]));
      const constants = {
        NAME: name,
        VERSION: hash(JSON.stringify([hashes, POLICY])).slice(0, 16),
        HASHES: hashes,
        LARGE: large,
        POLICY,
      };
      const text = Object.entries(constants).map(([key, value]) => `const ${key} = ${JSON.stringify(value)};\n`);
      const worker = readFileSync(fileURLToPath(new URL("service-worker.js", import.meta.url)), "utf8");
      writeFileSync(join(out, "service-worker.js"), text.join("") + worker);
      // For hosts that read this file (Netlify, Cloudflare Pages); elsewhere the service worker adds the headers.
      writeFileSync(
        join(out, "_headers"),
        `/*\n  Content-Security-Policy: ${POLICY}\n  Cross-Origin-Opener-Policy: same-origin\n  Cross-Origin-Embedder-Policy: require-corp\n`,
      );
    },
  };
}
