// SPDX-License-Identifier: MIT
// The rules for Whisper's tokens, beams, byte pairs and WAV files, without a model.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Bpe } from "nereid-lang/models";
import { Beams, bestOf, kindsOf, rulesAfter, type Special } from "../src/decoding.ts";
import { readWav, resample } from "../src/index.ts";

const s: Special = { end: 10, start: 11, previous: 12, noSpeech: 13, noTimestamps: 14, time: 15, entries: 115 };
const kinds = kindsOf(s, [3, 11, 12, 13], [5, 10]);

// The tokens that the rules allow after others.
function allowed(...tokens: number[]): number[] {
  const [bits, first, last] = rulesAfter(tokens, s);
  return Array.from(kinds, (_, token) => token).filter((t) => (kinds[t]! & bits) === 0 && (t < s.time || (t >= first && t <= last)));
}
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const words = [0, 1, 2, 4, 5, 6, 7, 8, 9];

test("a window begins with a timestamp of at most a second", () => assert.deepEqual(allowed(), range(15, 66)));
test("after one timestamp come words or the end", () => assert.deepEqual(allowed(15), [...words, 10]));
test("after words come words, the end, or a later timestamp", () => assert.deepEqual(allowed(15, 1, 2), [...words, 10, ...range(16, 115)]));
test("after a timestamp that ends words comes one that is not earlier, or the end", () =>
  assert.deepEqual(allowed(15, 1, 20), [10, ...range(20, 115)]));
test("after two timestamps come words", () => assert.deepEqual(allowed(15, 1, 20, 20), [...words, 10]));
test("timestamps do not decrease", () => assert.deepEqual(allowed(15, 1, 20, 20, 2), [...words, 10, ...range(21, 115)]));

const found = (text: number[], times: number[]) => ({
  values: new Float32Array([...text, ...times]),
  indices: new Int32Array([...text.map((_, i) => i), ...times.map((_, i) => s.time + i)]),
  logs: new Float32Array([...text, ...times]),
  textBlocks: text.length,
});

test("the most probable tokens come first, with logarithms of probabilities", () => {
  const all = [Math.log(0.5), Math.log(0.2), Math.log(0.25)];
  const best = bestOf(found(all, [Math.log(0.05)]), 2);
  assert.deepEqual(
    best.map(({ token }) => token),
    [0, 2],
  );
  assert.ok(Math.abs(best[0]!.logarithm - Math.log(0.5)) < 1e-6);
});
test("timestamps count together against each word", () => {
  const best = bestOf(found([Math.log(0.4), Math.log(0.05)], [Math.log(0.3), Math.log(0.25)]), 1);
  assert.equal(best[0]!.token, s.time);
  assert.ok(Math.abs(best[0]!.logarithm - Math.log(0.3 / 0.55)) < 1e-6);
});
test("noise chooses, but does not change the probability", () => {
  const all = found([Math.log(0.5), Math.log(0.5)], [-Infinity]);
  const [best] = bestOf({ ...all, noisy: new Float32Array([1, 3, -Infinity]) }, 1);
  assert.equal(best!.token, 1);
  assert.ok(Math.abs(best!.logarithm - Math.log(0.5)) < 1e-6);
});

test("beams keep the best beginnings, and the best end wins by its mean", () => {
  const beams = new Beams(2, 10);
  const next = beams.step(
    [{ tokens: [], sum: 0 }],
    [
      [
        { token: 1, logarithm: -1 },
        { token: 2, logarithm: -1.5 },
        { token: 3, logarithm: -9 },
      ],
    ],
  );
  assert.deepEqual(
    next.map(({ tokens }) => tokens),
    [[1], [2]],
  );
  const more = beams.step(next, [
    [
      { token: 4, logarithm: -3 },
      { token: 5, logarithm: -4 },
    ],
    [
      { token: 10, logarithm: -0.1 },
      { token: 6, logarithm: -0.5 },
    ],
  ]);
  assert.deepEqual(
    more.map(({ from, tokens }) => [from, tokens]),
    [
      [1, [2, 6]],
      [0, [1, 4]],
    ],
  );
  assert.deepEqual(beams.finished, [{ tokens: [2], sum: -1.6 }]);
  assert.equal(beams.done, false);
  assert.deepEqual(beams.best(more).tokens, [2, 6]);
});

test("byte pairs are joined in the order of their ranks, and every text comes back", () => {
  const bytes = new Bpe({ tokens: [] }); // for its alphabet
  void bytes;
  const tokens = ["a", "b", "c", "Ġ", "ab", "abc", "Ġab", "1", "2", "<end>", "Ã", "©"];
  const bpe = new Bpe({ tokens, merges: ["a b", "ab c", "Ġ ab"], special: [9], digits: true });
  assert.deepEqual(bpe.encode("abc ab12"), [5, 6, 7, 8]);
  assert.deepEqual(bpe.encode("é"), [10, 11]);
  assert.equal(bpe.decode([5, 6, 9, 10, 11]), "abc abé");
});

function wav(rate: number, channels: number, samples: Int16Array): ArrayBuffer {
  const out = new DataView(new ArrayBuffer(44 + samples.byteLength));
  const text = (at: number, t: string) => [...t].forEach((c, i) => out.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF");
  text(8, "WAVEfmt ");
  out.setUint32(16, 16, true);
  out.setUint16(20, 1, true);
  out.setUint16(22, channels, true);
  out.setUint32(24, rate, true);
  out.setUint16(34, 16, true);
  text(36, "data");
  out.setUint32(40, samples.byteLength, true);
  samples.forEach((x, i) => out.setInt16(44 + 2 * i, x, true));
  return out.buffer;
}

test("WAV files become one channel at 16 kHz", () => {
  assert.deepEqual([...readWav(wav(16000, 2, new Int16Array([16384, 0, -32768, -32768])))], [0.25, -1]);
  const tone = Int16Array.from({ length: 4800 }, (_, i) => 16384 * Math.sin((2 * Math.PI * 440 * i) / 48000));
  const found = readWav(wav(48000, 1, tone));
  assert.equal(found.length, 1600);
  for (let i = 100; i < 1500; ++i) assert.ok(Math.abs(found[i]! - 0.5 * Math.sin((2 * Math.PI * 440 * i) / 16000)) < 2e-3, `${i}`);
  assert.throws(() => readWav(new ArrayBuffer(100)), /not a WAV file/);
});
test("resampling removes what the new rate cannot have", () => {
  const high = Float32Array.from({ length: 4800 }, (_, i) => Math.sin((2 * Math.PI * 12000 * i) / 48000));
  assert.ok(
    resample(high, 48000, 16000)
      .subarray(50, 1500)
      .every((x) => Math.abs(x) < 0.01),
  );
});
