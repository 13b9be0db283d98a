// SPDX-License-Identifier: MIT
// Local search over schedules, as tools/nereid/tune.cpp does it: each step replaces the decisions about one loop nest or dot by random legal ones,
// and keeps them if the kernel becomes faster.

const kRefresh = 20;
const kTurns = 4;
const kMostEqual = 100; // draws in a row without another decision, after which there is nothing to search
const kNoise = 0.98; // a candidate's time must be below this fraction of the best

/**
 * Returns the fastest schedule, or "" if it is the compiler's. `draw` returns the text of a schedule: the compiler's, or a legal one for
 * "random SEED"; `time` measures one, and may stop early if it is much slower than `fastest`.
 */
export async function search(
  draw: (schedule?: string) => Promise<string>,
  time: (schedule: string, fastest: number) => Promise<number>,
  hasTime: () => boolean,
): Promise<string> {
  let best = decisions(await draw());
  let fastest = await time("", Infinity);
  const nests = best.flatMap((line, k) => (/^(nest|dot) /.test(line) ? [k] : []));
  let kept = false;
  for (let seed = 1, tried = 0, equal = 0; nests.length && equal < kMostEqual && hasTime(); ++seed) {
    const drawn = decisions(await draw(`random ${seed}`));
    const k = nests[seed % nests.length]!;
    if (drawn.length !== best.length || drawn[k] === best[k]) {
      ++equal;
      continue;
    }
    equal = 0;
    const candidate = best.map((line, i) => (i === k ? drawn[k]! : line));
    let now = await time(joined(candidate), fastest);
    // Other programs slow the machine down, or stop doing so.
    if (++tried % kRefresh === 0) fastest = await time(joined(best), Infinity);
    // Measured alternately: it must win each time, since other programs may run in between.
    for (let turn = 0; turn < kTurns && now <= kNoise * fastest; ++turn) {
      fastest = await time(joined(best), Infinity);
      now = await time(joined(candidate), Infinity);
    }
    if (now > kNoise * fastest) continue;
    [best, fastest, kept] = [candidate, now, true];
  }
  return kept ? joined(best) : "";
}

// Returns the lines with decisions. If several variants of a shader have the same section, the compiler reads the first.
function decisions(text: string): string[] {
  const lines = text.split("\n").filter((line) => line && !line.startsWith("#"));
  const seen = new Set<string>();
  let isNew = true;
  return lines.filter((line) => {
    if (line.startsWith("kernel ")) {
      isNew = !seen.has(line);
      seen.add(line);
    }
    return isNew;
  });
}

const joined = (lines: string[]): string => lines.map((line) => `${line}\n`).join("");
