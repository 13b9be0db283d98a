// SPDX-License-Identifier: MIT
// Local search over schedules, as tools/nereid/tune.cpp does it: each step replaces one decision by a legal one, or all decisions about one loop nest
// or dot by random ones, and keeps the change if the kernel becomes faster.

const kRefresh = 20;
const kTurns = 4;
const kMostEqual = 100; // draws in a row without another decision, after which there is nothing to search
const kNoise = 0.98; // a candidate's time must be below this fraction of the best

/** The compiler's texts for a kernel. */
export interface Texts {
  /** A schedule with the given decisions: the compiler's without any, a legal one for "random SEED". Rejects decisions that are not legal together. */
  schedule: (decisions?: string) => Promise<string>;
  /** The legal values of each decision. */
  candidates: (decisions: string) => Promise<string>;
}

/** Returns the fastest schedule, or "" if it is the compiler's. `time` measures one, and may stop early if it is much slower than `fastest`. */
export async function search(
  texts: Texts,
  time: (schedule: string, fastest: number) => Promise<number>,
  hasTime: () => boolean,
): Promise<string> {
  let best = decisions(await texts.schedule());
  let fastest = await time("", Infinity);
  const seen = new Set([joined(best)]);
  let tried = 0;
  let kept = false;
  const isNew = (candidate: string[]): boolean =>
    candidate.length === best.length && !seen.has(joined(candidate)) && !!seen.add(joined(candidate));
  const wins = async (candidate: string[]): Promise<boolean> => {
    let now = await time(joined(candidate), fastest);
    // Other programs slow the machine down, or stop doing so.
    if (++tried % kRefresh === 0) fastest = await time(joined(best), Infinity);
    // Measured alternately: it must win each time, since other programs may run in between.
    for (let turn = 0; turn < kTurns && now <= kNoise * fastest; ++turn) {
      fastest = await time(joined(best), Infinity);
      now = await time(joined(candidate), Infinity);
    }
    if (now > kNoise * fastest) return false;
    [best, fastest, kept] = [candidate, now, true];
    return true;
  };
  for (let improves = true; improves;) {
    improves = false;
    for (const change of changes(await texts.candidates(joined(best)))) {
      if (!hasTime()) break;
      const candidate = await texts.schedule(joined(changed(best, change))).then(decisions, () => []);
      improves = isNew(candidate) && (await wins(candidate));
      if (improves) break;
    }
  }
  const nests = best.flatMap((line, k) => (/^(nest|dot) /.test(line) ? [k] : []));
  for (let seed = 1, equal = 0; nests.length && equal < kMostEqual && hasTime(); ++seed) {
    const drawn = decisions(await texts.schedule(`random ${seed}`));
    const k = nests[seed % nests.length]!;
    const candidate = best.map((line, i) => (i === k ? (drawn[k] ?? line) : line));
    equal = drawn.length === best.length && isNew(candidate) ? 0 : equal + 1;
    if (equal === 0) await wins(candidate);
  }
  return kept ? joined(best) : "";
}

/** A change of one decision. */
interface Change {
  kernel: string; // the first line of its section
  line: string; // of a nest or dot, up to that decision
  gain: number; // by the compiler's estimate
}

// The changes in the text of the stage `candidates`: those first that should gain most.
function changes(text: string): Change[] {
  const out: Change[] = [];
  let kernel = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("kernel ")) kernel = line;
    const found = /^((?:nest|dot) .*)\{(.*)\} {2}# cost ([\d ]*); now (\w+),/.exec(line);
    if (!found) continue;
    const [before, values, costs, now] = [found[1]!, found[2]!.split(" "), found[3]!.split(" ").map(Number), found[4]!];
    const cost = costs[values.indexOf(now)]!;
    values.forEach((value, k) => {
      if (value !== now) out.push({ kernel, line: before + value, gain: cost - costs[k]! });
    });
  }
  return out.sort((a, b) => b.gain - a.gain || (a.line < b.line ? -1 : a.line > b.line ? 1 : 0));
}

// Puts a change in the place of the line about the same nest or dot.
function changed(lines: string[], change: Change): string[] {
  const name = change.line.split(" ", 2).join(" ") + " ";
  let kernel = "";
  return lines.map((line) => {
    if (line.startsWith("kernel ")) kernel = line;
    return kernel === change.kernel && line.startsWith(name) ? change.line : line;
  });
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
