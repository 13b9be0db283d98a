// SPDX-License-Identifier: MIT
// Opening, disposal, lost devices, memory that is short.
import { NereidError, open } from "../../src/index.ts";
import { equal, fails, ok, test, within } from "../harness.ts";
import { adapter, gpu, load, manifestUrl, onGpu, openGpu, range } from "./device.ts";

onGpu("use after disposal", ["axpy", "count"], async (device, { axpy, count }) => {
  const x = device.buffer("f32", 8);
  const y = device.buffer("f32", 8);
  const running = axpy!.launch(1, { x, y, n: 8, a: 1 });
  x.dispose(); // after pending launches
  x.dispose();
  await running;
  await fails(() => x.read(), "disposed");
  await fails(() => x.write([1]), "disposed");
  await fails(() => axpy!.launch(1, { x, y, n: 8, a: 1 }), "disposed", { kernel: "axpy", argument: "x" });
  axpy!.dispose();
  await fails(() => axpy!.launch(1, { x: y, y, n: 8, a: 1 }), "disposed", { kernel: "axpy" });
  const out = device.buffer("i32", 65);
  const pending = count!.launch(64, { out, rounds: 100000 });
  const read = out.read();
  const ended = [pending, read].map((p) =>
    (p as Promise<unknown>).then(
      () => true,
      (error: NereidError) => error.code === "disposed" || String(error),
    ),
  );
  device.dispose();
  equal(await within(10, Promise.all(ended)), [true, true]);
  await fails(() => count!.launch(1, { out, rounds: 1 }), "disposed", { kernel: "count", message: "device" });
  await fails(() => device.buffer("f32", 1), "disposed");
  await fails(() => device.load(manifestUrl), "disposed");
  await fails(() => device.idle(), "disposed");
  await fails(() => y.read(), "disposed");
  device.dispose();
});

/** Another device works after one was lost. */
async function opensAgain(): Promise<void> {
  const other = await openGpu();
  const { count: again } = await load(other, ["count"]);
  const fresh = other.buffer("i32", 65);
  await again!.launch(64, { out: fresh, rounds: 1 });
  equal((await fresh.read())[64], 64);
  other.dispose();
}

onGpu("a GPU that is lost is an error, and another can be opened", ["count", "asserts"], async (device, { count, asserts }) => {
  const out = device.buffer("i32", 65);
  await count!.launch(64, { out, rounds: 1 });
  const all = [count!.launch(64, { out, rounds: 1000 }), out.read(), asserts!.launch(1, { which: 5 }), device.idle()];
  device.gpu.destroy();
  all.push(count!.launch(64, { out, rounds: 1 }));
  for (const [k, promise] of (await within(10, Promise.allSettled(all))).entries())
    ok(
      promise.status === "fulfilled" || (promise.reason instanceof NereidError && promise.reason.code === "lost-device"),
      `${k}: ${promise.status === "rejected" && promise.reason}`,
    );
  ok(device.lost, "lost");
  await fails(() => count!.launch(64, { out, rounds: 1 }), "lost-device", { kernel: "count", message: "open()" });
  await fails(() => out.read(), "lost-device");
  await fails(() => out.write(new Int32Array(65)), "lost-device");
  await fails(() => device.buffer("f32", 1), "lost-device");
  await fails(() => device.idle(), "lost-device");
  await fails(() => device.load(manifestUrl), "lost-device");
  await opensAgain();
});

// The program that drives the browser can end the process that owns the GPU.
const crash = (globalThis as { crashGpu?: () => Promise<void> }).crashGpu;
if (crash)
  onGpu("the GPU's process ends in the middle of launches", ["count"], async (device, { count }) => {
    const out = device.buffer("i32", 65);
    const launches = (async () => {
      for (;;) await count!.launch(64, { out, rounds: 1 });
    })();
    await Promise.all([crash(), fails(() => launches, "lost-device", { message: "open()" })]);
    ok(device.lost, "lost");
    await fails(() => out.read(), "lost-device");
    await fails(() => device.idle(), "lost-device");
    await opensAgain();
  });

