// SPDX-License-Identifier: MIT
// How Whisper's tokens are chosen: the rules for timestamps, greedy and sampled choices, and beams. The rules are those of OpenAI's decoding.py.

/** Tokens with a meaning of their own. */
export interface Special {
  end: number;
  start: number;
  previous: number;
  noSpeech: number;
  noTimestamps: number;
  /** The token of time 0; the ones after it are multiples of 0.02 s. */
  time: number;
  /** The number of all tokens. */
  entries: number;
}

// Kinds of tokens, a bit each.
const kForbidden = 1; // always
const kAtBegin = 2;
const kWords = 4; // before the end token
const kTexts = 8; // all that are not timestamps
const kFirstTimes = 50; // a first timestamp is at most 1 s

/** The kinds of each token. */
export function kindsOf(s: Special, forbidden: readonly number[], atBegin: readonly number[]): Uint8Array {
  const kinds = new Uint8Array(s.entries);
  kinds.fill(kTexts, 0, s.time).fill(kTexts | kWords, 0, s.end);
  for (const token of [...forbidden, s.noTimestamps]) kinds[token]! |= kForbidden;
  for (const token of atBegin) kinds[token]! |= kAtBegin;
  return kinds;
}

/** The rules of the token after these: forbidden kinds, and the first and the last timestamp that are allowed. */
export function rulesAfter(tokens: readonly number[], s: Special): [kinds: number, first: number, last: number] {
  if (tokens.length === 0) return [kForbidden | kAtBegin | kTexts, s.time, s.time + kFirstTimes];
  // Timestamps come in pairs, and do not decrease.
  const lastIsTime = tokens.at(-1)! >= s.time;
  const beforeIsTime = tokens.length < 2 || tokens.at(-2)! >= s.time;
  if (lastIsTime && beforeIsTime) return [kForbidden, s.entries, 0];
  const time = tokens.findLast((token) => token >= s.time);
  const first = time === undefined ? s.time : lastIsTime ? time : time + 1;
  return [kForbidden | (lastIsTime ? kWords : 0), first, s.entries];
}

/** What the kernel `best_tokens` found for one sequence: candidates and a logarithm of a sum for each block. */
export interface Found {
  /** Candidates of each block, and their tokens. */
  values: Float32Array;
  indices: Int32Array;
  logs: Float32Array;
  /** Instead of `values`, to compare: with noise. */
  noisy?: Float32Array | undefined;
  /** Blocks of texts; those after them have timestamps. */
  textBlocks: number;
}

export interface Choice {
  token: number;
  /** The logarithm of its probability. */
  logarithm: number;
}

const logOfSum = (logs: Float32Array) => {
  const most = logs.reduce((a, b) => Math.max(a, b), -Infinity);
  return most === -Infinity ? most : most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0));
};

/** The best tokens, largest first. If timestamps together are more probable than each text, only they count. */
export function bestOf({ values, indices, logs, noisy, textBlocks }: Found, count: number): Choice[] {
  const each = values.length / logs.length;
  const times = logOfSum(logs.subarray(textBlocks));
  const text = values.subarray(0, textBlocks * each).reduce((a, b) => Math.max(a, b), -Infinity);
  const onlyTimes = times > text;
  const total = onlyTimes ? times : logOfSum(logs);
  const order = noisy ?? values;
  const found: number[] = [];
  for (let i = onlyTimes ? textBlocks * each : 0; i < values.length; ++i) {
    if (values[i] === -Infinity || (found.length === count && order[i]! <= order[found.at(-1)!]!)) continue;
    const place = found.findIndex((other) => order[other]! < order[i]!);
    found.splice(place < 0 ? found.length : place, 0, i);
    if (found.length > count) found.pop();
  }
  return found.map((i) => ({ token: indices[i]!, logarithm: values[i]! - total }));
}

/** A sequence of tokens, without those of the prompt. */
export interface Hypothesis {
  tokens: number[];
  /** The sum of the logarithms of the probabilities. */
  sum: number;
}

/** A beam of the next step: the beam that it continues, and its tokens. */
export interface Continued extends Hypothesis {
  from: number;
}

/** Beam search: keeps the most probable beginnings. */
export class Beams {
  readonly finished: Hypothesis[] = [];
  readonly #size: number;
  readonly #end: number;

  constructor(size: number, end: number) {
    this.#size = size;
    this.#end = end;
  }

  /** The next beams; at most `size` sequences that ended are kept. */
  step(beams: readonly Hypothesis[], choices: readonly (readonly Choice[])[]): Continued[] {
    const all = beams.flatMap(({ tokens, sum }, from) =>
      choices[from]!.map(({ token, logarithm }) => ({ from, tokens: [...tokens, token], sum: sum + logarithm })),
    );
    all.sort((a, b) => b.sum - a.sum);
    const next: Continued[] = [];
    for (const one of all) {
      if (one.tokens.at(-1) === this.#end) {
        if (this.finished.length < this.#size) this.finished.push({ tokens: one.tokens.slice(0, -1), sum: one.sum });
      } else if (next.push(one) === this.#size) break;
    }
    return next;
  }

  get done(): boolean {
    return this.finished.length >= this.#size;
  }

  /** The sequence with the largest mean logarithm; those that did not end count if too few did. */
  best(beams: readonly Hypothesis[]): Hypothesis {
    const rest = [...beams].sort((a, b) => b.sum - a.sum).slice(0, Math.max(0, this.#size - this.finished.length));
    const score = ({ tokens, sum }: Hypothesis) => sum / Math.max(1, tokens.length);
    return [...this.finished, ...rest].reduce((a, b) => (score(b) > score(a) ? b : a));
  }
}
