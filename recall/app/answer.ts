// SPDX-License-Identifier: MIT
// Answers a question from the messages that fit it best, by the language model of voice/, with the messages as sources.
import type { ChatFunctions } from "../../voice/app/chat-worker.ts";
import type { Arrived } from "../../voice/app/device.ts";
import { $, element } from "./dom.ts";
import { type Remote, remote } from "./rpc.ts";
import type { Answer, Neighbour, Result } from "./search-worker.ts";
import { arriving } from "./voice-notes.ts";

const kSources = 5;
const kLength = 400; // characters of a source

const kTask = "You answer questions about chat messages. Use only the messages. Answer in one or two short sentences.";

/** The prompt: the messages, oldest first, and the question. */
export function promptOf(question: string, sources: readonly Result[]): string {
  const day = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
  const lines = [...sources]
    .sort((a, b) => (a.item.time ?? 0) - (b.item.time ?? 0))
    .map(({ item: { person, time, text } }) => {
      const who = [person, time !== undefined && day.format(time)].filter(Boolean).join(", ");
      return `- ${who ? `${who}: ` : ""}${text.slice(0, kLength)}`;
    });
  return `Messages:\n${lines.join("\n")}\n\nQuestion: ${question}`;
}

interface Parts {
  cores: number;
  search(text: string): Promise<Answer>;
  show(source: Neighbour): unknown;
  problem(text: string): void;
}

/** Connects the box with the answer. */
export function answerFrom({ cores, search, show, problem }: Parts): { ask(question: string): Promise<void> } {
  let chat: Remote<ChatFunctions> | undefined;
  let busy = false;
  const say = (text: string) => ($("answer-status").textContent = text);
  $("answer-stop").onclick = () => void chat?.cancel();
  $("answer-close").onclick = () => {
    void chat?.cancel();
    $("answer-box").hidden = true;
    $("query").focus();
  };
  return {
    async ask(question) {
      if (busy || !question) return;
      busy = true;
      problem("");
      $("answer-box").hidden = false;
      $("answer-text").textContent = "";
      $("answer-sources").replaceChildren();
      $("answer-stop").hidden = false;
      scrollTo({ top: 0 });
      say("searching …");
      try {
        const { results } = await search(question);
        const sources = results.slice(0, kSources);
        if (!chat) {
          const worker = new Worker(`chat-worker.js${location.search}`, { type: "module" });
          chat = remote<ChatFunctions>(worker as never, ({ model, text }) => {
            if (model) say(arriving(model as Arrived));
            if (text !== undefined && busy) $("answer-text").textContent = text as string;
          });
        }
        await chat.load(cores);
        say("reading the messages …");
        $("answer-sources").replaceChildren(
          ...sources.map((source) =>
            element(
              "li",
              {},
              element(
                "button",
                { type: "button", className: "link", onclick: () => show(source) },
                `${source.item.person ? `${source.item.person}: ` : ""}${source.item.text.slice(0, 90)}`,
              ),
            ),
          ),
        );
        const messages = [
          { role: "system" as const, content: kTask },
          { role: "user" as const, content: promptOf(question, sources) },
        ];
        const { text, tokens, first, speed, stopped } = await chat.answer(messages, { temperature: 0, tokens: 120 });
        $("answer-text").textContent = text.trim() || (stopped ? "(stopped)" : "(no answer)");
        say(
          `${tokens} tokens · first after ${(first / 1000).toFixed(1)} s · then ${speed.toFixed(1)} per second. A small model makes mistakes: check the messages.`,
        );
      } catch (error) {
        say("");
        $("answer-box").hidden = true;
        problem((error as Error).message);
      }
      $("answer-stop").hidden = true;
      busy = false;
    },
  };
}
