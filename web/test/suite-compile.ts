// SPDX-License-Identifier: MIT
// The tests of the compiler in Node, pages and workers.
import {
  type AutotuneOptions,
  autotune,
  cdiv,
  type Constant,
  compile,
  compileArtefacts,
  CompileError,
  configure,
  describe,
  emit,
  jit,
  MemoryStore,
  PageStore,
  preload,
  type Store,
  type Value,
  version,
} from "../src/compile/index.ts";
import { isLoaded } from "../src/compile/loader.ts";
import { search } from "../src/compile/schedules.ts";
import { literal, splitSignature } from "../src/compile/values.ts";
import { type OpenOptions, open as openAny, type WasmDevice as Device } from "../src/index.ts";
import { equal, fails, ok, test, within } from "./harness.ts";

const isPage = typeof document === "object";
const open = (options: OpenOptions = {}) => openAny({ device: "wasm", threads: 1, ...options } as OpenOptions & { device: "wasm" });
// A compiler that answers every request with a fault: it calls `fail` with "it broke".
const kFaulty =
  "AGFzbQEAAAABGAVgAn9/AGAAAGABfwF/YAJ/fwF/YAABfwIPAQZuZXJlaWQEZmFpbAAAAwYFAQIDBAQFAwEAAQc8BgZtZW1vcnkCAAtfaW5pdGlhbGl6ZQABBWFsbG9jAAIDYXNrAAMGYW5zd2VyAAQKYW5zd2VyU2l6ZQAFCh4FAgALBQBBgAgLCQBBEEEIEAAACwQAQQALBABBAAsLDgEAQRALCGl0IGJyb2tl";

const kHead = "import triton\nimport triton.language as tl\n\n\n@triton.jit\n";
const kAxpy = `${kHead}def axpy(x, y, n, a, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    tl.store(y + i, a * tl.load(x + i, mask=inside) + tl.load(y + i, mask=inside), mask=inside)
`;

async function withDevice(body: (device: Device) => Promise<void>, options: OpenOptions = {}): Promise<void> {
  const device = await open(options);
  try {
    await within(30, body(device));
  } finally {
    device.dispose();
  }
}
const onDevice = (name: string, body: (device: Device) => Promise<void>) => test(name, () => withDevice(body));

test("compile: for one GPU there are the two shaders that it takes", async () => {
  const source = `${kHead}def scores(q, k, out, N: tl.constexpr):
    i = tl.arange(0, N)
    s = tl.dot(tl.load(q + i[:, None] * N + i[None, :]), tl.load(k + i[:, None] + i[None, :] * N))
    p = tl.exp(s - tl.max(s, 1)[:, None])
    tl.store(out + i[:, None] * N + i[None, :], (p / tl.sum(p, 1)[:, None]).to(tl.float16))
`;
  const options = { signature: "*fp16:16, *fp16:16, *fp16:16", constants: { N: 32 }, cache: false };
  const all = await compileArtefacts(source, { ...options, target: "webgpu" });
  const has = new Map<string, string[]>();
  for (const features of [
    [],
    ["shader-f16"],
    ["subgroups-32"],
    ["shader-f16", "subgroups-32"],
    ["shader-f16", "subgroups-32", "subgroup-matrix"],
  ]) {
    const target = ["webgpu", ...features, "maxComputeWorkgroupStorageSize=49152"].join(" ") as "webgpu";
    const { manifest, files } = await compileArtefacts(source, { ...options, target });
    const { variants } = manifest.artefacts[0]!.webgpu!;
    has.set(
      features.join(),
      variants.map((v) => v.file),
    );
    equal(
      variants.flatMap((v) => v.features).filter((name) => !features.includes(name)),
      [],
    );
    equal(
      variants.map((v) => v.aliases),
      variants.length > 1 ? [false, true] : [true],
    );
    for (const { file } of variants)
      if (all.files[file]) equal(new TextDecoder().decode(files[file]), new TextDecoder().decode(all.files[file]));
  }
  equal(
    [...has],
    [
      ["", ["scores.distinct.wgsl", "scores.wgsl"]],
      ["shader-f16", ["scores.f16.distinct.wgsl", "scores.f16.wgsl"]],
      ["subgroups-32", ["scores.subgroups.distinct.wgsl", "scores.wgsl"]],
      ["shader-f16,subgroups-32", ["scores.subgroups.f16.distinct.wgsl", "scores.f16.wgsl"]],
      ["shader-f16,subgroups-32,subgroup-matrix", ["scores.matrix.distinct.wgsl", "scores.f16.wgsl"]],
    ],
  );
});

