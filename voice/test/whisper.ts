// SPDX-License-Identifier: MIT
// Whisper in WebAssembly: texts, times and probabilities are those of faster-whisper 1.2 (CTranslate2 4.6, float32) for the same weights and recording.
import assert from "node:assert/strict";
import { test } from "node:test";
import { open } from "nereid-lang";
import { type Segment, Whisper } from "../src/index.ts";
import { jfk, weights } from "./files.ts";

// start, end, tokens, mean logarithm
const kGreedy: [number, number, number[]][] = [
  [0, 7.74, [50363, 843, 523, 616, 5891, 3399, 1265, 407, 644, 534, 1499, 460, 466, 329, 345, 50750]],
  [7.74, 10.74, [50750, 1265, 644, 345, 460, 466, 329, 534, 1499, 50900]],
];
const kNoSpeech = 0.0628;
const near = (a: number, b: number, tolerance: number) => assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);

function same(segments: readonly Segment[], expected: typeof kGreedy, logarithm: number, tolerance: number): void {
  assert.deepEqual(
    segments.map(({ start, end, tokens }) => [start, end, tokens]),
    expected,
  );
  for (const segment of segments) {
    near(segment.logarithm, logarithm, tolerance);
    near(segment.noSpeech, kNoSpeech, tolerance);
  }
}

const device = await open({ device: "wasm" });

for (const [precision, tolerance] of [
  ["f16", 2e-4],
  ["int8", 0.05],
] as const)
  test(`${precision}: the text of a recording, greedy and with beams`, async () => {
    const whisper = await Whisper.load(device, weights(`whisper.${precision}.safetensors`));
    assert.equal(whisper.precision, precision);
    const partial: string[] = [];
    const { text, segments } = await whisper.transcribe(jfk(), { partial: (text) => partial.push(text) });
    assert.equal(text, "And so my fellow Americans ask not what your country can do for you ask what you can do for your country");
    if (precision === "f16") same(segments, kGreedy, -0.37748, tolerance);
    else for (const segment of segments) near(segment.logarithm, -0.37748, tolerance);
    assert.ok(partial.length > 20 && partial.every((one, i) => i === 0 || one.startsWith(partial[i - 1]!)));
    // The Python module's test compares beams in f16.
    if (precision === "int8") {
      const best = await whisper.transcribe(jfk(), { beams: 5 });
      assert.equal(best.text, "And so, my fellow Americans ask not what your country can do for you ask what you can do for your country.");
      for (const segment of best.segments) near(segment.logarithm, -0.28995, tolerance);
    }
    whisper.dispose();
  });

test("silence, short and long recordings, and cancelling", async () => {
  const whisper = await Whisper.load(device, weights("whisper.int8.safetensors"));
  for (const samples of [new Float32Array(0), new Float32Array(50), new Float32Array(3 * 16000)])
    assert.deepEqual((await whisper.transcribe(samples)).segments, [], `${samples.length}`);

  // Longer than a window of 30 s: the sentence three times, with pauses.
  const one = jfk();
  const long = new Float32Array(3 * (one.length + 16000));
  for (let i = 0; i < 3; ++i) long.set(one, i * (one.length + 16000));
  const heard: string[] = [];
  const { text, segments } = await whisper.transcribe(long, { segment: (segment) => heard.push(segment.text) });
  assert.equal(heard.join("").trim(), text);
  assert.equal(text.match(/ask what you can do for your country/gi)?.length, 3, text);
  for (const [i, { start, end }] of segments.entries()) {
    assert.ok(start < end && end <= 37, `${start} to ${end}`);
    assert.ok(i === 0 || start >= segments[i - 1]!.start);
  }

  const stop = new AbortController();
  const cancelled = whisper.transcribe(long, { signal: stop.signal, partial: () => stop.abort() });
  await assert.rejects(cancelled, { name: "AbortError" });
  assert.match((await whisper.transcribe(one)).text, /my fellow Americans/); // it still works

  // A result that cannot be good enough is tried again at higher temperatures, which sample.
  const tried = await whisper.transcribe(one, { logarithm: 0, temperatures: [0, 0.4], noSpeech: 1 });
  assert.equal(tried.segments[0]?.temperature, 0.4);
  assert.match(tried.text, /fellow Americans/);
  const again = await whisper.transcribe(one, { logarithm: 0, temperatures: [0, 0.4], noSpeech: 1 });
  assert.equal(again.text, tried.text);
  whisper.dispose();
});
