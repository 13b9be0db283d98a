// SPDX-License-Identifier: MIT
// WhatsApp: "_chat.txt" of iOS and "WhatsApp Chat with NAME.txt" of Android.
//
//   [31.12.23, 21:41:12] Ada: text             iOS
//   12/31/23, 9:41 PM - Ada: text              Android
//
// The order of day and month is that of the phone's language. Lines without a date continue a message.
import { baseName, type ExportFile, type Message, split, textOf } from "./message.ts";

const kDate = String.raw`(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})`;
const kTime = String.raw`(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?(?:[\s\u202f\u00a0]*([aApP])\.?[\s\u00a0]?[mM]\.?)?`;
const kLine = new RegExp(String.raw`^\u200e?(?:\[${kDate},?\s+${kTime}\]\s|${kDate},?\s+${kTime}\s+[-–]\s)(.*)$`);

interface Line {
  date: [number, number, number];
  clock: [number, number, number];
  rest: string;
}

function lineOf(text: string): Line | undefined {
  const match = kLine.exec(text);
  if (!match) return undefined;
  const [a, b, c, hour, minute, second, half] = (match[1] ? match.slice(1, 8) : match.slice(8, 15)) as string[];
  const h = Number(hour);
  const inDay = half ? (h % 12) + (half.toLowerCase() === "p" ? 12 : 0) : h;
  return { date: [Number(a), Number(b), Number(c)], clock: [inDay, Number(minute), Number(second ?? 0)], rest: match[15]! };
}

export const isWhatsApp = (file: ExportFile): boolean =>
  /\.txt$/i.test(file.name) &&
  textOf({ ...file, bytes: file.bytes.slice(0, 4000) })
    .split(/\r?\n/, 20)
    .filter(lineOf).length >= 1;

// Year, month and day of a date whose order is known.
type Order = "ymd" | "dmy" | "mdy";
function timeIn(order: Order, { date: [a, b, c], clock: [h, min, s] }: Line): number {
  const [y, m, d] = order === "ymd" ? [a, b, c] : order === "dmy" ? [c, b, a] : [c, a, b];
  return new Date(y < 100 ? 2000 + y : y, m - 1, d, h, min, s).getTime();
}

// A number above 12 decides; without one, the order in which the chat goes back in time less often.
function orderOf(lines: readonly Line[]): Order {
  if (lines.some(({ date }) => date[0] > 31)) return "ymd";
  if (lines.some(({ date }) => date[0] > 12)) return "dmy";
  if (lines.some(({ date }) => date[1] > 12)) return "mdy";
  const backwards = (order: Order) => lines.filter((line, i) => i > 0 && timeIn(order, line) < timeIn(order, lines[i - 1]!)).length;
  return backwards("mdy") < backwards("dmy") ? "mdy" : "dmy";
}

const kNothing = /^(<Media omitted>|<attached: .*>|This message was deleted\.?|You deleted this message\.?|null|.* \(file attached\))$/;

export function readWhatsApp(file: ExportFile): Message[] {
  const found: (Line & { more: string[] })[] = [];
  for (const text of textOf(file).split(/\r?\n/)) {
    const line = lineOf(text);
    if (line) found.push({ ...line, more: [] });
    else found.at(-1)?.more.push(text);
  }
  const order = orderOf(found);
  const title = baseName(file.name).replace(/\.txt$/i, "");
  const source = /^_chat$/i.test(title) ? "WhatsApp" : title.replace(/^WhatsApp Chat (with|-) /i, "");
  return found.flatMap((line) => {
    const [, person, begin] = /^([^:]{1,100}): ?(.*)$/s.exec(line.rest) ?? [];
    // Messages of WhatsApp itself begin with a mark for the direction of writing, or have no author.
    if (person === undefined || begin!.startsWith("\u200e")) return [];
    const text = [begin!, ...line.more]
      .join("\n")
      .replace(/\u200e?<This message was edited>/g, "")
      .replace(/[\u200e\u200f]/g, "")
      .trim();
    if (!text || kNothing.test(text)) return [];
    return split({ text, person: person.replace(/^[\u200e\u202a~\s]+|[\u202c\s]+$/g, ""), time: timeIn(order, line), source });
  });
}
