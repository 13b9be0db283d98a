// SPDX-License-Identifier: MIT
// Shaders: which one of several is used, and which manifests are refused.
import type { Manifest } from "../../src/index.ts";
import { hasSpecials, hasSubgroupsInOrder } from "../../src/webgpu.ts";
import { equal, fails, ok } from "../harness.ts";
import { gpu, type Kernels, manifestUrl, onGpu, openGpu } from "./device.ts";

onGpu("the first variant that the GPU can run", ["variant"], async (device, { variant }) => {
  const out = device.buffer("i32", 1);
  await variant!.launch(1, { out });
  equal((await out.read())[0], device.features.has("subgroups") ? 2 : 1);
});

onGpu("what the GPU makes of NaN and infinities is looked at, and told to shaders", ["specials"], async (device, { specials }) => {
  const bits = device.buffer("i32", Int32Array.of(0x7fc00000, 0x40490fdb, 0)),
    ieee = device.features.has("ieee-specials");
  equal(await hasSpecials(device.gpu), ieee);
  await specials!.launch(1, { bits });
  equal(await bits.read(), Int32Array.of(ieee ? 1 : 0, 0x40490fdb, 0x40490fdb));
});

onGpu("subgroups' threads are numbered as the workgroup's, or no variant takes them", [], async (device) => {
  const { subgroupMinSize: least, subgroupMaxSize: most } = device.info;
  if (!device.features.has("subgroups") || least !== most) return;
  equal([await hasSubgroupsInOrder(device.gpu, least), await hasSubgroupsInOrder(device.gpu, 2 * least)], [true, false]);
  equal(device.features.has("subgroups-32"), least === 32);
  // A GPU that reports subgroups of 32, but has others.
  const from = {
    requestAdapter: async () => {
      const a = (await gpu!.requestAdapter())!;
      return {
        features: a.features,
        limits: a.limits,
        info: { subgroupMinSize: 32, subgroupMaxSize: 32 },
        requestDevice: (d: GPUDeviceDescriptor) => a.requestDevice(d),
      };
    },
  };
  const other = await openGpu({ gpu: from as unknown as GPU });
  equal(other.features.has("subgroups-32"), least === 32);
  equal(await other.buffer("f32", [1]).read(), new Float32Array(1));
  other.dispose();
});

onGpu("invalid shaders and manifests are refused", [], async (device) => {
  const shader = (text: string, change: object = {}) =>
    device.load<Kernels>(
      {
        nereid: "0",
        artefacts: [
          {
            target: "webgpu",
            kernel: { name: "k", parameters: [{ name: "x", type: "*fp32" }] },
            files: ["k.wgsl"],
            webgpu: {
              sites: [],
              variants: [
                {
                  file: "k.wgsl",
                  features: [],
                  limits: {},
                  threads: 1,
                  scratch: 0,
                  report: false,
                  arrays: [{ parameter: 0, name: "x", writes: true }],
                  ...change,
                },
              ],
            },
          },
        ],
      },
      { base: () => new TextEncoder().encode(text) },
    );
  const good = "@group(0) @binding(1) var<storage, read_write> x: array<u32>;\n@compute @workgroup_size(1) fn main() {\n  x[0] = 1u;\n}\n";
  await shader(good);
  const error = await fails(() => shader(good.replace("1u", "1.5")), "load-failed", { kernel: "k", message: "k.wgsl:3:" });
  ok(error.message.includes("x[0] = 1.5;"), error.message);
  await fails(() => shader(good.replace("main", "other")), "load-failed", { kernel: "k" });
  await fails(() => shader(good.replace("binding(1)", "binding(2)")), "load-failed", { kernel: "k" });
  await fails(() => shader(good, { features: ["teleport"] }), "unsupported", { kernel: "k", message: "teleport" });
  await fails(() => shader(good, { limits: { maxComputeWorkgroupStorageSize: 2 ** 30 } }), "unsupported", {
    message: "maxComputeWorkgroupStorageSize 1073741824",
  });
  await fails(() => shader(good, { scratch: -1 }), "bad-manifest", { message: "scratch" });
  await fails(() => shader(good, { arrays: [{ parameter: 1, name: "x", writes: true }] }), "bad-manifest", { message: "arrays" });
  await fails(() => device.load({ nereid: "0", artefacts: [] }), "bad-manifest", { message: "target webgpu" });
  const none = { target: "webgpu", kernel: { name: "k", parameters: [] }, files: [] };
  await fails(() => device.load({ nereid: "0", artefacts: [none] } as Manifest), "bad-manifest", { message: "`webgpu`" });
  await fails(() => device.load(new URL("none.json", manifestUrl)), "load-failed", { message: "none.json" });
  await shader(good);
});

onGpu("what the GPU refuses is an error that leaves the device working", ["axpy"], async (device, { axpy }) => {
  const n = 8;
  const args = { x: device.buffer("f32", n), y: device.buffer("f32", n), n, a: 1 };
  await axpy!.launch(1, args);
  args.x.gpu.buffer.destroy(); // without the runtime's knowledge
  await fails(() => axpy!.launch(1, args), "trap", { kernel: "axpy" });
  await axpy!.launch(1, { ...args, x: device.buffer("f32", n) });
  // Out of memory: WebGPU reports it after the call.
  const { gpu } = device;
  const pop = gpu.popErrorScope.bind(gpu);
  gpu.popErrorScope = () => pop().then(() => new Error("no memory") as unknown as GPUError);
  const short = device.buffer("f32", n);
  gpu.popErrorScope = pop;
  await new Promise((resolve) => setTimeout(resolve, 50));
  await fails(() => short.read(), "out-of-memory", { message: "no memory" });
  await fails(() => short.write(new Float32Array(n)), "out-of-memory");
  await fails(() => axpy!.launch(1, { ...args, x: short }), "out-of-memory", { kernel: "axpy" });
  await axpy!.launch(1, { ...args, x: device.buffer("f32", n) });
});
