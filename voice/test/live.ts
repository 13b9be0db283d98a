// SPDX-License-Identifier: MIT
// Text while one speaks, and devices that are lost.
import assert from "node:assert/strict";
import { test } from "node:test";
import { open } from "nereid-lang";
import { Activity, Live, Session, type Transcript, Whisper } from "../src/index.ts";
import { jfk, weights } from "./files.ts";

const noise = (seconds: number, loudness: number) => {
  let state = 1;
  return Float32Array.from({ length: seconds * 16000 }, () => loudness * ((state = (state * 48271) % 2147483647) / 1073741823 - 1));
};

test("speech is louder than the noise, whatever that is", () => {
  for (const level of [0, 0.003, 0.03]) {
    const activity = new Activity();
    activity.push(noise(1, level));
    assert.ok(activity.speech < 0.1, `noise ${level}: ${activity.speech} s of speech`);
    activity.reset();
    const speech = jfk().subarray(0, 32000);
    const loud = noise(2, level);
    activity.push(speech.map((x, i) => 3 * x + loud[i]!));
    assert.ok(activity.speech > 0.5, `noise ${level}: ${activity.speech} s of speech`);
    activity.push(noise(1, level));
    assert.ok(activity.silence > 0.9, `noise ${level}: ${activity.silence} s of silence`);
  }
});

const nothing = { segments: [], times: { mel: 0, encoder: 0, decoder: 0, steps: 0 } };

test("sentences end with pauses, and what is said meanwhile is shown", async () => {
  const events: string[] = [];
  const live = new Live(
    {
      transcribe: async (samples, { signal }): Promise<Transcript> => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        signal?.throwIfAborted();
        return { ...nothing, text: `${(samples.length / 16000).toFixed(1)} s` };
      },
    },
    {
      partial: (text) => events.push(`partial ${text}`),
      final: (text, start, end) => events.push(`${text} from ${start.toFixed(1)} to ${end.toFixed(1)}`),
    },
  );
  const say = async (samples: Float32Array) => {
    for (let at = 0; at < samples.length; at += 1600) {
      live.push(samples.slice(at, at + 1600));
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
  };
  await say(noise(3, 0.001));
  assert.deepEqual(events, []);
  await say(noise(2, 0.3));
  await say(noise(2, 0.001));
  await say(noise(1, 0.3));
  await live.stop();
  const sentences = events.filter((event) => !event.startsWith("partial"));
  assert.equal(sentences.length, 2, events.join("; "));
  const [start, end] = /from (.*) to (.*)/.exec(sentences[0]!)!.slice(1).map(Number) as [number, number];
  assert.ok(start > 2.3 && start <= 3 && end > 5.4 && end < 6.2, sentences[0]);
  assert.ok(events[0]!.startsWith("partial"), events.join("; "));
});

test("a sentence that is spoken becomes text", async () => {
  const device = await open({ device: "wasm" });
  const whisper = await Whisper.load(device, weights("whisper.int8.safetensors"));
  const sentences: string[] = [];
  const partial: string[] = [];
  const live = new Live(whisper, { partial: (text) => partial.push(text), final: (text) => sentences.push(text) });
  const samples = jfk();
  for (let at = 0; at < samples.length; at += 8000) {
    live.push(samples.slice(at, at + 8000));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await live.stop();
  const text = sentences.join(" ");
  assert.match(text, /my fellow Americans/);
  assert.match(text, /what you can do for your country/);
  assert.ok(partial.length > 0 && sentences.length < 8);
  whisper.dispose();
  device.dispose();
});

test("a model is opened again after its device was lost", async () => {
  let opened = 0;
  const session = new Session(async () => {
    ++opened;
    const device = await open({ device: "wasm", threads: 1 });
    const buffer = device.buffer("f32", [1]);
    return { device, model: { device, buffer, [Symbol.dispose]: () => buffer.dispose() } };
  });
  const work = (lost: boolean) =>
    session.use(async ({ device, buffer }) => {
      if (lost && opened === 1) device.dispose();
      await buffer.read();
      return opened;
    });
  assert.deepEqual([await work(false), await work(false), await work(true), await work(true)], [1, 1, 2, 2]);
  await assert.rejects(
    session.use(async () => {
      throw new Error("another problem");
    }),
    /another problem/,
  );
  assert.equal(opened, 2);
  await session.close();
  assert.equal(await work(false), 3);
  await session.close();
});
