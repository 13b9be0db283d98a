// SPDX-License-Identifier: MIT
// Uses the package like its users: dist/ in Node, in a bundle, and its types.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build, transformSync } from "esbuild";
import { pack } from "./pack.mjs";

const web = fileURLToPath(new URL("..", import.meta.url));

// A package that depends on it.
const folder = `${web}/build/test/consumer`;
const installed = `${folder}/node_modules/nereid-lang`;
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
cpSync(pack(), installed, { recursive: true });
writeFileSync(`${folder}/package.json`, '{"type": "module"}');
writeFileSync(`${folder}/tsconfig.json`, "{}");

const kAxpy = `
import triton
import triton.language as tl


@triton.jit
def axpy(x, y, n, a, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    tl.store(y + i, a * tl.load(x + i, mask=inside) + tl.load(y + i, mask=inside), mask=inside)
`;
// Prints 6,8.
const kProgram = `
  const device = await open({ device: "wasm", threads: 1 });
  const [x, y] = [device.buffer("f32", [1, 2], [3, 4]), device.buffer("f32", 2)];
  await jit(${JSON.stringify(kAxpy)}, { device }).launch(1, { x, y, n: 2, a: 2.0, BLOCK: 16 });
  console.log([...y.view].join());`;
const run = (file) => execFileSync(process.execPath, [file], { encoding: "utf8", timeout: 20000 });

test("npm packs runtime, compiler, types and README, and nothing else", () => {
  const files = readdirSync(installed, { recursive: true }).filter((name) => statSync(`${installed}/${name}`).isFile());
  for (const name of [
    "README.md",
    "LICENSE",
    "package.json",
    "dist/index.js",
    "dist/index.d.ts",
    "dist/compile/index.js",
    "dist/compile/index.d.ts",
    "dist/compile/nereid.wasm",
    "dist/compile/worker.js",
  ])
    assert.ok(files.includes(name), name);
  assert.deepEqual(
    files.filter((name) => !/^(README\.md|LICENSE|package\.json|dist\/.*\.(js|d\.ts|wasm))$/.test(name)),
    [],
  );
  const { exports } = JSON.parse(readFileSync(`${installed}/package.json`, "utf8"));
  for (const target of Object.values(exports).flatMap((e) => (typeof e === "string" ? [e] : Object.values(e))))
    assert.ok(existsSync(`${installed}/${target}`), target);
});

test("it compiles in Node, by its name and by its address as Deno and pages import it", () => {
  writeFileSync(`${folder}/named.mjs`, `import { open } from "nereid-lang";\nimport { jit } from "nereid-lang/compile";${kProgram}`);
  assert.equal(run(`${folder}/named.mjs`), "6,8\n");
  writeFileSync(
    `${folder}/addressed.mjs`,
    `const { open } = await import(new URL("node_modules/nereid-lang/dist/index.js", import.meta.url));\nconst { jit } = await import(new URL("node_modules/nereid-lang/dist/compile/index.js", import.meta.url));${kProgram}`,
  );
  assert.equal(run(`${folder}/addressed.mjs`), "6,8\n");
});

test("it compiles in Deno, which may read and nothing else, by its address and by its name", (t) => {
  const deno = `${web}/test/deno/node_modules/.bin/deno`;
  if (!existsSync(deno)) return t.skip("Deno is not installed (scripts/setup.sh --tests)");
  const program = kProgram.replace("threads: 1", "threads: 2").replace("{ device })", "{ device, worker: true })");
  writeFileSync(`${folder}/deno-named.mjs`, `import { open } from "nereid-lang";\nimport { jit } from "nereid-lang/compile";${program}`);
  writeFileSync(
    `${folder}/deno-addressed.mjs`,
    `import { open } from "./node_modules/nereid-lang/dist/index.js";\nimport { jit } from "./node_modules/nereid-lang/dist/compile/index.js";${program}`,
  );
  for (const file of ["deno-named", "deno-addressed"]) {
    const said = execFileSync(
      deno,
      ["run", "--quiet", "--no-prompt", `--allow-read=${folder}`, "--node-modules-dir=manual", `${folder}/${file}.mjs`],
      { encoding: "utf8", timeout: 30000, env: { ...process.env, DENO_DIR: `${folder}/deno-dir`, DENO_NO_UPDATE_CHECK: "1" } },
    );
    assert.equal(said, "6,8\n");
  }
});