onDevice("compile: source to a kernel that runs", async (device) => {
  const x = device.buffer("f32", new Float32Array(1000).fill(3));
  const y = device.buffer("f32", new Float32Array(1000).fill(1));
  const axpy = await compile(kAxpy, { device, signature: "*fp32:16, *fp32:16, i32, fp32", constants: { BLOCK: 256 } });
  equal([axpy.name, axpy.parameters.map((p) => `${p.name}: ${p.type}`)], ["axpy", ["x: *fp32", "y: *fp32", "n: i32", "a: fp32"]]);
  await axpy.launch(4, { x, y, n: 999, a: 2 });
  equal([y.view[0], y.view[998], y.view[999]], [7, 7, 1]);
  // The same, with the types inferred from arguments.
  const again = await compile(kAxpy, { device, args: { x, y, n: 1000, a: 0.5 }, constants: { BLOCK: 128 }, kernel: "axpy" });
  await again.launch(8, { x, y, n: 1000, a: -0.5 });
  equal(y.view[999], -0.5);
});

test("compile: what it refuses is told as text and as objects", async () => {
  const wrong = kAxpy.replace("mask=inside)\n", "mask=insde)\n");
  const error = (await fails(
    () => compileArtefacts(wrong, { path: "my.py", signature: "*fp32,*fp32,i32,fp32", constants: { BLOCK: 64 }, cache: false }),
    "compile-failed",
  )) as CompileError;
  ok(error instanceof CompileError && error.message.startsWith("my.py:9:") && error.message.includes("^"), error.message);
  const [first] = error.diagnostics;
  const line = wrong.split("\n")[first!.line! - 1]!;
  equal([first!.file, first!.id, line.slice(first!.column! - 1, first!.column! - 1 + first!.length!)], ["my.py", "unknown-name", "insde"]);
  ok(first!.hint.includes("inside"), first!.hint);
  await fails(() => compileArtefacts(kAxpy, { signature: "*fp32", kernel: "nothing" }), "compile-failed", { message: "nothing" });
  await fails(() => compileArtefacts(kAxpy, { target: "gpu" as never, signature: "*fp32,*fp32,i32,fp32,64" }), "compile-failed", {
    message: "unknown target `gpu`",
  });
  await fails(() => compileArtefacts(5 as never), "wrong-argument");
  await fails(
    () => compileArtefacts(kAxpy, { signature: "*fp32,*fp32,i32,fp32", constants: { BLOCK: (() => {}) as never } }),
    "wrong-argument",
  );
});

test("compile: stages, and what is printed at compile time", async () => {
  const printed: string[] = [];
  const source = `${kHead}def k(x, N: tl.constexpr):\n    tl.static_print("N is", N)\n    tl.store(x, N)\n`;
  const options = { signature: "*i32", constants: { N: 5 }, print: (line: string) => void printed.push(line) };
  ok((await emit(source, { ...options, stage: "ttir" })).includes("tt.func public @k"), "ttir");
  ok((await emit(source, { ...options, stage: "wat" })).startsWith("(module"), "wat");
  ok((await emit(source, { ...options, stage: "schedule" })).includes("scratch of a program"), "schedule");
  ok((await emit(source, { stage: "tokens" })).includes("tl"), "tokens");
  equal(printed, ["N is 5", "N is 5", "N is 5"]);
  await fails(() => emit(source, { ...options, stage: "llvm" }), "compile-failed", { message: "llvm" });
  // Kernels from the store print as well.
  const cache = new MemoryStore();
  printed.length = 0;
  for (let i = 0; i < 2; ++i) await compileArtefacts(source, { ...options, cache });
  equal(printed, ["N is 5", "N is 5"]);
});

