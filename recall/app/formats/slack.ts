// SPDX-License-Identifier: MIT
// Slack: an archive with "users.json", "channels.json", and for each channel a folder with one file per day.
import { baseName, type ExportFile, jsonOf, type Message, split } from "./message.ts";

export const isSlack = (files: readonly ExportFile[]): boolean => {
  const names = new Set(files.map((file) => baseName(file.name)));
  return names.has("users.json") && (names.has("channels.json") || names.has("dms.json"));
};

const kKept = new Set([undefined, "thread_broadcast", "me_message", "bot_message", "file_share", "file_comment"]);
const kEntities: Record<string, string> = { lt: "<", gt: ">", amp: "&" };

export function readSlack(files: readonly ExportFile[]): Message[] {
  const table = (name: string): any[] => {
    const file = files.find((f) => baseName(f.name) === name);
    const json = file && jsonOf(file);
    return Array.isArray(json) ? json : [];
  };
  const people = new Map<string, string>(
    table("users.json").map((user) => [user.id, user.profile?.display_name || user.profile?.real_name || user.real_name || user.name]),
  );
  const folders = new Map<string, string>();
  for (const list of ["channels.json", "groups.json", "mpims.json"]) for (const { name } of table(list)) folders.set(name, `#${name}`);
  for (const { id, members } of table("dms.json")) folders.set(id, (members as string[]).map((m) => people.get(m) ?? m).join(", "));

  const clean = (text: string) =>
    text
      .replace(/<@(\w+)(?:\|([^>]*))?>/g, (_, id, name) => `@${people.get(id) ?? name ?? id}`)
      .replace(/<#\w+\|([^>]*)>/g, "#$1")
      .replace(/<!(?:subteam\^\w+\|)?@?(\w+)[^>]*>/g, "@$1")
      .replace(/<(?:mailto:)?([^|>]+)\|([^>]*)>/g, "$2")
      .replace(/<([^>]+)>/g, "$1")
      .replace(/&(lt|gt|amp);/g, (_, name) => kEntities[name]!);
  return files
    .filter((file) => /(^|\/)\d{4}-\d\d-\d\d\.json$/.test(file.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((file) => {
      const folder = file.name.split("/").at(-2) ?? "";
      const json = jsonOf(file);
      return (Array.isArray(json) ? json : []).flatMap((message: any) => {
        if (message.type !== "message" || !kKept.has(message.subtype)) return [];
        const text = clean(String(message.text ?? "")).trim();
        if (!text) return [];
        const { user_profile: profile } = message;
        const person = people.get(message.user) ?? (profile?.display_name || profile?.real_name || message.username || undefined);
        return split({ text, person, time: Math.round(Number(message.ts) * 1000), source: folders.get(folder) ?? `#${folder}` });
      });
    });
}
