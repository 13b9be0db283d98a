// SPDX-License-Identifier: MIT
// Kernels that are compiled and tuned here.
import { autotune, cdiv, jit, MemoryStore } from "../../src/compile/index.ts";
import { equal, fails, ok } from "../harness.ts";
import { onGpu } from "./device.ts";

const kFill = `import triton
import triton.language as tl


@triton.jit
def fill(x, n, WORK: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n)
    for _ in range(WORK):
        v = tl.sqrt(v * v + 1e-9)
    tl.store(x + i, v + 1, mask=i < n)
`;
const kDouble = `import triton
import triton.language as tl


@triton.jit
def double(x, out, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, 2 * tl.load(x + i, mask=i < n), mask=i < n)
`;
const fillGrid = ({ n, BLOCK }: { n: number; BLOCK: number }) => cdiv(n, BLOCK);

onGpu("jit: one compile for each combination, in the order of the calls", [], async (device) => {
  const fill = jit(kFill, { device, constants: { WORK: 1 }, cache: false });
  const x = device.buffer("f32", 1000);
  void fill.launch(fillGrid, { x, n: 1000, BLOCK: 256 });
  void fill.launch(fillGrid, { x, n: 992, BLOCK: 256 });
  void fill.launch(fillGrid, { x, n: 992, BLOCK: 64 });
  const got = await x.read();
  equal(
    [got[0], got[991], got[992], got[999], fill.compiled].map((v) => Math.round(v!)),
    [3, 3, 1, 1, 3],
  );
  // Half of the array, which may start anywhere.
  await fill.launch(fillGrid, { x: x.subarray(501), n: 499, BLOCK: 64 });
  equal(Math.round((await x.read())[501]!), 4);
  await fails(() => fill.launch(1, { x, n: 5, BLOCK: 3 }), "compile-failed");
});

onGpu("autotune: schedules of the best configuration", [], async (device) => {
  const kernel = jit(kDouble, { device, cache: false, constants: { BLOCK: 256 } });
  let now = 0;
  const threads = (text: string) => [...text.matchAll(/^nest .* threads (\d+)/gm)].reduce((sum, found) => sum + Number(found[1]), 0);
  const fill = autotune(kernel, {
    scheduleTime: 40_000,
    clock: () => (now += 1000),
    measure: async (_, launch, schedule) => {
      await launch();
      return schedule ? threads(schedule) : 1000;
    },
    cache: false,
  });
  const [x, out] = [device.buffer("f32", new Float32Array(2048).fill(4)), device.buffer("f32", 2048)];
  void fill.launch(fillGrid, { x, out, n: 2048 });
  equal(
    (await out.read()).every((v) => v === 8),
    true,
  );
  const found = fill.schedule({ x, out, n: 2048 })!;
  ok(threads(found) < 64, found);
  equal(kernel.compiled, 2);
});

onGpu("autotune: the fastest configuration by the GPU's clock, kept for this device", [], async (device) => {
  const cache = new MemoryStore();
  const make = () =>
    autotune(jit(kFill, { device, cache }), { configs: [4000, 1, 2000].map((WORK) => ({ WORK, BLOCK: 256 })), key: ["n"], time: 3, cache });
  const fill = make();
  const x = device.buffer("f32", 2048);
  void fill.launch(fillGrid, { x, n: 2048 });
  equal(Math.round((await x.read())[7]!), 1);
  equal([fill.best({ x, n: 2048 })?.WORK, fill.measured({ x, n: 2048 })[0]!.config.WORK], [1, 1]);
  const other = make();
  await other.launch(fillGrid, { x, n: 2048 });
  equal([other.best({ x, n: 2048 })?.WORK, other.measured({ x, n: 2048 }).length], [1, 0]);
});
