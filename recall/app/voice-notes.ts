// SPDX-License-Identifier: MIT
// Voice notes: speech to text by a worker of voice/, which is started for the first one.
import type { Arrived } from "../../voice/app/device.ts";
import type { SpeechFunctions } from "../../voice/app/speech-worker.ts";
import { bytes } from "./dom.ts";
import type { Message } from "./formats/index.ts";
import { type Remote, remote } from "./rpc.ts";

/** True for files with sound. */
export const isSound = (file: File): boolean =>
  file.type.startsWith("audio/") || /\.(opus|ogg|oga|m4a|mp3|wav|flac|aac|weba)$/i.test(file.name);

export const arriving = ({ bytes: n, size }: Arrived): string =>
  n < size ? `loading the model: ${bytes(n)} of ${bytes(size)}` : "compiling …";

export class Notes {
  readonly #threads: number;
  #speech: Remote<SpeechFunctions> | undefined;
  #say: (text: string) => void = () => {};
  #cancelled = false;

  constructor(threads: number) {
    this.#threads = threads;
  }

  /** The sentences of a recording as messages. `start` is when it began; `say` receives what happens. */
  async transcribe(
    samples: Float32Array,
    { source, start, say }: { source: string; start: number; say: (text: string) => void },
  ): Promise<Message[]> {
    this.#cancelled = false;
    this.#say = say;
    const worker = () => new Worker(`speech-worker.js${location.search}`, { type: "module" });
    this.#speech ??= remote<SpeechFunctions>(worker() as never, ({ partial, model }) => {
      if (model) this.#say(arriving(model as Arrived));
      if (partial) this.#say(`… ${(partial as string).slice(-80)}`);
    });
    await this.#speech.load(this.#threads);
    say("transcribing …");
    const found = this.#cancelled ? undefined : await this.#speech.transcribe(samples, 1);
    return (found?.segments ?? []).map(({ text, start: seconds }) => ({
      text: text.trim(),
      time: Math.round(start + 1000 * seconds),
      source,
    }));
  }

  cancel(): void {
    this.#cancelled = true;
    void this.#speech?.cancel();
  }
}
