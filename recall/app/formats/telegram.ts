// SPDX-License-Identifier: MIT
// Telegram Desktop: "result.json" of one chat or of all ("Export chat history", format JSON).
import { type Message, split } from "./message.ts";

export const isTelegram = (json: any): boolean =>
  Array.isArray(json?.chats?.list) || (Array.isArray(json?.messages) && "type" in json && "id" in json && !("guild" in json));

// Text with formatting is a list of texts and entities.
const plain = (text: unknown): string =>
  typeof text === "string"
    ? text
    : Array.isArray(text)
      ? text.map((part) => (typeof part === "string" ? part : String(part?.text ?? ""))).join("")
      : "";

export function readTelegram(json: any): Message[] {
  const chats: any[] = json.chats?.list ?? [json];
  return chats.flatMap((chat) =>
    (chat.messages as any[]).flatMap((message) => {
      const text = plain(message.text).trim();
      if (message.type !== "message" || !text) return [];
      const time = message.date_unixtime ? Number(message.date_unixtime) * 1000 : Date.parse(message.date);
      return split({ text, person: message.from ?? message.forwarded_from ?? undefined, time, source: chat.name ?? "Saved messages" });
    }),
  );
}
