// SPDX-License-Identifier: MIT
// Messages of any export, and helpers for their readers.
import type { Item } from "../../src/index.ts";

/** A message as the readers of exports return it. */
export type Message = Item;

/** A file of an export. */
export interface ExportFile {
  /** Its path inside an archive, or its name. */
  name: string;
  bytes: Uint8Array<ArrayBuffer>;
  /** When it was last changed, in milliseconds since 1970. */
  changed?: number | undefined;
}

/** The messages of an export, and the name of its format. */
export interface Export {
  format: string;
  messages: Message[];
}

export const textOf = (file: ExportFile): string => new TextDecoder().decode(file.bytes).replace(/^\ufeff/, "");

/** The name of a file without its folders. */
export const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** JSON of a file, or undefined if it is something else. */
export function jsonOf(file: ExportFile): any {
  try {
    return JSON.parse(textOf(file));
  } catch {
    return undefined;
  }
}

/** Milliseconds of a date in the forms of exports: ISO, or "2024-01-31 10:00:00" in UTC. */
export function timeOf(date: unknown): number | undefined {
  if (typeof date === "number") return Number.isFinite(date) ? date : undefined;
  if (typeof date !== "string") return undefined;
  const iso = date.trim().replace(/^(\d{4}-\d\d-\d\d) (\d)/, "$1T$2");
  const time = Date.parse(/T[\d:.]+$/.test(iso) ? `${iso}Z` : iso);
  return Number.isNaN(time) ? undefined : time;
}

const kPassage = 900; // characters: about as many as the encoder reads

/** Splits a long text at paragraphs, else at sentences, else at words. */
export function passages(text: string, most = kPassage): string[] {
  const clean = text.replace(/\r\n?/g, "\n").trim();
  if (clean.length <= most) return clean ? [clean] : [];
  const out: string[] = [];
  let current = "";
  const flush = () => {
    if (current.trim()) out.push(current.trim());
    current = "";
  };
  const put = (piece: string, between: string) => {
    if (current && current.length + between.length + piece.length > most) flush();
    current += (current ? between : "") + piece;
  };
  for (const paragraph of clean.split(/\n\s*\n/)) {
    if (paragraph.length <= most) {
      put(paragraph, "\n\n");
      continue;
    }
    flush();
    for (const sentence of paragraph.split(/(?<=[.!?。！？…])\s+|\n/)) {
      if (sentence.length <= most) put(sentence, " ");
      else for (const part of sentence.match(new RegExp(`[^]{1,${most}}(?=\\s|$)|[^]{1,${most}}`, "g")) ?? []) put(part.trim(), " ");
    }
    flush();
  }
  flush();
  return out;
}

/** The passages of a message as messages. */
export const split = (message: Message): Message[] => passages(message.text).map((text) => ({ ...message, text }));