onDevice("compile: IR of Triton, and sources that import others", async (device) => {
  const out = device.buffer("i32", 1);
  const ttir = await emit(`${kHead}def k(x):\n    tl.store(x, 7)\n`, { signature: "*i32", stage: "ttir" });
  await (await compile(ttir, { device, path: "k.ttir" })).launch(1, { x: out });
  equal(out.view[0], 7);
  const files = { "lib/helpers.py": `${kHead}def twice(v):\n    return 2 * v\n` };
  const source = `import triton\nimport triton.language as tl\nfrom helpers import twice\n\n\n@triton.jit\ndef k(x, v):\n    tl.store(x, twice(v))\n`;
  await (await compile(source, { device, path: "lib/k.py", files, signature: "*i32,i32" })).launch(1, { x: out, v: 21 });
  equal(out.view[0], 42);
});

test("compile: constants are Python's literals", async () => {
  const pairs: [Constant, string][] = [
    [5, "5"],
    [-0, "-0.0"],
    [0.5, "0.5"],
    [1e21, "1e+21"],
    [Infinity, "float('inf')"],
    [-Infinity, "float('-inf')"],
    [NaN, "float('nan')"],
    [2n ** 70n, String(2n ** 70n)],
    [true, "True"],
    [null, "None"],
    ["it's\\\n", "'it\\'s\\\\\\n'"],
    [[1, "a"], "(1, 'a',)"],
    [{ python: "tl.float16" }, "tl.float16"],
  ];
  for (const [value, wanted] of pairs) equal(literal(value), wanted);
  const source = `${kHead}def k(x, A: tl.constexpr, B: tl.constexpr, C: tl.constexpr, D: tl.constexpr, E: tl.constexpr):\n    if A == "it's" and B is None and C[1] == 2 and D == -float("inf"):\n        tl.store(x, tl.full((), 1, E))\n`;
  const ttir = await emit(source, {
    signature: "*fp32",
    stage: "ttir",
    constants: { A: "it's", B: null, C: [1, 2], D: -Infinity, E: { python: "tl.float32" } },
  });
  ok(ttir.includes("tt.store"), ttir);
  equal(splitSignature(" *fp32:16, (i32, *fp32), 'a,b',, 64 "), ["*fp32:16", "(i32, *fp32)", "'a,b'", "", "64"]);
  equal([splitSignature(""), splitSignature(",")], [[], ["", ""]]);
});

// A store that counts operations, and can be corrupted.
class Spied implements Store {
  readonly inner = new MemoryStore(4);
  hits = 0;
  spoil: ((bytes: Uint8Array) => Uint8Array) | undefined;
  async get(key: string) {
    const found = await this.inner.get(key);
    if (found) ++this.hits;
    return found && (this.spoil?.(found.slice()) ?? found);
  }
  set = (key: string, bytes: Uint8Array<ArrayBuffer>) => this.inner.set(key, bytes);
  delete = (key: string) => this.inner.delete(key);
}

test("cache: a hit does not load the compiler; what is spoiled is compiled again", async () => {
  const cache = new Spied();
  const options = { signature: "*fp32:16,*fp32:16,i32,fp32", constants: { BLOCK: 64 }, cache };
  const first = await compileArtefacts(kAxpy, options);
  configure({}); // drops the compiler
  const second = await compileArtefacts(kAxpy, options);
  equal([isLoaded(), cache.hits], [false, 1]);
  equal(second.files["axpy.wasm"], first.files["axpy.wasm"]);
  second.files["axpy.wasm"]![0] = 99; // our copy only
  const spoils: ((bytes: Uint8Array) => Uint8Array)[] = [
    (b) => ((b[b.length >> 1]! ^= 1), b),
    (b) => b.subarray(0, b.length - 1),
    (b) => b.subarray(0, 10),
    () => new Uint8Array(),
  ];
  for (const spoil of spoils) {
    cache.spoil = spoil;
    equal((await compileArtefacts(kAxpy, options)).files["axpy.wasm"], first.files["axpy.wasm"]);
  }
  ok(isLoaded(), "it was compiled again");
  // Options that affect the result change the key.
  cache.spoil = undefined;
  cache.hits = 0;
  await compileArtefacts(kAxpy, { ...options, constants: { BLOCK: 32 } });
  await compileArtefacts(`${kAxpy}\n`, options);
  await compileArtefacts(kAxpy, { ...options, debug: true });
  equal(cache.hits, 0);
  // A store that throws is ignored.
  const broken: Store = {
    get: () => Promise.reject(new Error("no")),
    set: () => Promise.reject(new Error("no")),
    delete: () => Promise.reject(new Error("no")),
  };
  ok((await compileArtefacts(kAxpy, { ...options, cache: broken })).files["axpy.wasm"], "compiled");
});

