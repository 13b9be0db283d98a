// SPDX-License-Identifier: MIT
// Text while one speaks: where speech begins and ends, and transcripts of what was said so far.
import { kRate, type TranscribeOptions, type Transcript } from "./whisper.ts";

const kFrame = kRate / 50; // samples per measurement of the loudness
const kLouder = 9; // dB above the noise are speech
const kLeast = -58; // dB: everything below is silence
const kRise = 0.05; // dB per frame that the noise may grow
const kEnd = 0.7; // seconds of silence that end a sentence
const kLongest = 25; // seconds of a sentence
const kStep = 0.8; // seconds of new sound before a text is updated
const kBefore = 0.4; // seconds of silence that are kept before speech

/** Tells speech from silence by its loudness, compared with that of the noise. */
export class Activity {
  /** Seconds of speech since the last `reset`, and of silence since the last speech. */
  speech = 0;
  silence = 0;
  #noise = 0;
  #rest: number[] = [];

  push(samples: Float32Array): void {
    const all = this.#rest.length ? Float32Array.from([...this.#rest, ...samples]) : samples;
    let at = 0;
    for (; at + kFrame <= all.length; at += kFrame) {
      let sum = 1e-10;
      for (let i = at; i < at + kFrame; ++i) sum += all[i]! ** 2 / kFrame;
      const loudness = 10 * Math.log10(sum);
      // The noise is what is quiet: it follows at once downwards, slowly upwards.
      this.#noise = Math.min(loudness, this.#noise + kRise);
      if (loudness > kLeast && loudness > this.#noise + kLouder) {
        this.speech += kFrame / kRate;
        this.silence = 0;
      } else {
        this.silence += kFrame / kRate;
      }
    }
    this.#rest = [...all.subarray(at)];
  }

  reset(): void {
    this.speech = this.silence = 0;
  }
}

export interface LiveEvents {
  /** What is being said: it replaces the partial text before. */
  partial(text: string): void;
  /** What was said between two pauses: seconds since the begin, and the text. */
  final(text: string, start: number, end: number): void;
}

/** Transcribes sound as it arrives. */
export class Live {
  readonly #transcribe: (samples: Float32Array, options: TranscribeOptions) => Promise<Transcript>;
  readonly #events: LiveEvents;
  readonly #activity = new Activity();
  #pending: Float32Array[] = [];
  #length = 0; // samples of these
  #before = 0; // samples before these
  #shown = 0; // samples of the last partial text
  #running: Promise<void> | undefined;
  #stopped = false;
  #partial: AbortController | undefined;

  constructor(whisper: { transcribe(samples: Float32Array, options: TranscribeOptions): Promise<Transcript> }, events: LiveEvents) {
    this.#transcribe = (samples, options) => whisper.transcribe(samples, options);
    this.#events = events;
  }

  /** Samples from -1 to 1, 16,000 per second. */
  push(samples: Float32Array): void {
    if (this.#stopped) return;
    this.#pending.push(samples);
    this.#length += samples.length;
    this.#activity.push(samples);
    if (this.#ended) this.#partial?.abort();
    this.#start();
  }

  /** Transcribes the rest. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#partial?.abort();
    this.#start();
    await this.#running;
  }

  get #ended(): boolean {
    const { speech, silence } = this.#activity;
    return speech > 0 && (silence >= kEnd || this.#length >= kLongest * kRate || this.#stopped);
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
  }

  async #run(): Promise<void> {
    for (;;) {
      if (this.#ended) {
        await this.#finish();
      } else if (this.#activity.speech === 0) {
        // Nothing was said yet: only the last moment is kept.
        const all = this.#take();
        const kept = all.subarray(Math.max(0, all.length - kBefore * kRate));
        this.#before += all.length - kept.length;
        this.#pending = [kept];
        this.#length = kept.length;
        return;
      } else if (this.#length - this.#shown >= kStep * kRate) {
        await this.#update();
      } else {
        return;
      }
    }
  }

  #take(): Float32Array {
    const out = new Float32Array(this.#length);
    let at = 0;
    for (const part of this.#pending) {
      out.set(part, at);
      at += part.length;
    }
    this.#pending = [];
    this.#length = 0;
    return out;
  }

  async #finish(): Promise<void> {
    const samples = this.#take();
    const start = this.#before / kRate;
    this.#before += samples.length;
    this.#shown = 0;
    this.#activity.reset();
    const { text } = await this.#transcribe(samples, { context: false });
    this.#events.final(text, start, this.#before / kRate);
  }

  async #update(): Promise<void> {
    const samples = this.#take();
    this.#pending = [samples, ...this.#pending];
    this.#length += samples.length;
    this.#shown = samples.length;
    this.#partial = new AbortController();
    try {
      const { signal } = this.#partial;
      const { text } = await this.#transcribe(samples, { temperatures: [0], signal });
      if (!signal.aborted) this.#events.partial(text);
    } catch (error) {
      if ((error as Error).name !== "AbortError") throw error;
    } finally {
      this.#partial = undefined;
    }
  }
}