test("esbuild bundles it: the compiler's module is a file beside the bundle", async () => {
  const contents = `import { open } from "nereid-lang";\nimport { configure, jit } from "nereid-lang/compile";\nimport wasm from "nereid-lang/compiler.wasm";\nconfigure({ wasm: new URL(wasm, import.meta.url) });${kProgram}`;
  await build({
    stdin: { contents, resolveDir: folder },
    bundle: true,
    format: "esm",
    minify: true,
    platform: "browser",
    loader: { ".wasm": "file" },
    outfile: `${folder}/bundle/app.mjs`,
    allowOverwrite: true,
  });
  assert.equal(run(`${folder}/bundle/app.mjs`), "6,8\n");
  const [module] = readdirSync(`${folder}/bundle`).filter((name) => name.endsWith(".wasm"));
  assert.ok(readFileSync(`${folder}/bundle/${module}`).equals(readFileSync(`${installed}/dist/compile/nereid.wasm`)), "its module");
  // Or copied there by hand, without a loader.
  const plain = contents.replace(/import wasm.*\nconfigure.*/, "");
  await build({
    stdin: { contents: plain, resolveDir: folder },
    bundle: true,
    format: "esm",
    minify: true,
    platform: "browser",
    outfile: `${folder}/copied/app.mjs`,
    allowOverwrite: true,
  });
  cpSync(`${installed}/dist/compile/nereid.wasm`, `${folder}/copied/nereid.wasm`);
  assert.equal(run(`${folder}/copied/app.mjs`), "6,8\n");
});

test("dist/ runs kernels", async () => {
  const { open } = await import("nereid-lang");
  const device = await open({ threads: 2 });
  const { axpy } = await device.load(`${web}/build/test/modules/manifest.json`);
  const [x, y] = [device.buffer("f32", [1, 2], [3, 4]), device.buffer("f32", 2)];
  await axpy.launch(1, { x, y, n: 2, a: 2 });
  assert.deepEqual([...y.view], [6, 8]);
  device.dispose();
});

test("a program ends when its launches have, with a device that nobody disposed of", () => {
  const program = `
    const { open } = await import("nereid-lang");
    const device = await open({ threads: 3 });
    const { count } = await device.load("${web}/build/test/modules/manifest.json");
    const out = device.buffer("i32", 65);
    void count.launch(64, { out, rounds: 3000000 }).then(() => console.log("done", out.view[64]));`;
  const said = execFileSync(process.execPath, ["--input-type=module", "-e", program], { cwd: web, encoding: "utf8", timeout: 20000 });
  assert.equal(said, "done 64\n");
});

test("on a GPU too, whose source only the device holds", (t) => {
  const program = `
    const { open } = await import("nereid-lang");
    const { create } = await import("webgpu");
    const device = await open({ device: "webgpu", gpu: create([]) });
    const { count } = await device.load("${web}/build/test/shaders/manifest.json");
    for (let i = 0; i < 20; ++i) await new Promise((resolve) => setTimeout(resolve, 1, gc()));
    const out = device.buffer("i32", 65);
    void count.launch(64, { out, rounds: 3000 }).then(async () => console.log("done", (await out.read())[64]));`;
  const driver = "/usr/lib/chromium/vk_swiftshader_icd.json";
  if (!existsSync(driver)) return t.skip("no SwiftShader");
  const said = execFileSync(process.execPath, ["--expose-gc", "--input-type=module", "-e", program], {
    cwd: web,
    encoding: "utf8",
    timeout: 20000,
    env: { ...process.env, VK_DRIVER_FILES: driver },
  });
  assert.equal(said, "done 64\n");
});