test("cache: stores are bounded and forget the oldest", async () => {
  const stores: Store[] = [new MemoryStore(3)];
  if (typeof caches === "object") {
    await caches.delete("nereid-test");
    stores.push(new PageStore(3, "nereid-test"));
  }
  for (const store of stores) {
    for (let i = 0; i < 5; ++i) {
      await store.set(`key ${i}`, new Uint8Array([i]));
      if (i === 3) await store.set("key 1", new Uint8Array([11])); // now the newest
    }
    equal(
      (await Promise.all(["key 0", "key 1", "key 2", "key 3", "key 4"].map((k) => store.get(k)))).map((b) => b && [...b]),
      [undefined, [11], undefined, [3], [4]],
    );
    await store.delete("key 4");
    equal(await store.get("key 4"), undefined);
  }
  ok(/^\d+\.\d+\.\d+-[0-9a-f]{16}$/.test(version), version);
});

test("compile: equal requests at a time are one", async () => {
  const cache = new Spied();
  let sets = 0;
  cache.set = async (key, bytes) => (++sets, cache.inner.set(key, bytes));
  await Promise.all([1, 2, 3].map(() => describe(kAxpy, { cache })));
  equal(sets, 1);
});

test("compile: in a worker, the same", async () => {
  const options = { signature: "*fp32:16,*fp32:16,i32,fp32", constants: { BLOCK: 64 }, cache: false };
  const here = await compileArtefacts(kAxpy, options);
  const there = await within(20, compileArtefacts(kAxpy, { ...options, worker: true }));
  equal(there.files["axpy.relaxed.wasm"], here.files["axpy.relaxed.wasm"]);
  await fails(() => compileArtefacts("def", { ...options, worker: true }), "compile-failed");
});

test("compile: a fault of the compiler says so, and one that is not there", async () => {
  try {
    configure({ wasm: Uint8Array.from(atob(kFaulty), (c) => c.charCodeAt(0)) });
    for (const worker of [false, true])
      await fails(() => describe(kAxpy, { cache: false, worker }), "compiler-fault", { message: "it broke" });
    configure({ wasm: new URL("nothing.wasm", import.meta.url) });
    await fails(() => describe(kAxpy, { cache: false }), "load-failed", { message: "cannot load the compiler" });
    configure({ wasm: new Uint8Array(8) });
    await fails(() => describe(kAxpy, { cache: false }), "load-failed");
  } finally {
    configure({ wasm: new URL("nereid.wasm", import.meta.url) });
  }
  equal(
    (await describe(kAxpy, { cache: false })).parameters.map((p) => p.constexpr),
    [false, false, false, false, true],
  );
});

test("compile: after a fault the compiler works on, and a command reproduces the fault", async () => {
  const options = {
    path: "my's.py",
    kernel: "axpy",
    signature: "*fp32, *fp32, i32, fp32",
    constants: { BLOCK: 64 },
    cache: false,
  } as const;
  const command = `nereid emit --stage fault 'my'\\''s.py:axpy' --signature '*fp32,*fp32,i32,fp32' -D 'BLOCK=64'`;
  for (const worker of [false, true]) {
    await fails(() => emit(kAxpy, { ...options, worker, stage: "fault" as "ttir" }), "compiler-fault", { message: command });
    ok((await emit(kAxpy, { ...options, worker, stage: "ttir" })).includes("tt.func"), "it compiles again");
  }
});

