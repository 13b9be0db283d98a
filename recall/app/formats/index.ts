// SPDX-License-Identifier: MIT
// Recognises exports by their content, and reads them.
import { unzip } from "fflate";
import { isChatGpt, isClaude, readChatGpt, readClaude } from "./assistants.ts";
import { isDiscordChat, isDiscordPackage, readDiscordChat, readDiscordPackage } from "./discord.ts";
import { readMarkdown, readPdf, readText } from "./documents.ts";
import { readMail, readMailbox } from "./mail.ts";
import { baseName, type Export, type ExportFile, jsonOf, type Message } from "./message.ts";
import { isSlack, readSlack } from "./slack.ts";
import { isTelegram, readTelegram } from "./telegram.ts";
import { isWhatsApp, readWhatsApp } from "./whatsapp.ts";

export type { Export, ExportFile, Message } from "./message.ts";

/** A file that is not an export which this program reads. */
export class UnknownFormat extends Error {}

const isZip = ({ bytes }: ExportFile) => bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
const startsWith = ({ bytes }: ExportFile, text: string) => new TextDecoder("latin1").decode(bytes.subarray(0, text.length)) === text;

const kRead = /\.(json|csv|txt|md|markdown|mbox|eml|pdf)$/i;

function filesOf(file: ExportFile): Promise<ExportFile[]> {
  const filter = ({ name }: { name: string }) => kRead.test(name) && !/(^|\/)(__MACOSX|\.)/.test(name);
  return new Promise((resolve, reject) =>
    unzip(file.bytes, { filter }, (error, found) =>
      error
        ? reject(new UnknownFormat(`${file.name} is damaged: ${error.message}`))
        : resolve(Object.entries(found).map(([name, bytes]) => ({ name, bytes: bytes as Uint8Array<ArrayBuffer>, changed: file.changed }))),
    ),
  );
}

function fromJson(file: ExportFile): Export | undefined {
  const json = jsonOf(file);
  if (isChatGpt(json)) return { format: "ChatGPT", messages: readChatGpt(json) };
  if (isClaude(json)) return { format: "Claude", messages: readClaude(json) };
  if (isDiscordChat(json)) return { format: "Discord", messages: readDiscordChat(json) };
  if (isTelegram(json)) return { format: "Telegram", messages: readTelegram(json) };
  if (Array.isArray(json) && json.every((m) => typeof m?.text === "string")) return { format: "Recall", messages: json as Message[] };
  return undefined;
}

async function fromFile(file: ExportFile): Promise<Export | undefined> {
  if (startsWith(file, "%PDF-")) return { format: "PDF", messages: await readPdf(file) };
  if (/\.json$/i.test(file.name)) return fromJson(file);
  if (/\.eml$/i.test(file.name)) return { format: "Mail", messages: await readMail(file.bytes) };
  if (/\.mbox$/i.test(file.name) || startsWith(file, "From ")) return { format: "Mailbox", messages: await readMailbox(file) };
  if (isWhatsApp(file)) return { format: "WhatsApp", messages: readWhatsApp(file) };
  if (/\.(md|markdown)$/i.test(file.name)) return { format: "Markdown", messages: readMarkdown(file) };
  if (/\.txt$/i.test(file.name)) return { format: "Text", messages: readText(file) };
  return undefined;
}

async function fromArchive(archive: ExportFile): Promise<Export | undefined> {
  const files = await filesOf(archive);
  if (isSlack(files)) return { format: "Slack", messages: readSlack(files) };
  if (isDiscordPackage(files)) return { format: "Discord", messages: readDiscordPackage(files) };
  // The name of a chat of WhatsApp is that of its archive.
  for (const file of files) if (/^_chat\.txt$/i.test(baseName(file.name))) file.name = baseName(archive.name).replace(/(\.zip)?$/i, ".txt");
  const conversations = files.filter((file) => /(^|\/)(conversations(-\d+)?|result)\.json$/i.test(file.name));
  const found: Export[] = [];
  for (const file of conversations.length ? conversations : files) {
    const one = await fromFile(file);
    if (one?.messages.length) found.push(one);
  }
  if (found.length === 0) return undefined;
  return { format: [...new Set(found.map(({ format }) => format))].join(", "), messages: found.flatMap(({ messages }) => messages) };
}

/** Reads an export. */
export async function readExport(file: ExportFile): Promise<Export> {
  const found = await (isZip(file) ? fromArchive(file) : fromFile(file));
  if (!found) throw new UnknownFormat(`${file.name} is not an export that Recall knows`);
  return found;
}