test("a bundle has only what is used, and nothing of Node", async () => {
  const bundle = async (contents) =>
    (await build({ stdin: { contents, resolveDir: folder }, bundle: true, format: "esm", minify: true, write: false, platform: "browser" }))
      .outputFiles[0].text;
  const small = await bundle('import { encode } from "nereid-lang"; console.log(encode("f16", 1));');
  assert.ok(small.length < 4000, `${small.length} bytes for encode()`);
  const all = await bundle('import { open } from "nereid-lang"; await open();');
  assert.ok(!/(import|require)\("node:/.test(all), "an import of node:");
  const gpu = await bundle('import { open } from "nereid-lang/webgpu"; await open();');
  assert.ok(!/WebAssembly\./.test(gpu) && gpu.length < 40000, `${gpu.length} bytes for GPUs alone`);
});

test("a bundler that can puts the half for GPUs into a chunk of its own", async () => {
  const { outputFiles, metafile } = await build({
    stdin: { contents: 'import { open } from "nereid-lang"; await open({ device: "wasm" });', resolveDir: folder, sourcefile: "app.js" },
    bundle: true,
    format: "esm",
    minify: true,
    write: false,
    platform: "browser",
    splitting: true,
    outdir: "out",
    metafile: true,
  });
  const chunks = Object.values(metafile.outputs);
  const text = outputFiles[chunks.findIndex((chunk) => chunk.entryPoint && !chunk.entryPoint.endsWith("/webgpu.js"))].text;
  assert.ok(
    chunks.some((chunk) => chunk.entryPoint?.endsWith("/webgpu.js")) && !text.includes("requestAdapter"),
    Object.keys(metafile.outputs).join(),
  );
});

// The TypeScript of README.md and docs/: blocks with an import, and their output in Node if the comment before them gives it.
const blocks = [
  `${web}/../README.md`,
  ...readdirSync(`${web}/../docs`, { recursive: true })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `${web}/../docs/${name}`),
].flatMap((page) =>
  [...readFileSync(page, "utf8").matchAll(/(?:<!-- node prints: (.*) -->\n)?```ts\n(import[^]*?)```/g)].map(([, prints, body]) => ({
    page: page.slice(page.lastIndexOf("/") + 1, -3),
    prints,
    body,
  })),
);

test("the programs of the documentation print what it says", () => {
  assert.ok(blocks.length >= 7 && blocks.filter((b) => b.prints).length >= 5, `${blocks.length} blocks`);
  blocks.forEach(({ page, prints, body }, i) => {
    if (prints === undefined) return;
    const { code } = transformSync(body, { loader: "ts", format: "esm", target: "es2022" });
    writeFileSync(`${folder}/docs-${page}-${i}.mjs`, code);
    assert.equal(run(`${folder}/docs-${page}-${i}.mjs`), `${prints}\n`, page);
  });
});

test("its types stand alone", () => {
  cpSync(`${web}/test/kernels.d.ts`, `${folder}/kernels.d.ts`);
  blocks.forEach(({ page, body }, i) =>
    writeFileSync(`${folder}/consumer-${page}-${i}.ts`, `${body.replace("./dist/kernels.js", "./kernels.js")}\nexport {};\n`),
  );
  const gpu =
    'import { open } from "nereid-lang/webgpu";\nconst device = await open({ powerPreference: "low-power" });\ndevice.buffer("f32", 4).gpu.buffer satisfies GPUBuffer;\n';
  writeFileSync(`${folder}/consumer-gpu.ts`, gpu);
  for (const module of [
    ["NodeNext", "NodeNext"],
    ["ESNext", "bundler"],
  ]) {
    const options = {
      strict: true,
      noEmit: true,
      target: "ES2022",
      lib: ["ES2022", "ESNext.Disposable", "DOM"],
      types: [],
      module: module[0],
      moduleResolution: module[1],
    };
    writeFileSync(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions: options, include: ["consumer-*.ts"] }));
    execFileSync(`${web}/node_modules/.bin/tsc`, ["-p", folder], { encoding: "utf8", stdio: "pipe" });
  }
});
