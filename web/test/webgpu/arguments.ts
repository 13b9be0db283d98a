// SPDX-License-Identifier: MIT
// Arguments: types, sizes, what is refused; arrays that overlap.
import { jit } from "../../src/compile/index.ts";
import type { GpuBuffer } from "../../src/index.ts";
import { equal, fails, ok } from "../harness.ts";
import { type Kernels, manifestUrl, onGpu, openGpu, range, readManifest } from "./device.ts";

onGpu("promises of divisibility are kept", [], async (device) => {
  const manifest = await readManifest();
  const artefact = manifest.artefacts.find((a) => a.kernel.name === "axpy")!;
  const divisors = artefact.kernel.parameters.map((p) => (p.name === "a" ? 1 : 16));
  const { axpy } = await device.load<Kernels>(
    { ...manifest, artefacts: [{ ...artefact, webgpu: { ...artefact.webgpu!, divisors } }] },
    { base: manifestUrl },
  );
  const [x, y] = [device.buffer("f32", new Float32Array(1024).fill(1)), device.buffer("f32", 1024)];
  await axpy!.launch(4, { x: x.subarray(4, 1024), y, n: 1008, a: 2 });
  equal([(await y.read())[0], (await y.read())[1007], (await y.read())[1008]], [2, 2, 0]);
  await fails(() => axpy!.launch(4, { x: x.subarray(1, 1024), y, n: 1008, a: 2 }), "wrong-argument", { kernel: "axpy", argument: "x" });
  await fails(() => axpy!.launch(4, { x, y, n: 1000, a: 2 }), "wrong-argument", { kernel: "axpy", argument: "n" });
});

onGpu("numbers of every type, as words", ["slots", "words"], async (device, { slots, words }) => {
  const out = device.buffer("u32", 26);
  await slots!.launch(1, {
    out,
    b: true,
    c: -1,
    s: -2,
    i: 3000000000,
    l: -(2n ** 63n),
    v: 255,
    w: 65535,
    u: 4294967295,
    h: 1.5,
    g: -2,
    e: 448,
    f: -0,
    z: 2n ** 64n - 1n,
  });
  const f = 0xffffffff;
  equal(
    [...(await out.read())],
    [1, 0, f, f, f - 1, f, 3000000000, f, 0, 2 ** 31, 255, 0, 65535, 0, f, 0, 0x3e00, 0, 0xc000, 0, 0x7e, 0, 2 ** 31, 0, f, f],
  );
  await slots!.launch(1, {
    out,
    b: 0,
    c: 255,
    s: 32767,
    i: -1,
    l: 2 ** 53 - 1,
    v: 0,
    w: 0,
    u: 0,
    h: NaN,
    g: 1e39,
    e: 1e9,
    f: Infinity,
    z: 5,
  });
  equal(
    [...(await out.read())],
    [0, 0, f, f, 32767, 0, f, f, f, 2 ** 21 - 1, 0, 0, 0, 0, 0, 0, 0x7e00, 0, 0x7f80, 0, 0x7f, 0, 0x7f800000, 0, 5, 0],
  );
  // Grid, zero, then offset and name of each array.
  const [x, y] = [device.buffer("i32", 100), device.buffer("i32", 10)];
  const of = async (x: GpuBuffer<"i32">, y: GpuBuffer<"i32">) => {
    await words!.launch([2, 3, 4], { x, y, out, n: 7 });
    return [...(await out.read())].slice(0, 12);
  };
  const first = await of(x, y);
  equal([...first.slice(0, 5), ...first.slice(6, 7), ...first.slice(8, 9), ...first.slice(10)], [2, 3, 4, 0, 0, 0, 0, 7, 0]);
  ok(new Set([first[5], first[7], first[9]]).size === 3, "three buffers");
  const second = await of(x.subarray(3), x.subarray(70));
  equal([second[4], second[6], second[5], second[7]], [12, 280, first[5], first[5]]);
});

onGpu("bytes: neighbours stay, offsets and sizes of any kind", ["bytes"], async (device, { bytes }) => {
  const x = device.buffer("u8", Uint8Array.from(range(131)));
  const out = device.buffer(
    "u8",
    200,
    range(200, () => 7),
  );
  await bytes!.launch(3, { x: x.subarray(1), out: out.subarray(3, 133), n: 130 });
  const wanted = range(200, (i) => (i >= 3 && i < 133 ? i - 1 : 7));
  equal(await out.read(), Uint8Array.from(wanted));
  equal(await out.subarray(3, 8).read(), Uint8Array.of(2, 3, 4, 5, 6));
  await out.subarray(5, 6).write([99]);
  await out.subarray(9, 15).write([1, 2, 3, 4, 5, 6]);
  wanted.splice(5, 1, 99);
  wanted.splice(9, 6, 1, 2, 3, 4, 5, 6);
  equal(await out.read(), Uint8Array.from(wanted));
  for (let n = 0; n < 20; ++n) {
    const some = device.buffer("u8", n, range(n));
    equal(await some.read(), Uint8Array.from(range(n)));
    await some.write(range(n, (i) => i * 2));
    equal(await some.read(), Uint8Array.from(range(n, (i) => i * 2)));
    some.dispose();
  }
});

