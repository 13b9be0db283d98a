// SPDX-License-Identifier: MIT
// Lines of tl.device_print, as C's printf would write them.
import type { Site } from "./manifest.ts";

// %f: six decimals, exact, ties to even; toFixed takes ties away from zero and gives up at 10^21.
function fixed(x: number, negative: boolean): string {
  const sign = negative ? "-" : "";
  if (Number.isNaN(x)) return sign + "nan";
  const a = Math.abs(x);
  if (a === Infinity) return sign + "inf";
  if (a >= 1e21) return `${sign}${BigInt(a)}.000000`;
  if (a < 2 ** 45 && (a * 128) % 2 === 1) {
    // Half a millionth over: only odd multiples of 1/128 are.
    const below = (BigInt(a * 128) * 15625n - 1n) / 2n;
    const digits = String(below + (below & 1n)).padStart(7, "0");
    return `${sign}${digits.slice(0, -6)}.${digits.slice(-6)}`;
  }
  return sign + a.toFixed(6);
}

/** The line of a print; its values lie at `at`. */
export function printed(site: Site & { kind: "print" }, program: readonly number[], memory: DataView, at: number): string {
  const values = site.values.map((kind, i) => {
    const bits = memory.getBigUint64(at + 8 * i, true);
    switch (kind) {
      case "i64": return String(BigInt.asIntN(64, bits));
      case "u64": return String(bits);
      case "hex": return `0x${bits.toString(16)}`;
      case "ptr": return bits === 0n ? "(nil)" : `0x${bits.toString(16)}`;
      case "f64": return fixed(memory.getFloat64(at + 8 * i, true), bits >> 63n === 1n);
    }
  });
  return [`pid (${program.join(", ")})`, site.text, ...values].join(" ");
}