onGpu(
  "memory that is short leaves arrays where they are",
  ["many"],
  async (device, { many }) => {
    const n = 10;
    const arrays = range(12).map(() => device.buffer("i32", n, range(n)));
    const args = { ...Object.fromEntries(arrays.map((a, k) => [`a${k}`, a])), n };
    const { gpu } = device;
    const pop = gpu.popErrorScope.bind(gpu);
    gpu.popErrorScope = () => pop().then(() => new Error("no memory") as unknown as GPUError);
    const failing = fails(() => many!.launch(1, args), "out-of-memory", { message: "no memory" });
    gpu.popErrorScope = pop;
    await failing;
    equal((await arrays[11]!.read())[9], 9);
    await many!.launch(1, args);
    equal((await arrays[11]!.read())[1], 67);
  },
  {},
  { maxStorageBuffersPerShaderStage: 8 },
);

onGpu("memory for scratch that was short is asked for again", ["scratch"], async (device, { scratch }) => {
  const out = device.buffer("i32", 8);
  const { gpu } = device;
  const create = gpu.createBuffer.bind(gpu);
  // Like a failed allocation: it is reported later, and the buffer cannot be used.
  gpu.createBuffer = (d) => create(d.usage & 128 && !d.mappedAtCreation ? { ...d, size: 2 ** 50 } : d);
  const pop = gpu.popErrorScope.bind(gpu);
  let first = true;
  gpu.popErrorScope = () => (first ? ((first = false), pop().then(() => new Error("no memory") as unknown as GPUError)) : pop());
  const failing = fails(() => scratch!.launch(3, { out }), "out-of-memory", { message: "no memory" });
  gpu.createBuffer = create;
  await failing;
  gpu.popErrorScope = pop;
  await scratch!.launch(3, { out });
  equal([...(await out.read())].slice(0, 4), [1, 1, 1, 0]);
});

onGpu("undisposed buffers are freed on garbage collection", ["axpy"], async (device, { axpy }) => {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (!collect) return;
  const gone = new Set<string>();
  const { gpu } = device;
  const create = gpu.createBuffer.bind(gpu);
  let made = 0;
  gpu.createBuffer = (d) => {
    const b = create(d);
    const name = String(made++);
    const destroy = b.destroy.bind(b);
    b.destroy = () => (gone.add(name), destroy());
    return b;
  };
  const use = async () => {
    const [x, y] = [device.buffer("f32", 1000), device.buffer("f32", 1000)];
    await axpy!.launch(4, { x, y, n: 1000, a: 1 });
  };
  await use();
  for (let i = 0; i < 50 && gone.size < 2; ++i) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  equal([...gone].sort(), ["0", "1"]);
});

if (adapter) {
  const emulated = adapter.info.isFallbackAdapter;
  test("WebGPU: open() takes a GPU, but none that is emulated unless asked", async () => {
    const any = await open({ gpu: gpu!, threads: 1 });
    equal(any.kind, emulated ? "wasm" : "webgpu");
    any.dispose();
    const fresh = {
      requestAdapter: async () => {
        const a = (await gpu!.requestAdapter())!;
        return {
          features: a.features,
          limits: a.limits,
          info: { isFallbackAdapter: false },
          requestDevice: (d: GPUDeviceDescriptor) => a.requestDevice(d),
        };
      },
    };
    const device = await open({ gpu: fresh as unknown as GPU });
    equal(device.kind, "webgpu");
    device.dispose();
  });
}

test("WebGPU: open() without a GPU", async () => {
  const none = { requestAdapter: async () => null } as unknown as GPU;
  await fails(() => open({ device: "webgpu", gpu: none }), "unsupported", { message: "adapter" });
  const device = await open({ gpu: none, threads: 1 });
  equal(device.kind, "wasm");
  device.dispose();
  const broken = {
    requestAdapter: async () => ({
      features: new Set(),
      limits: {},
      info: {},
      requestDevice: async () => Promise.reject(new Error("out of order")),
    }),
  } as unknown as GPU;
  await fails(() => open({ device: "webgpu", gpu: broken }), "unsupported", { message: "out of order" });
  (await open({ gpu: broken, threads: 1 })).dispose();
  const unreleased = { requestAdapter: async () => Promise.reject(new Error("not in this release")) } as unknown as GPU;
  await fails(() => open({ device: "webgpu", gpu: unreleased }), "unsupported", { message: "not in this release" });
  (await open({ gpu: unreleased, threads: 1 })).dispose();
  if (!globalThis.navigator?.gpu) await fails(() => open({ device: "webgpu" }), "unsupported", { message: "navigator.gpu" });
  await fails(() => open({ device: "webgpu", gpu: {} as GPU }), "wrong-argument");
});