onDevice("jit: one compile for each combination of types, divisibility, ones and constants", async (device) => {
  const cache = new MemoryStore();
  const axpy = jit(kAxpy, { device, cache });
  const [x, y] = [device.buffer("f32", new Float32Array(64).fill(1)), device.buffer("f32", 64)];
  const grid = ({ n, BLOCK }: { n: number; BLOCK: number }) => [cdiv(n, BLOCK)] as const;
  const launches: [Record<string, Value>, number][] = [
    [{ x, y, n: 50, a: 2.5, BLOCK: 16 }, 1],
    [{ x, y, n: 51, a: 3.5, BLOCK: 16 }, 1],
    [{ x, y, n: 64, a: 3.5, BLOCK: 16 }, 2], // divisible by 16
    [{ x, y, n: 48, a: 3.5, BLOCK: 16 }, 2],
    [{ x, y, n: 1, a: 3.5, BLOCK: 16 }, 3], // 1
    [{ x, y, n: 2, a: 3, BLOCK: 16 }, 4], // an integer
    [{ x, y, n: 2, a: { type: "f32", value: 3 }, BLOCK: 16 }, 4], // the same kernel as for 2.5
    [{ x, y, n: 2, a: 3.5, BLOCK: 32 }, 5],
    [{ x: x.subarray(1), y, n: 2, a: 3.5, BLOCK: 16 }, 6], // not aligned
    [{ x: x.subarray(4), y, n: 2, a: 3.5, BLOCK: 16 }, 6],
    [{ x, y, n: { type: "i64", value: 2 }, a: 3.5, BLOCK: 16 }, 7],
    [{ x, y, n: 2 ** 40, a: 3.5, BLOCK: 64 }, 8], // needs i64
  ];
  for (const [args, compiled] of launches) {
    const wanted = Array.from(y.view, (v, i) =>
      i < Number((args.n as { value: number }).value ?? args.n)
        ? Math.fround(v + Number((args.a as { value: number }).value ?? args.a))
        : v,
    );
    await axpy.launch(args.n === 2 ** 40 ? 1 : grid, args);
    equal([axpy.compiled, [...y.view]], [compiled, wanted], `launch with n ${String(args.n)}`);
  }
  // Another object with the same source compiles nothing: the kernel is stored.
  configure({});
  const other = jit(kAxpy, { device, cache });
  await other.launch(grid, { x, y, n: 50, a: 2.5, BLOCK: 16 });
  equal(isLoaded(), false);
  axpy.dispose();
  await fails(() => axpy.launch(1, { x, y, n: 50, a: 2.5, BLOCK: 16 }), "disposed");
});

onDevice("jit: launches that compile keep their place among others", async (device) => {
  const axpy = jit(kAxpy, { device, cache: false, constants: { BLOCK: 16 } });
  const x = device.buffer("f32", new Float32Array(16).fill(1));
  const y = device.buffer("f32", 16);
  void axpy.launch(1, { x, y, n: 16, a: 2.5 });
  void y.write(new Float32Array(16).fill(10));
  void axpy.launch(1, { x, y, n: 15, a: 2.5 });
  const before = y.read();
  void axpy.launch(1, { x, y, n: 16, a: 0.5 });
  // The memory of buffers disposed now is freed after the launches.
  const late = jit(kAxpy, { device, cache: false });
  const z = device.buffer("f32", 16);
  const [done, copy] = [late.launch(1, { x, y: z, n: 16, a: 4.5, BLOCK: 16 }), z.read()];
  x.dispose();
  const [first, third] = [await before, await copy];
  equal([first[0], first[15], y.view[0], third[15]], [12.5, 10, 13, 4.5]);
  await done;
  z.dispose();
  await fails(() => late.launch(1, { x, y: z, n: 16, a: 4.5, BLOCK: 16 }), "disposed");
});

