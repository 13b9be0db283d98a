// SPDX-License-Identifier: MIT
// Discord: the data package that one can request (own messages only), and the JSON files of DiscordChatExporter.
import { type ExportFile, jsonOf, type Message, split, textOf, timeOf } from "./message.ts";

const kFolder = /(^|\/)messages\/c?(\d+)\/messages\.(json|csv)$/i;

export const isDiscordPackage = (files: readonly ExportFile[]): boolean => files.some((file) => kFolder.test(file.name));
export const isDiscordChat = (json: any): boolean =>
  Array.isArray(json?.messages) && json.guild !== undefined && json.channel !== undefined;

/** The rows of a CSV file, by the names of its first row. */
export function csv(text: string): Record<string, string>[] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    rows.at(-1)!.push(quoted?.replaceAll('""', '"') ?? plain!);
    if (end === "") break;
    if (end !== ",") rows.push([]);
  }
  const [names = [], ...rest] = rows.filter((row) => row.length > 1);
  return rest.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i] ?? ""])));
}

export function readDiscordPackage(files: readonly ExportFile[]): Message[] {
  const find = (test: RegExp) => files.find((file) => test.test(file.name));
  const json = (file: ExportFile | undefined) => (file ? jsonOf(file) : undefined);
  const names = json(find(/(^|\/)messages\/index\.json$/i)) ?? {};
  const user = json(find(/(^|\/)account\/user\.json$/i));
  const person = user?.global_name || user?.username || "You";
  return files.flatMap((file) => {
    const [, , id, type] = kFolder.exec(file.name) ?? [];
    if (!id) return [];
    const channel = json(files.find((f) => f.name === file.name.replace(/messages\.\w+$/, "channel.json")));
    const guild = channel?.guild?.name;
    const name = channel?.name ?? names[id] ?? `channel ${id}`;
    const rows: any[] = type === "csv" ? csv(textOf(file)) : (jsonOf(file) ?? []);
    const messages = rows.map((row) => ({ text: String(row.Contents ?? "").trim(), time: timeOf(row.Timestamp) }));
    messages.sort((a, b) => (a.time ?? 0) - (b.time ?? 0)); // the newest is first in the file
    return messages.flatMap(({ text, time }) => (text ? split({ text, person, time, source: guild ? `${guild} #${name}` : name }) : []));
  });
}

export function readDiscordChat(json: any): Message[] {
  const { guild, channel } = json;
  const source = guild?.name && guild.name !== "Direct Messages" ? `${guild.name} #${channel.name}` : channel.name;
  return (json.messages as any[]).flatMap((message) => {
    const text = String(message.content ?? "").trim();
    if (!text || !["Default", "Reply", undefined].includes(message.type)) return [];
    return split({ text, person: message.author?.nickname || message.author?.name, time: timeOf(message.timestamp), source });
  });
}
