// SPDX-License-Identifier: MIT
// ChatGPT and Claude: "conversations.json".
import { type Message, split, timeOf } from "./message.ts";

export const isChatGpt = (json: any): boolean => Array.isArray(json) && json.some((c) => c?.mapping && typeof c.mapping === "object");
export const isClaude = (json: any): boolean => Array.isArray(json) && json.some((c) => Array.isArray(c?.chat_messages));

// A conversation is a tree of attempts; the shown one leads from `current_node` to the root.
function shown(conversation: any): any[] {
  const { mapping } = conversation;
  const nodes: any[] = [];
  const seen = new Set<string>();
  for (let id = conversation.current_node; id && mapping[id] && !seen.has(id); id = mapping[id].parent) {
    seen.add(id);
    nodes.push(mapping[id]);
  }
  if (nodes.length) return nodes.reverse();
  return Object.values(mapping).sort((a: any, b: any) => (a.message?.create_time ?? 0) - (b.message?.create_time ?? 0));
}

export function readChatGpt(json: any[]): Message[] {
  return json.flatMap((conversation) =>
    shown(conversation).flatMap(({ message }) => {
      const role = message?.author?.role;
      const { content_type: type, parts } = message?.content ?? {};
      if (!["user", "assistant"].includes(role) || !["text", "multimodal_text"].includes(type)) return [];
      if (message.metadata?.is_visually_hidden_from_conversation) return [];
      const text = (parts as unknown[])
        .filter((part) => typeof part === "string")
        .join("\n")
        .trim();
      if (!text) return [];
      const seconds = message.create_time ?? conversation.create_time;
      const time = typeof seconds === "number" ? Math.round(seconds * 1000) : undefined;
      return split({ text, person: role === "user" ? "You" : "ChatGPT", time, source: conversation.title || "ChatGPT" });
    }),
  );
}

export function readClaude(json: any[]): Message[] {
  return json.flatMap((conversation) =>
    ((conversation.chat_messages ?? []) as any[]).flatMap((message) => {
      const blocks = ((message.content ?? []) as any[]).filter((block) => block.type === "text").map((block) => block.text);
      const text = (blocks.join("\n").trim() || String(message.text ?? "")).trim();
      if (!text) return [];
      const person = message.sender === "human" ? "You" : "Claude";
      return split({ text, person, time: timeOf(message.created_at), source: conversation.name || "Claude" });
    }),
  );
}