onDevice("jit: tuples, descriptors, defaults, None and what must not be specialised", async (device) => {
  const out = device.buffer("i32", 64);
  const tuples = jit(`${kHead}def k(x, pair, END: tl.constexpr = 5):\n    tl.store(x, pair[0] + pair[1][0] * END)\n`, { device });
  await tuples.launch(1, { x: out, pair: [2, [10]] });
  equal(out.view[0], 52);
  const none = jit(
    `${kHead}def k(x, other):\n    if other is None:\n        tl.store(x, 9)\n    else:\n        tl.store(x, tl.load(other))\n`,
    { device },
  );
  await none.launch(1, { x: out, other: null });
  equal(out.view[0], 9);
  const plain = jit(
    `import triton\nimport triton.language as tl\n\n\n@triton.jit(do_not_specialize=["n"])\ndef k(x, n):\n    tl.store(x, n)\n`,
    { device },
  );
  for (const n of [1, 16, 17]) await plain.launch(1, { x: out, n });
  equal([plain.compiled, out.view[0]], [1, 17]);
  const wide = jit(`${kHead}def k(x, n: tl.int64):\n    tl.store(x, (n >> 33).to(tl.int32))\n`, { device });
  await wide.launch(1, { x: out, n: 2 ** 35 + 1 });
  await wide.launch(1, { x: out, n: 3 });
  equal([wide.compiled, out.view[0]], [1, 0]);
});

onDevice("jit: invalid arguments are named in the error", async (device) => {
  const axpy = jit(kAxpy, { device });
  const x = device.buffer("f32", 8);
  const good = { x, y: x, n: 8, a: 1, BLOCK: 8 };
  const kernel = "axpy";
  for (let round = 0; round < 2; ++round) {
    await fails(() => axpy.launch(1, { x, y: x, n: 8, BLOCK: 8 }), "missing-argument", { kernel, argument: "a" });
    await fails(() => axpy.launch(1, { x, y: x, n: 8, a: 1 }), "missing-argument", {
      kernel,
      argument: "BLOCK",
      message: "a constexpr is missing",
    });
    await fails(() => axpy.launch(1, { ...good, z: 1 }), "surplus-argument", { kernel, argument: "z", message: "x, y, n, a, BLOCK" });
    await fails(() => axpy.launch(1, { ...good, x: new Float32Array(8) as never }), "wrong-argument", { kernel, argument: "x" });
    await fails(() => axpy.launch(1, { ...good, a: { type: "f99" as never, value: 1 } }), "wrong-argument", { kernel, argument: "a" });
    await fails(() => axpy.launch(-1, good), "bad-grid", { kernel });
    await fails(() => axpy.launch(1, { ...good, BLOCK: 7 }), "compile-failed", { message: "7" });
    await fails(() => axpy.launch(1, null as never), "wrong-argument");
  }
  await axpy.launch(1, good); // it still works
});

const kFill = `${kHead}def fill(x, n, BLOCK: tl.constexpr, WORK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n)
    for k in range(WORK):
        v = v * 0.5 + tl.sqrt(v)
    tl.store(x + i, v + 1, mask=i < n)
`;

// The time of real launches depends on the load of the machine: tests launch once, and count the work.
const byWork: AutotuneOptions["measure"] = async (config, launch) => {
  await launch();
  return config.WORK as number;
};

onDevice("autotune: the fastest configuration, once for each problem, and arrays as if nothing was tried", async (device) => {
  const cache = new MemoryStore();
  const n = 2048;
  const make = () =>
    autotune(jit(kFill, { device, cache }), {
      configs: [200, 1, 100].map((WORK) => ({ WORK, BLOCK: 256 })),
      key: ["n"],
      measure: byWork,
      cache,
    });
  const fill = make();
  const x = device.buffer("f32", n);
  const grid = ({ n, BLOCK }: { n: number; BLOCK: number }) => cdiv(n, BLOCK);
  void fill.launch(grid, { x, n });
  const after = await x.read(); // in order: after the launch
  equal([after[0], after[n - 1]], [1, 1]);
  equal(
    [fill.best({ x, n }), fill.best({ x, n: 5 }), fill.measured({ x, n }).map((m) => m.config.WORK)],
    [{ WORK: 1, BLOCK: 256 }, undefined, [1, 100, 200]].map((v) => v),
  );
  await fill.launch(grid, { x, n });
  equal(x.view[5], Math.fround(0.5 + 1 + 1));
  // Another object finds the stored result.
  const other = make();
  await other.launch(grid, { x, n });
  equal([other.best({ x, n })?.WORK, other.measured({ x, n }).length], [1, 0]);
});

