// SPDX-License-Identifier: MIT
// Checks the types, builds dist/, and prints the size of the runtime.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
process.chdir(here);
const settings = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: "es2022",
  platform: "neutral",
  external: ["node:*", "webgpu"],
  legalComments: "none",
  logLevel: "warning",
};
const minified = { ...settings, minify: true, write: false };

// Each worker is one script, which the package contains as text. The compiler's version includes a hash of its module, so that kernels
// stored by another one are not used.
const script = async (path) => (await build({ ...minified, entryPoints: [path], format: "iife" })).outputFiles[0].text;
export const compiler = "../build-wasm/nereid.wasm"; // built by scripts/wasm.sh
const { version } = JSON.parse(readFileSync("package.json", "utf8"));
// The kernel library: Triton files that the Python package has as well. Lines that only tests read are left out.
const library = "../python/nereid/kernels/source";
const kernels = Object.fromEntries(
  readdirSync(library)
    .filter((name) => name.endsWith(".py"))
    .sort()
    .map((name) => [name, readFileSync(`${library}/${name}`, "utf8").replace(/^# run: .*$/gm, "#")]),
);
const texts = {
  kernels: JSON.stringify(kernels),
  worker: await script("src/worker.ts"),
  "compile-worker": await script("src/compile/worker.ts"),
  version: `${version}-${createHash("sha256").update(readFileSync(compiler)).digest("hex").slice(0, 16)}`,
};
export const plugins = [
  {
    name: "texts",
    setup(b) {
      b.onResolve({ filter: /^nereid:/ }, ({ path }) => ({ path: path.slice("nereid:".length), namespace: "nereid" }));
      b.onLoad({ filter: /.*/, namespace: "nereid" }, ({ path }) => ({ contents: texts[path], loader: "text" }));
    },
  },
];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  rmSync("dist", { recursive: true, force: true });
  const tsc = (project) => execFileSync("node_modules/.bin/tsc", ["-p", project], { stdio: "inherit" });
  tsc("tsconfig.json");
  tsc("tsconfig.build.json");
  // Separate modules, so that bundlers include only what is used. TypeScript does not rename private names.
  for (const name of readdirSync("dist", { recursive: true }).filter((name) => /\.(js|ts)$/.test(name))) {
    const text = readFileSync(`dist/${name}`, "utf8")
      .replace(/((?:from|import\() ?"\.{1,2}\/[\w/-]+)\.ts"/g, '$1.js"')
      .replace(/"nereid:([\w-]+)"/g, `"${name.includes("/") ? "../" : "./"}$1-text.js"`);
    writeFileSync(`dist/${name}`, text);
  }
  for (const [name, text] of Object.entries(texts)) writeFileSync(`dist/${name}-text.js`, `export default ${JSON.stringify(text)};\n`);
  writeFileSync("dist/version-text.d.ts", "declare const version: string;\nexport default version;\n");
  copyFileSync(compiler, "dist/compile/nereid.wasm");
  copyFileSync("../LICENSE", "LICENSE");
  for (const name of ["jobs.js", "jobs.d.ts", "node-gpu.js", "node-gpu.d.ts", "node-run.d.ts", "compile/worker.d.ts"])
    rmSync(`dist/${name}`);
  await build({ ...settings, plugins, entryPoints: ["src/node-run.ts"], outdir: "dist" });
  await build({ ...settings, entryPoints: ["src/worker.ts"], format: "iife", minify: true, outfile: "dist/worker.js" });
  await build({ ...settings, entryPoints: ["src/compile/worker.ts"], format: "iife", minify: true, outfile: "dist/compile/worker.js" });
  // A page that only runs WebAssembly loads the first file; the second is loaded when a GPU is opened. (The parts that few kernels need,
  // f64 functions and printing, are loaded with those kernels.)
  const apart = {
    name: "apart",
    setup: (b) =>
      b.onResolve({ filter: /^\./ }, ({ kind, path }) =>
        kind === "dynamic-import" ? { path: path.replace(/ts$/, "js"), external: true } : undefined,
      ),
  };
  const wasm = (await build({ ...minified, plugins: [...plugins, apart], entryPoints: ["src/index.ts"] })).outputFiles[0].contents;
  const { outputFiles, metafile } = await build({
    ...minified,
    plugins,
    entryPoints: ["src/index.ts"],
    outdir: "chunks",
    splitting: true,
    metafile: true,
  });
  const gpu = outputFiles[Object.values(metafile.outputs).findIndex((chunk) => chunk.entryPoint === "src/webgpu.ts")].contents;
  const shared = { name: "shared", setup: (b) => b.onResolve({ filter: /^\.\.\// }, ({ path }) => ({ path, external: true })) };
  const compile = (await build({ ...minified, plugins: [...plugins, shared], entryPoints: ["src/compile/index.ts"] })).outputFiles[0]
    .contents;
  const library = (await build({ ...minified, plugins: [...plugins, shared], entryPoints: ["src/kernels/index.ts"] })).outputFiles[0]
    .contents;
  // The files that a page loads, and their size limits with gzip.
  const size = (name, bytes, most) => {
    const packed = execFileSync("gzip", ["-9", "-c"], { input: bytes, maxBuffer: 2 ** 24 }).length; // zlib of Node packs less
    console.log(`${name}: ${bytes.length} bytes minified, ${packed} with gzip`);
    if (packed <= most) return;
    console.error(`larger than ${most}`);
    process.exitCode = 1;
  };
  size("runtime", wasm, 12288);
  size("for WebGPU", gpu, 12288);
  size("for compile and jit", compile, 10240);
  size("for kernels", library, 24576);
  size("the compiler", readFileSync(compiler), 475000);
}
