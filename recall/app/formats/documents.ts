// SPDX-License-Identifier: MIT
// Notes and documents: .md, .txt and the text of .pdf, as passages.
import { baseName, type ExportFile, type Message, passages, textOf } from "./message.ts";

export function readText(file: ExportFile): Message[] {
  return passages(textOf(file)).map((text) => ({ text, time: file.changed, source: baseName(file.name) }));
}

/** Passages of a section have the heading in their source. */
export function readMarkdown(file: ExportFile): Message[] {
  const lines = textOf(file)
    .replace(/\r\n?/g, "\n")
    .replace(/^---\n[^]*?\n---\n/, "")
    .split("\n");
  const sections: { heading: string; lines: string[] }[] = [{ heading: "", lines: [] }];
  let fence = "";
  for (const line of lines) {
    const [, mark = ""] = /^\s*(```|~~~)/.exec(line) ?? [];
    if (mark) fence = fence === mark ? "" : fence || mark;
    const [, heading] = (!fence && /^#{1,6}\s+(.*?)\s*#*$/.exec(line)) || [];
    if (heading !== undefined) sections.push({ heading, lines: [] });
    else sections.at(-1)!.lines.push(line);
  }
  const name = baseName(file.name);
  return sections.flatMap(({ heading, lines }) => {
    const body = passages(lines.join("\n"));
    const source = heading ? `${name} › ${heading}` : name;
    return body.map((text) => ({ text, time: file.changed, source }));
  });
}

interface Pdf {
  numPages: number;
  getPage(n: number): Promise<{ getTextContent(): Promise<{ items: { str?: string; hasEOL?: boolean }[] }> }>;
}
interface PdfTask {
  promise: Promise<Pdf>;
  destroy(): Promise<void>;
}

export async function readPdf(file: ExportFile): Promise<Message[]> {
  // Readers of other files do not load this large library. It runs in this thread, which is a worker already.
  const [{ getDocument }, worker] = await Promise.all([
    import("pdfjs-dist/legacy/build/pdf.mjs"),
    import("pdfjs-dist/legacy/build/pdf.worker.mjs"),
  ]);
  (globalThis as { pdfjsWorker?: unknown }).pdfjsWorker = worker;
  const task = getDocument({
    data: file.bytes.slice(),
    isEvalSupported: false,
    useSystemFonts: false,
    disableFontFace: true,
    verbosity: 0,
  } as object) as unknown as PdfTask;
  const pdf = await task.promise;
  const out: Message[] = [];
  for (let page = 1; page <= pdf.numPages; ++page) {
    const { items } = await (await pdf.getPage(page)).getTextContent();
    const text = items
      .map(({ str = "", hasEOL }) => (hasEOL ? `${str}\n` : str))
      .join("")
      .replace(/(\p{L})-\n(\p{Ll})/gu, "$1$2") // words that were divided
      .replace(/([^\n])\n(?=[^\n])/g, "$1 ");
    for (const passage of passages(text)) out.push({ text: passage, time: file.changed, source: `${baseName(file.name)}, page ${page}` });
  }
  await task.destroy();
  return out;
}