onDevice("autotune: a space is searched by neighbours; what does not compile is passed over", async (device) => {
  const x = device.buffer("f32", 512);
  const space = { WORK: [1, 20, 40, 80, 160], BLOCK: [3, 64, 128, 256] }; // 3 is not a power of two
  const fill = autotune(jit(kFill, { device }), { space, measure: byWork, budget: 12, cache: false });
  await fill.launch(({ BLOCK }) => cdiv(512, BLOCK), { x, n: 512 });
  equal([fill.best({ x, n: 512 })?.WORK, fill.measured({ x, n: 512 }).length <= 12], [1, true]);
  const none = autotune(jit(kFill, { device }), { configs: [{ BLOCK: 3, WORK: 1 }], cache: false });
  await fails(() => none.launch(1, { x, n: 512 }), "compile-failed");
  await fails(() => autotune(jit(kFill, { device }), {}), "wrong-argument", { message: "either" });
  await fails(() => autotune(jit(kFill, { device }), { configs: [] }), "wrong-argument");
  // With the real clock: whichever is fastest, each is measured.
  const timed = autotune(jit(kFill, { device }), { configs: [1, 2].map((WORK) => ({ WORK, BLOCK: 256 })), time: 1, cache: false });
  await timed.launch(({ BLOCK }) => cdiv(512, BLOCK), { x, n: 512 });
  ok(
    timed.measured({ x, n: 512 }).every((m) => m.time > 0 && m.time < 1e6),
    "each configuration takes some time",
  );
  const left = autotune(jit(kFill, { device }), { configs: [{ BLOCK: 64, WORK: 1 }], keep: () => false, cache: false });
  await fails(() => left.launch(1, { x, n: 512 }), "wrong-argument", { message: "keep" });
});

// A clock that advances by a second per look, and times that depend on the schedule alone: fewer lanes are faster.
const ticks = () => {
  let now = 0;
  return () => (now += 1000);
};
const lanes = (schedule: string) => [...schedule.matchAll(/^nest .* lanes (\d+)/gm)].reduce((sum, found) => sum + Number(found[1]), 0);
const byLanes: AutotuneOptions["measure"] = async (_, launch, schedule) => {
  await launch();
  return schedule ? lanes(schedule) : 1000;
};

onDevice("autotune: schedules of the best configuration, kept for later launches", async (device) => {
  const cache = new MemoryStore();
  const kernel = jit(kFill, { device, cache });
  const make = (options: AutotuneOptions = {}, of = kernel) =>
    autotune(of, { key: ["n"], scheduleTime: 60_000, clock: ticks(), measure: byLanes, cache, ...options });
  const x = device.buffer("f32", 1000);
  const args = { x, n: 1000, BLOCK: 256, WORK: 3 };
  const fill = make();
  await fill.launch(4, args);
  equal([x.view[0], x.view[999]], [1, 1]); // launched once, as if nothing was tried
  const found = fill.schedule(args)!;
  const byCompiler = await emit(kFill, {
    stage: "schedule.wasm",
    signature: "*fp32:16,i32",
    constants: { BLOCK: 256, WORK: 3 },
    cache: false,
  });
  ok(lanes(found) > 0 && lanes(found) < lanes(byCompiler), `${found} has fewer lanes than ${byCompiler}`);
  equal(fill.best(args), {});
  // The compiler's schedule and the best one stay loaded; the others were only tried.
  equal(kernel.compiled, 2);
  await fill.launch(4, args);
  equal([kernel.compiled, Math.round(x.view[0]! * 8)], [2, Math.round((1 + reference(1, 3)) * 8)]);
  // Another object finds the stored result, and measures nothing.
  const other = make({ measure: () => Promise.reject(new Error("it was measured")) }, jit(kFill, { device, cache }));
  await other.launch(4, args);
  equal(other.schedule(args), found);
  // No schedule wins: the compiler's stays.
  const same = make({ measure: () => 1, cache: false });
  await same.launch(4, args);
  equal([same.schedule(args), same.measured(args).length], [undefined, 1]);
  // After configurations.
  const both = make({ configs: [{ BLOCK: 64 }, { BLOCK: 256 }], measure: (c, _, s) => (s ? lanes(s) : Number(c.BLOCK)), cache: false });
  await both.launch(cdivGrid, { x, n: 1000, WORK: 1 });
  equal([both.best({ x, n: 1000, WORK: 1 })?.BLOCK, both.schedule({ x, n: 1000, WORK: 1 })?.includes(" axes 64 ")], [64, true]);
});
const reference = (v: number, work: number) => range(work).reduce((sum) => sum * 0.5 + Math.sqrt(sum), v);
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const cdivGrid = ({ n, BLOCK }: { n: number; BLOCK: number }) => cdiv(n, BLOCK);

