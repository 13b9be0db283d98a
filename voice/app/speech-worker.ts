// SPDX-License-Identifier: MIT
// Turns speech into text, so that the page stays responsive. Posts `partial` texts, `sentence`s of live speech, `model` (how much of it has arrived) and `problem`s.
import { serve } from "../../recall/app/rpc.ts";
import { Live, Session, type Transcript, Whisper } from "../src/index.ts";
import { modelFile, openChosen } from "./device.ts";

let threads = 1;
let current: AbortController | undefined;
let live: Live | undefined;

const session = new Session(async () => {
  const device = await openChosen(threads);
  const model = await Whisper.load(
    device,
    modelFile("whisper.model", (model) => postMessage({ model })),
  );
  return { device, model };
});

const functions = {
  /** Loads the model, and compiles its kernels for so many threads. */
  async load(count: number): Promise<void> {
    threads = count;
    await session.use((whisper) => whisper.prepare());
  },

  /** The text of a recording; undefined if it was cancelled. */
  async transcribe(samples: Float32Array, beams: number): Promise<Transcript | undefined> {
    const stop = (current = new AbortController());
    try {
      return await session.use((whisper) =>
        whisper.transcribe(samples, { beams, signal: stop.signal, partial: (partial) => postMessage({ partial }) }),
      );
    } catch (error) {
      if (stop.signal.aborted) return undefined;
      throw error;
    }
  },

  cancel(): void {
    current?.abort();
  },

  startLive(): void {
    live = new Live(
      { transcribe: (samples, options) => session.use((whisper) => whisper.transcribe(samples, options)) },
      {
        partial: (partial) => postMessage({ partial }),
        final: (text, start, end) => postMessage({ sentence: { text, start, end } }),
      },
    );
  },

  pushLive(samples: Float32Array): void {
    live?.push(samples);
  },

  async stopLive(): Promise<void> {
    const one = live;
    live = undefined;
    await one?.stop();
  },

  /** Frees the memory of the model. */
  close: (): Promise<void> => session.close(),
};
export type SpeechFunctions = typeof functions;

addEventListener("unhandledrejection", (event) => postMessage({ problem: String(event.reason?.message ?? event.reason) }));
serve(self as never, functions);
