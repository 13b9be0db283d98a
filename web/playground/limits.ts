// SPDX-License-Identifier: MIT
// Measures the peak rates of a device with two small kernels: how fast it moves large arrays, and how fast it computes.
import { jit } from "../src/compile/jit.ts";
import type { Device } from "../src/device.ts";
import { measure } from "./run.ts";

export interface Limits {
  /** GB/s, for arrays larger than any cache. */
  memory: number;
  /** GFLOP/s of f32; a multiply-add counts as two. */
  arithmetic: number;
}

const kSource = `import triton
import triton.language as tl


@triton.jit
def copy(x, y, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i))


@triton.jit
def chain(y, BLOCK: tl.constexpr, ROUNDS: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = i.to(tl.float32)
    for _ in tl.static_range(ROUNDS):
        v = v * 0.999 + 0.001
    tl.store(y + i, v)


@triton.jit
def product(a, b, c, N: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    sum = tl.zeros((BM, BN), tl.float32)
    for at in range(0, N, BK):
        sum = tl.dot(tl.load(a + rows[:, None] * N + (at + k)), tl.load(b + (at + k)[:, None] * N + columns), sum)
    tl.store(c + rows[:, None] * N + columns, sum)
`;

const kSize = 2 ** 24;
const [kRounds, kChains] = [256, 2 ** 18];
const kSide = 512;

export async function limitsOf(device: Device): Promise<Limits> {
  const time = async (kernel: string, grid: number | [number, number], sizes: number[], constants: Record<string, number>) => {
    const names = { copy: ["x", "y"], chain: ["y"], product: ["a", "b", "c"] }[kernel]!;
    const compiled = jit(kSource, { kernel, device, constants, cache: false });
    const buffers = sizes.map((size) => device.buffer("f32", size));
    const args = Object.fromEntries(names.map((name, i) => [name, buffers[i]!]));
    try {
      const { times } = await measure(() => compiled.launch(grid, args));
      return Math.min(...times);
    } finally {
      compiled.dispose();
      for (const buffer of buffers) buffer.dispose();
    }
  };
  const copied = await time("copy", kSize / 1024, [kSize, kSize], { BLOCK: 1024 });
  const chained = await time("chain", kChains / 1024, [kChains], { BLOCK: 1024, ROUNDS: kRounds });
  const multiplied = await time("product", [kSide / 64, kSide / 64], [kSide ** 2, kSide ** 2, kSide ** 2], {
    N: kSide,
    BM: 64,
    BN: 64,
    BK: 32,
  });
  return {
    memory: (8 * kSize) / copied / 1e3,
    arithmetic: Math.max((2 * kRounds * kChains) / chained, (2 * kSide ** 3) / multiplied) / 1e3,
  };
}
