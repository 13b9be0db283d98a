// SPDX-License-Identifier: MIT
// Output of a kernel: prints and failed assertions, which a shader writes to a buffer as records.
import { assertionText, type Site } from "./manifest.ts";
import { printed } from "./print.ts";

/** Marks words without a record. */
export const kBlank = 0xffffffff;

/**
 * The decoded report of a launch: lines in order, and the text of the first failed assertion. `wanted` is the number of words that did not
 * fit, or 0.
 */
export interface Reported {
  lines: string[];
  failed: string | undefined;
  wanted: number;
}

/**
 * Decodes a report: a count of words, then records of site, program, epoch, element, two words of a value and, for a tile, the element's
 * index.
 */
export function readReport(words: Uint32Array, sites: readonly Site[], grid: readonly [x: number, y: number, z: number]): Reported {
  const count = words[0]!;
  const end = Math.min(words.length, 1 + count);
  const records: { at: number; site: Site }[] = [];
  for (let at = 1; at < end;) {
    const site = sites[words[at]!];
    const length = 4 + (site?.kind === "print" && site.value ? 2 + Number(site.shape.length > 0) : 0);
    if (!site || at + length > words.length) break;
    records.push({ at, site });
    at += length;
  }
  records.sort((a, b) => words[a.at + 1]! - words[b.at + 1]! || words[a.at + 2]! - words[b.at + 2]! || words[a.at + 3]! - words[b.at + 3]!);
  const view = new DataView(words.buffer, words.byteOffset, words.byteLength);
  const lines: string[] = [];
  let failed: string | undefined;
  for (const { at, site } of records) {
    const p = words[at + 1]!;
    const program = [p % grid[0], Math.floor(p / grid[0]) % grid[1], Math.floor(p / grid[0] / grid[1])] as const;
    if (site.kind === "assert") {
      failed = assertionText(site, program);
      break;
    }
    lines.push(printed(site, program, view, 4 * (at + 4)));
  }
  return { lines, failed, wanted: end <= count ? count : 0 };
}
