// SPDX-License-Identifier: MIT
// Measures the cost of a launch in JavaScript: batches of 1000 in Node through Dawn, with different numbers in each launch and with the
// same.
//   node bench/gpu/launch.mjs [--null] [--rounds N]      --null: Dawn's null back-end, which runs nothing, so that only Dawn and this package are measured
// Compares with the two calls of Dawn that every launch needs. Needs web/dist (scripts/web.sh build) and the npm package `webgpu`;
// VK_DRIVER_FILES selects the driver if there are several or none is installed.
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { open } from "../../web/dist/index.js";
import { compile } from "../../web/dist/compile/index.js";

const { values: o } = parseArgs({ options: { null: { type: "boolean" }, rounds: { type: "string", default: "200" } } });
const require = createRequire(new URL("../../web/package.json", import.meta.url));
const { create, globals } = await import(require.resolve("webgpu"));
Object.assign(globalThis, globals);
const gpu = create([...(o.null ? ["backend=null"] : []), "enable-dawn-features=allow_unsafe_apis"]);
const device = await open({ device: "webgpu", gpu });

const source = `import triton
import triton.language as tl


@triton.jit
def axpy(x, y, n, a, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    tl.store(y + i, a * tl.load(x + i, mask=inside) + tl.load(y + i, mask=inside), mask=inside)
`;
const axpy = await compile(source, { device, signature: "*fp32:16, *fp32:16, i32, fp32", constants: { BLOCK: 64 } });
const [x, y, z] = [0, 1, 2].map(() => device.buffer("f32", 64));

const kMany = 1000;
async function measure(name, batch, idle) {
  const times = [];
  for (let round = 0; round < Number(o.rounds); ++round) {
    const start = performance.now();
    batch();
    times.push(((performance.now() - start) / kMany) * 1000);
    await idle();
  }
  times.sort((a, b) => a - b);
  console.log(`${name.padEnd(40)} least ${times[0].toFixed(2)}, median ${times[times.length >> 1].toFixed(2)} µs`);
}
const idle = () => device.idle();
const each = (args) => () => {
  for (let i = 0; i < kMany; ++i) void axpy.launch(1, args(i));
};
const same = { x, y, n: 64, a: 2 };
console.log(`Node ${process.version}, ${o.null ? "Dawn's null back-end" : device.info.description || device.info.device}`);
await measure(
  "the same launch",
  each(() => same),
  idle,
);
await measure(
  "another number each time",
  each((i) => ({ x, y, n: 64, a: i })),
  idle,
);
await measure(
  "two pairs of arrays by turns",
  each((i) => (i & 1 ? { x, y: z, n: 64, a: i } : { x, y, n: 64, a: i })),
  idle,
);

// Only Dawn.
const d = device.gpu;
const layout = d.createBindGroupLayout({
  entries: [{ binding: 0, visibility: 4, buffer: { type: "uniform", hasDynamicOffset: true, minBindingSize: 64 } }],
});
const pipeline = d.createComputePipeline({
  layout: d.createPipelineLayout({ bindGroupLayouts: [layout] }),
  compute: {
    module: d.createShaderModule({
      code: "@group(0) @binding(0) var<uniform> p: array<vec4u, 4>; @compute @workgroup_size(64) fn main() { _ = p[0]; }",
    }),
  },
});
const uniform = d.createBuffer({ size: 65536, usage: 64 | 8 });
const group = d.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer: uniform, size: 64 } }] });
const offset = [0];
const bare = (groups) => () => {
  for (let at = 0; at < kMany; at += 250) {
    const encoder = d.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group, offset);
    for (let i = 0; i < 250; ++i) {
      if (groups) {
        offset[0] = i * 256;
        pass.setBindGroup(0, group, offset);
      }
      pass.dispatchWorkgroups(1);
    }
    pass.end();
    d.queue.submit([encoder.finish()]);
  }
};
await measure("Dawn: setBindGroup, dispatchWorkgroups", bare(true), () => d.queue.onSubmittedWorkDone());
await measure("Dawn: dispatchWorkgroups", bare(false), () => d.queue.onSubmittedWorkDone());
process.exit(0);