onGpu("buffers: types, shapes, data", [], async (device) => {
  const b = device.buffer("f32", [2, 3], [1, 2, 3, 4, 5, 6]);
  equal([b.dtype, b.size, ...b.shape], ["f32", 6, 2, 3]);
  equal(await b.subarray(2, 4).read(), Float32Array.of(3, 4));
  equal(await b.subarray(4).subarray(1).read(), Float32Array.of(6));
  equal(await device.buffer("i64", 2, [1n, -1n]).read(), BigInt64Array.of(1n, -1n));
  equal(await device.buffer("f64", Float64Array.of(1.5)).read(), Float64Array.of(1.5));
  equal(await device.buffer("bool", 3, [2, 0, -1]).read(), Uint8Array.of(1, 0, 1));
  equal(await device.buffer("bf16", 1, [1]).read(), Uint16Array.of(0x3f80));
  equal(await device.buffer("f32", 0).read(), new Float32Array(0));
  equal(await device.buffer("u32", new Int32Array([5, -1]).subarray(1)).read(), Uint32Array.of(4294967295));
  await fails(() => b.write([1, 2, 3]), "wrong-size", { message: "6 elements" });
  await fails(() => b.write(new Float64Array(6)), "wrong-dtype");
  await fails(() => device.buffer("f31" as never, 1), "wrong-dtype", { message: "f31" });
  await fails(() => device.buffer("f32", -1), "wrong-size");
  await fails(() => device.buffer("f32", 3, [1]), "wrong-size");
  for (const [begin, end] of [
    [-1, 2],
    [3, 2],
    [0, 9],
    [0.5, 2],
  ] as const)
    await fails(() => b.subarray(begin, end), "wrong-size");
  const { buffer, offset } = b.subarray(2).gpu;
  equal([offset, buffer.size], [8, 32]);
});

onGpu("invalid arguments are named in the error", ["axpy"], async (device, kernels) => {
  const axpy = kernels.axpy!;
  const x = device.buffer("f32", 8);
  const good = { x, y: device.buffer("f32", 8), n: 8, a: 1 };
  const kernel = "axpy";
  await fails(() => axpy.launch(1, { ...good, y: device.buffer("f64", 8) }), "wrong-dtype", {
    kernel,
    argument: "y",
    message: "is *fp32, but the buffer has elements of f64",
  });
  await fails(() => axpy.launch(1, { x, y: x, n: 8 }), "missing-argument", { kernel, argument: "a" });
  await fails(() => axpy.launch(1, { ...good, z: 1 }), "surplus-argument", { kernel, argument: "z" });
  await fails(() => axpy.launch(1, { ...good, x: 5 }), "wrong-argument", { kernel, argument: "x" });
  await fails(() => axpy.launch(1, { ...good, n: 1.5 }), "wrong-argument", { kernel, argument: "n" });
  for (const grid of [-1, NaN, 2 ** 32, [65536, 65536], []]) await fails(() => axpy.launch(grid as never, good), "bad-grid", { kernel });
  const other = await openGpu();
  await fails(() => axpy.launch(1, { ...good, x: other.buffer("f32", 8) }), "wrong-argument", {
    kernel,
    argument: "x",
    message: "another device",
  });
  other.dispose();
  await axpy.launch(0, good);
  await axpy.launch(1, good); // and it still works
  equal(await good.y.read(), new Float32Array(8));
});

const kHalves = `import triton
import triton.language as tl


@triton.jit
def halves(x, y, z, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n).to(tl.float32) + tl.load(y + i, mask=i < n)
    tl.store(y + i, v, mask=i < n)
    tl.store(z + i, v.to(tl.float16), mask=i < n)
`;
for (const room of [8, 2])
  onGpu(
    `arrays of f16 and f32 with ${room} bindings, in place and out of place`,
    [],
    async (device) => {
      const halves = jit(kHalves, { device, constants: { BLOCK: 256 }, cache: false });
      const n = 512;
      const [x, y, z] = [device.buffer("f16", n, range(n)), device.buffer("f32", n, range(n)), device.buffer("f16", n)];
      await halves.launch(2, { x, y, z, n });
      equal([(await y.read())[511], (await z.subarray(1, 2).read())[0]], [1022, (await device.buffer("f16", 1, [2]).read())[0]]);
      await halves.launch(2, { x, y, z: x, n }); // in place
      equal((await y.read())[511], 1022 + 511);
      equal(
        await x.read(),
        await device
          .buffer(
            "f16",
            n,
            range(n, (i) => 3 * i),
          )
          .read(),
      );
    },
    {},
    { maxStorageBuffersPerShaderStage: room },
  );

onGpu("a variant for arrays that do not lie in one another", ["which"], async (device, { which }) => {
  const [a, b] = [device.buffer("i32", 10), device.buffer("i32", 300)];
  const ran = async (x: GpuBuffer<"i32">, y: GpuBuffer<"i32">, out: GpuBuffer<"i32">) => {
    await which!.launch(1, { x, y, out });
    return (await out.read())[0];
  };
  equal([await ran(a, a, b), await ran(a, b, b), await ran(b, a, b), await ran(b, b, b), await ran(b, b.subarray(70), a)], [1, 2, 2, 2, 1]);
  equal([await ran(a, b.subarray(0, 10), b.subarray(200)), await ran(a, a, b)], [2, 1]);
});