test("autotune: a search of schedules ends if all draws are equal, and needs several wins in a row", async () => {
  const same = async () => "# a comment\nkernel threads 1\nnest 0 a\nkernel threads 1\nnest 0 b\n";
  const none = async () => "";
  const always = () => true;
  equal(await search({ schedule: same, candidates: none }, async () => 1, always), "");
  // Each seed draws another decision. Two are faster, one of them only the first two times.
  let left = 40;
  const draw = async (schedule = "random 0") => `kernel threads 1\nnest 0 ${schedule}\n`;
  let calls = 0;
  const time = async (schedule: string) => (schedule.includes("random 7\n") ? 1 : schedule.includes("random 3\n") && ++calls < 3 ? 1 : 2);
  equal(await search({ schedule: draw, candidates: none }, time, () => left-- > 0), "kernel threads 1\nnest 0 random 7\n");
  equal(calls, 3);
});

test("autotune: a search of schedules tries the candidates that should gain most first, until none is faster", async () => {
  // The compiler completes a line: what it omits is `order 0`.
  const complete = (decisions: string) => decisions.replace(/ lanes (\d+)$/gm, " lanes $1 order 0");
  const schedule = async (
    decisions = "kernel threads 1\nnest 0 lanes 8 order 0\nkernel threads 2\nnest 0 lanes 8 order 0\n",
  ): Promise<string> => (decisions.startsWith("random") ? schedule() : complete(decisions));
  const listed = (now: string) => `nest 0 lanes {16 8 4 2}  # cost 10 20 30 40; now ${now}, by default 8: it is\n`;
  const candidates = async (decisions: string) => {
    const [first, second] = [...decisions.matchAll(/lanes (\d+)/g)].map((found) => found[1]!);
    return `kernel threads 1\n${listed(first!)}kernel threads 2\n${listed(second!)}`;
  };
  const tried: string[] = [];
  const time = async (text: string) => {
    const found = [...text.matchAll(/lanes (\d+)/g)].map((match) => match[1]!);
    if (found.length > 0) tried.push(found.join());
    return found.join() === "16,4" ? 1 : found[0] === "16" ? 2 : 3;
  };
  const best = await search({ schedule, candidates }, time, () => true);
  equal(best, "kernel threads 1\nnest 0 lanes 16 order 0\nkernel threads 2\nnest 0 lanes 4 order 0\n");
  equal(tried[0], "16,8");
});

onDevice("compile: by a schedule, which must be legal", async (device) => {
  const options = { device, signature: "*fp32:16,i32", constants: { BLOCK: 256, WORK: 1 }, cache: false };
  const schedule = (await emit(kFill, { ...options, stage: "schedule.wasm" })).replace(/ lanes \d+/, " lanes 4");
  const x = device.buffer("f32", 1000);
  await (await compile(kFill, { ...options, schedule })).launch(4, { x, n: 1000 });
  await jit(kFill, { ...options, schedule }).launch(4, { x, n: 1000 });
  equal(x.view[999], 2.5);
  for (const wrong of ["nonsense", schedule.replace(" lanes 4", " lanes 3")]) {
    await fails(() => compile(kFill, { ...options, schedule: wrong }), "compile-failed", { message: "schedule" });
    await fails(() => jit(kFill, { ...options, schedule: wrong }).launch(4, { x, n: 1000 }), "compile-failed", { message: "schedule" });
  }
});

if (isPage)
  test("compile: from nothing to a result in the time of a blink", async () => {
    configure({});
    const start = performance.now();
    void preload();
    await withDevice(async (device) => {
      const y = device.buffer("f32", 64);
      await jit(kAxpy, { device, cache: false }).launch(1, { x: y, y, n: 64, a: 1.5, BLOCK: 64 });
    });
    const time = performance.now() - start;
    console.log(`cold compile and launch: ${time.toFixed(0)} ms`);
  });
