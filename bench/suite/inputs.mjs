// SPDX-License-Identifier: MIT
// The arguments of the suite's cases, as inputs.py makes them, and the comparison of outputs with samples.
import { readFileSync } from "node:fs";
import { decode, encode } from "../../web/dist/index.js";

export const types = {
  f32: Float32Array,
  f16: globalThis.Float16Array,
  bf16: Uint16Array,
  fp8e4nv: Uint8Array,
  fp8e5: Uint8Array,
  i32: Int32Array,
  i8: Int8Array,
};

/** The numbers that inputs are made of: DIR/pool.bin. */
export function pool(folder) {
  const bytes = readFileSync(`${folder}/pool.bin`);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

// Steps of numbers that these types represent exactly.
const steps = { bf16: 64, fp8e4nv: 8, fp8e5: 8 };
const fill = {
  positive: (x) => Math.fround(Math.fround(Math.fround(x + 1) + 1 / 1024) / 2),
  any: (x) => Math.imul(Math.trunc(Math.fround(x * 2097143)), 1023),
};

/** Whether argument `spec` is zero at first. */
export const isZero = (spec) => spec.fill === "zero" || (spec.out && spec.fill === "uniform");

/** The elements of argument `number`. */
export function elements(pool, spec, number) {
  const Type = types[spec.dtype];
  if (isZero(spec)) return new Type(spec.size);
  if (spec.fill === "permuted") return Type.from({ length: spec.size }, (_, i) => (i * 40503 + 7) % spec.size);
  if (spec.fill === "offsets") {
    const last = spec.size - 1,
      near = (i) => 2048 * i + 1024 * pool[(1009 * number + i) % pool.length];
    return Type.from({ length: spec.size }, (_, i) =>
      i === 0 ? 0 : i === last ? spec.limit : Math.floor((near(i) * spec.limit) / (2048 * last)),
    );
  }
  const shift = (1009 * number) % pool.length,
    part = new Type(Math.min(spec.size, pool.length));
  for (let i = 0; i < part.length; ++i) {
    const x = pool[(i + shift) % pool.length];
    part[i] =
      spec.fill === "below"
        ? Math.floor(Math.fround(Math.fround((x + 1) / 2) * spec.limit))
        : spec.fill !== "uniform"
          ? fill[spec.fill](x)
          : spec.dtype === "i8"
            ? Math.floor(x * 127)
            : steps[spec.dtype]
              ? encode(spec.dtype, Math.floor(x * steps[spec.dtype]) / steps[spec.dtype])
              : x;
  }
  const all = new Type(spec.size);
  for (let at = 0; at < all.length; at += part.length) all.set(part.subarray(0, all.length - at), at);
  return all;
}

const number = (spec, x) => (steps[spec.dtype] ? decode(spec.dtype, x) : Number(x));

/** The smallest value that differences are relative to: the root mean square of the samples, but at most 1. */
export function least(samples) {
  const all = samples.flatMap(([, values]) => values);
  return Math.min(1, Math.sqrt(all.reduce((s, x) => s + x * x, 0) / all.length)) || 1;
}

/** The largest difference of the outputs from `samples`, relative as `tolerance` of cases.py is. */
export async function compare(c, args, samples) {
  let worst = 0;
  for (const spec of c.args.filter((a) => a.out)) {
    const floor = least(samples[spec.name]);
    for (const [start, wanted] of samples[spec.name]) {
      const found = await args[spec.name].subarray(start, start + wanted.length).read();
      for (let i = 0; i < wanted.length; ++i) {
        const x = number(spec, found[i]);
        const off = x === wanted[i] ? 0 : Math.abs(x - wanted[i]) / Math.max(floor, Math.abs(wanted[i]));
        worst = off > worst || Number.isNaN(off) ? off : worst;
      }
    }
  }
  return worst;
}

/** Loads the case's kernel from `folder` and makes its arguments. */
export async function prepare(device, manifest, c, numbers) {
  const module = await device.load(manifest);
  const args = {};
  c.args.forEach((a, k) => {
    args[a.name] = !a.size ? a.value : isZero(a) ? device.buffer(a.dtype, a.size) : device.buffer(a.dtype, elements(numbers, a, k));
  });
  for (const a of c.args) if (a.value === 1) delete args[a.name];
  return { kernel: module[c.kernel.split(":")[1]], args };
}

export const geometricMean = (list) => Math.exp(list.reduce((s, x) => s + Math.log(x), 0) / list.length);
