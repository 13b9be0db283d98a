// SPDX-License-Identifier: MIT
// Checks the types and builds dist/; says how large the runtime is.
import { execFileSync } from "node:child_process";
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
process.chdir(here);
const settings = { absWorkingDir: here, bundle: true, format: "esm", target: "es2022", platform: "neutral", external: ["node:*", "webgpu"], legalComments: "none", logLevel: "warning" };
const minified = { ...settings, minify: true, write: false };

// The worker is one script, which the package carries as text.
const worker = (await build({ ...minified, entryPoints: ["src/worker.ts"], format: "iife" })).outputFiles[0].text;
export const plugins = [
  {
    name: "worker",
    setup(b) {
      b.onResolve({ filter: /^nereid:worker$/ }, () => ({ path: "worker", namespace: "nereid" }));
      b.onLoad({ filter: /.*/, namespace: "nereid" }, () => ({ contents: worker, loader: "text" }));
    },
  },
];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  rmSync("dist", { recursive: true, force: true });
  const tsc = (project) => execFileSync("node_modules/.bin/tsc", ["-p", project], { stdio: "inherit" });
  tsc("tsconfig.json");
  tsc("tsconfig.build.json");
  // Modules one by one, so that bundlers take what is used. TypeScript leaves some names as they are in the sources.
  for (const name of readdirSync("dist")) {
    const text = readFileSync(`dist/${name}`, "utf8").replace(/(from "\.\/[\w-]+)\.ts"/g, '$1.js"').replace('"nereid:worker"', '"./worker-text.js"');
    writeFileSync(`dist/${name}`, text);
  }
  writeFileSync("dist/worker-text.js", `export default ${JSON.stringify(worker)};\n`);
  copyFileSync("../LICENSE", "LICENSE");
  for (const name of ["jobs.js", "jobs.d.ts", "node-gpu.js", "node-gpu.d.ts", "node-run.d.ts"]) rmSync(`dist/${name}`);
  await build({ ...settings, plugins, entryPoints: ["src/node-run.ts"], outdir: "dist" });
  await build({ ...settings, entryPoints: ["src/worker.ts"], format: "iife", minify: true, outfile: "dist/worker.js" });
  // A page that only runs WebAssembly loads the first; the second comes when a GPU is opened.
  const apart = { name: "apart", setup: (b) => b.onResolve({ filter: /\/webgpu\.ts$/ }, ({ kind }) => (kind === "dynamic-import" ? { path: "./webgpu.js", external: true } : undefined)) };
  const wasm = (await build({ ...minified, plugins: [...plugins, apart], entryPoints: ["src/index.ts"] })).outputFiles[0].contents;
  const { outputFiles, metafile } = await build({ ...minified, plugins, entryPoints: ["src/index.ts"], outdir: "chunks", splitting: true, metafile: true });
  const gpu = outputFiles[Object.values(metafile.outputs).findIndex((chunk) => chunk.entryPoint === "src/webgpu.ts")].contents;
  const packed = (bytes) => gzipSync(bytes, { level: 9 }).length;
  console.log(`runtime: ${wasm.length} bytes minified, ${packed(wasm)} with gzip; for WebGPU ${gpu.length} more, ${packed(gpu)} with gzip`);
  if (packed(wasm) > 12288) {
    console.error("larger than 12 kB");
    process.exit(1);
  }
}
