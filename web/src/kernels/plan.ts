// SPDX-License-Identifier: MIT
// Shares memory between the values of a graph that are not needed at the same time.

/** A value with the first and last launch that uses it. */
export interface Lifetime {
  bytes: number;
  first: number;
  last: number;
}

/** Blocks of memory, and the block of each value. */
export interface Blocks {
  bytes: number[];
  blockOf: number[];
}

/**
 * Assigns each value to a block, so that values of a block have lifetimes that do not overlap. A block is as large as its largest value. Values
 * are placed from the largest on, each in the smallest block that is free.
 */
export function shareBlocks(values: readonly Lifetime[]): Blocks {
  const order = values.map((_, i) => i).sort((a, b) => values[b]!.bytes - values[a]!.bytes || a - b);
  const blocks: { bytes: number; members: Lifetime[] }[] = [];
  const blockOf = new Array<number>(values.length);
  for (const i of order) {
    const value = values[i]!;
    const free = (block: { members: Lifetime[] }) => block.members.every((other) => other.last < value.first || value.last < other.first);
    // Later blocks are smaller.
    let found = blocks.findLastIndex(free);
    if (found < 0) found = blocks.push({ bytes: value.bytes, members: [] }) - 1;
    blocks[found]!.members.push(value);
    blockOf[i] = found;
  }
  return { bytes: blocks.map((block) => block.bytes), blockOf };
}
