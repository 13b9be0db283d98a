// SPDX-License-Identifier: MIT
// Formats lines of tl.device_print like C's printf.
import type { Site } from "./manifest.ts";

// %f: six decimals, exact, ties to even; toFixed rounds ties away from zero and does not support 10^21 and above.
function fixed(x: number, negative: boolean): string {
  const sign = negative ? "-" : "";
  if (Number.isNaN(x)) return "nan";
  const a = Math.abs(x);
  if (a === Infinity) return sign + "inf";
  if (a >= 1e21) return `${sign}${BigInt(a)}.000000`;
  if (a < 2 ** 45 && (a * 128) % 2 === 1) {
    // Exactly half a millionth above: only odd multiples of 1/128 are.
    const below = (BigInt(a * 128) * 15625n - 1n) / 2n;
    const digits = String(below + (below & 1n)).padStart(7, "0");
    return `${sign}${digits.slice(0, -6)}.${digits.slice(-6)}`;
  }
  return sign + a.toFixed(6);
}

// The row-major index of an element, each number padded to the width of the largest one.
function indexText(shape: readonly number[], element: number): string {
  const numbers: string[] = [];
  for (const size of [...shape].reverse()) {
    numbers.unshift(String(element % size).padStart(String(size - 1).length));
    element = Math.floor(element / size);
  }
  return numbers.join(", ");
}

/** The line of a print. At `at` are 8 bytes of its value and, for a tile, 4 bytes with the element's index. */
export function printed(site: Site & { kind: "print" }, program: readonly number[], memory: DataView, at: number): string {
  const head = `pid (${program.join(", ")})`;
  if (!site.value) return head + site.text;
  const bits = memory.getBigUint64(at, true);
  const { value, shape } = site;
  let text: string;
  if (value === "i64") text = String(BigInt.asIntN(64, bits));
  else if (value === "u64") text = String(bits);
  else if (value === "f64") text = fixed(memory.getFloat64(at, true), bits >> 63n === 1n);
  else if (value === "ptr") text = bits === 0n ? "(nil)" : `0x${bits.toString(16)}`;
  else text = `0x${bits.toString(16).padStart(Number(value.slice(3)) / 4, "0")}`;
  return `${head} idx (${indexText(shape, shape.length > 0 ? memory.getUint32(at + 8, true) : 0)})${site.text}${text}`;
}
