// SPDX-License-Identifier: MIT
// Compares the results of a gallery kernel with the same computation in plain JavaScript.
import { gallery } from "./gallery.ts";
import type { Ran } from "./run.ts";
import type { Evaluated } from "./settings.ts";

export interface Compared {
  /** The largest difference relative to the largest value, and the tolerance. */
  worst: number;
  allowed: number;
  /** The time that JavaScript took. */
  ms: number;
}

const kMostOperations = 2e10; // about ten seconds

export function compare(name: string, before: Record<string, ArrayLike<number>>, ran: Ran, what: Evaluated): Compared | undefined {
  const entry = gallery[name];
  if (!entry?.reference || (what.flops ?? 0) > kMostOperations) return undefined;
  try {
    const begin = performance.now();
    const expected = entry.reference(before, what.numbers);
    const ms = performance.now() - begin;
    let worst = 0;
    for (const [name, numbers] of Object.entries(expected)) {
      const { after } = ran.arrays.find((a) => a.name === name)!;
      let largest = Number.MIN_VALUE;
      for (let i = 0; i < numbers.length; ++i) largest = Math.max(largest, Math.abs(numbers[i]!));
      for (let i = 0; i < numbers.length; ++i) {
        const off = Object.is(after[i], numbers[i]) ? 0 : Math.abs(after[i]! - numbers[i]!) / largest;
        worst = Math.max(worst, Number.isNaN(off) ? Infinity : off);
      }
    }
    return { worst, allowed: entry.allowed ?? 0, ms };
  } catch {
    return undefined; // the parameters of the kernel have changed since
  }
}
