// SPDX-License-Identifier: MIT
// Mailboxes (.mbox) and single mails (.eml). The source of a mail is its conversation: the subject without "Re:".
import PostalMime from "postal-mime";
import { type ExportFile, type Message, split, timeOf } from "./message.ts";

const kFrom = new TextEncoder().encode("From ");

/** The mails of a mailbox: each begins with a line "From ", at the start or after an empty line. */
export function* mailsIn(bytes: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
  const isFrom = (at: number) => kFrom.every((byte, i) => bytes[at + i] === byte);
  const starts: number[] = [];
  for (let at = 0; at >= 0 && at < bytes.length;) {
    const empty = at === 0 || bytes[at - 2] === 10 || (bytes[at - 2] === 13 && bytes[at - 3] === 10);
    if (empty && isFrom(at)) starts.push(at);
    const end = bytes.indexOf(10, at);
    at = end < 0 ? bytes.length : end + 1;
  }
  for (const [i, start] of starts.entries()) {
    const line = bytes.indexOf(10, start);
    const end = starts[i + 1] ?? bytes.length;
    if (line >= 0 && line < end) yield bytes.subarray(line + 1, end);
  }
}

const kEntities: Record<string, string> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  ndash: "–",
  mdash: "—",
  hellip: "…",
  rsquo: "’",
  lsquo: "‘",
  rdquo: "”",
  ldquo: "“",
};

/** The text of a mail that has only HTML; workers have no parser for it. */
export function textOfHtml(html: string): string {
  const code = (n: number) => (n > 0 && n <= 0x10ffff ? String.fromCodePoint(n) : "");
  return html
    .replace(/<!--[^]*?-->|<(style|script|head|title)\b[^]*?<\/\1\s*>/gi, "")
    .replace(/\s+/g, " ")
    .replace(/<br\b[^>]*>|<\/(p|div|tr|li|h[1-6]|table|blockquote)\s*>/gi, "\n")
    .replace(/<[a-z!/](?:"[^"]*"|'[^']*'|[^'">])*>/gi, "")
    .replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (all, hex, decimal, name) =>
      hex ? code(parseInt(hex, 16)) : decimal ? code(Number(decimal)) : (kEntities[name] ?? all),
    )
    .replace(/[ \t]*\n[ \t]*/g, "\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

// The text that the author wrote, without quoted mails and the signature. mboxrd puts ">" before "From " in texts.
function written(text: string): string {
  const lines = text
    .replace(/\r\n?/g, "\n")
    .replace(/^>(>*From )/gm, "\u0000$1")
    .split("\n");
  const signature = lines.indexOf("-- ");
  return (signature < 0 ? lines : lines.slice(0, signature))
    .filter((line) => !/^>|^(On|Am|Le) .{5,200}(wrote|schrieb|écrit)\s*:$/.test(line))
    .join("\n")
    .replaceAll("\u0000", "")
    .trim();
}

export async function readMail(bytes: Uint8Array<ArrayBuffer>): Promise<Message[]> {
  const mail = await PostalMime.parse(bytes);
  const subject = (mail.subject ?? "").trim();
  const source = subject.replace(/^((re|fwd?|aw|wg)\s*:\s*)+/i, "") || "Mail";
  const text = written(mail.text ?? textOfHtml(mail.html ?? ""));
  const from = mail.from as { name?: string; address?: string } | undefined;
  const message = { text: text || subject, person: from?.name || from?.address, time: timeOf(mail.date), source };
  return message.text ? split(message) : [];
}

export async function readMailbox(file: ExportFile): Promise<Message[]> {
  const all: Message[][] = [];
  for (const mail of mailsIn(file.bytes)) all.push(await readMail(mail));
  // Neighbours are mails of a conversation.
  const order = new Map<string, number>();
  for (const [{ source = "" } = {}] of all as Partial<Message>[][]) if (!order.has(source)) order.set(source, order.size);
  const place = ([first]: Message[]) => order.get(first?.source ?? "") ?? 0;
  return all.sort((a, b) => place(a) - place(b) || (a[0]?.time ?? 0) - (b[0]?.time ?? 0)).flat();
}
