// SPDX-License-Identifier: MIT
// Writes text with the language model. Posts `piece`s of an answer, and `model` (how much of it has arrived).
import { serve } from "../../recall/app/rpc.ts";
import { type Conversation, type GenerateOptions, LanguageModel, type Message, Session } from "../src/index.ts";
import { modelFile, openChosen } from "./device.ts";

const kAnswer = 256; // tokens

let threads = 1;
let current: AbortController | undefined;
let conversation: { model: LanguageModel; texts: Conversation } | undefined;

const session = new Session(async () => {
  const device = await openChosen(threads);
  const model = await LanguageModel.load(
    device,
    modelFile("smollm2.model", (model) => postMessage({ model })),
  );
  return { device, model };
});

/** An answer, with how long it took. */
export interface Answered {
  text: string;
  tokens: number;
  /** Milliseconds until the first token, and tokens a second after it. */
  first: number;
  speed: number;
  /** True if it was cancelled. */
  stopped: boolean;
}

const functions = {
  /** Loads the model, and compiles its kernels for so many threads. */
  async load(count: number): Promise<void> {
    threads = count;
    await session.use((model) => model.prepare());
  },

  /** Answers the last of these messages. */
  async answer(messages: Message[], options: Omit<GenerateOptions, "signal">): Promise<Answered> {
    const stop = (current = new AbortController());
    const start = performance.now();
    let [text, tokens, first] = ["", 0, 0];
    try {
      await session.use(async (model) => {
        if (conversation?.model !== model) conversation = { model, texts: model.conversation() };
        [text, tokens] = ["", 0];
        // If a conversation is longer than the context, the model reads only the last messages.
        const read = [...messages];
        const fixed = read[0]?.role === "system" ? 1 : 0;
        while (read.length > fixed + 1 && model.chat(read).length + (options.tokens ?? kAnswer) > model.context) read.splice(fixed, 1);
        for await (const piece of model.write(conversation.texts, read, {
          tokens: kAnswer,
          ...options,
          signal: stop.signal,
        })) {
          if (++tokens === 1) first = performance.now() - start;
          text += piece;
          postMessage({ piece, text });
        }
      });
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
    const speed = tokens > 1 ? ((tokens - 1) * 1000) / (performance.now() - start - first) : 0;
    return { text, tokens, first, speed, stopped: stop.signal.aborted };
  },

  cancel(): void {
    current?.abort();
  },

  /** Frees the memory of the model. */
  close: (): Promise<void> => session.close(),
};
export type ChatFunctions = typeof functions;

serve(self as never, functions);
