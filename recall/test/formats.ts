// SPDX-License-Identifier: MIT
// Each format of exports, read from small files in their true form.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { zipSync } from "fflate";
import { csv } from "../app/formats/discord.ts";
import { textOfHtml } from "../app/formats/mail.ts";
import { type ExportFile, type Message, readExport, UnknownFormat } from "../app/formats/index.ts";
import { passages } from "../app/formats/message.ts";
import { marks, sentences, stem } from "../app/highlight.ts";

const folder = process.env["RECALL_FIXTURES"]!;
const bytesOf = (path: string) => new Uint8Array(readFileSync(join(folder, path)));
const file = (path: string, name = path): ExportFile => ({ name, bytes: bytesOf(path), changed: 1700000000000 });

// An archive of some files, or of a folder.
function zip(name: string, files: Record<string, Uint8Array>): ExportFile {
  return { name, bytes: zipSync(files) as Uint8Array<ArrayBuffer> };
}
function under(path: string, to = ""): Record<string, Uint8Array> {
  const out: Record<string, Uint8Array> = {};
  for (const name of readdirSync(join(folder, path))) {
    const inside = `${path}/${name}`;
    if (statSync(join(folder, inside)).isDirectory()) Object.assign(out, under(inside, `${to}${name}/`));
    else out[to + name] = bytesOf(inside);
  }
  return out;
}

const local = (...date: [number, number, number, number, number, number?]) =>
  new Date(date[0], date[1] - 1, ...(date.slice(2) as [number])).getTime();
async function read(from: ExportFile, format: string): Promise<Message[]> {
  const found = await readExport(from);
  assert.equal(found.format, format);
  return found.messages;
}

test("WhatsApp on iOS: day first, 24 hours, several lines, marks", async () => {
  const messages = await read(zip("WhatsApp Chat - Neujahr.zip", { "_chat.txt": bytesOf("whatsapp-ios.txt") }), "WhatsApp");
  const source = "Neujahr";
  assert.deepEqual(messages, [
    { text: "Who brings the fireworks?", person: "Ada", time: local(2023, 12, 31, 21, 41, 30), source },
    { text: "Me.\nTwo boxes: one for the children", person: "Ben Müller", time: local(2023, 12, 31, 21, 42, 5), source },
    { text: "Happy new year!", person: "Ada", time: local(2024, 1, 1, 0, 3, 59), source },
    { text: "Note: the bakery is closed: https://example.com/a?b=1", person: "+49 170 1234567", time: local(2024, 1, 1, 9, 15, 0), source },
  ]);
});

test("WhatsApp on Android: month first, 12 hours, messages without an author", async () => {
  const messages = await read(file("whatsapp-android.txt", "WhatsApp Chat with Flat.txt"), "WhatsApp");
  const source = "Flat";
  assert.deepEqual(messages, [
    { text: "The boiler makes a noise again", person: "Ada", time: local(2024, 1, 9, 21, 42), source },
    { text: "Fixed.\nThe valve was loose", person: "Ben", time: local(2024, 1, 31, 0, 5), source },
    { text: "Thank you", person: "Ada", time: local(2024, 2, 1, 12, 30), source },
  ]);
});

test("WhatsApp: dates in which no number is above 12 are read in the order that goes forward", async () => {
  const chat = (lines: string[]) => ({ name: "WhatsApp Chat with A.txt", bytes: new TextEncoder().encode(lines.join("\n")) });
  const [first] = await read(chat(["02/01/2024, 10:00 - A: x", "03/01/2024, 10:00 - A: y", "01/02/2024, 10:00 - A: z"]), "WhatsApp");
  assert.equal(first!.time, local(2024, 1, 2, 10, 0));
  const [other] = await read(chat(["01/02/2024, 10:00 - A: x", "01/03/2024, 10:00 - A: y", "02/01/2024, 10:00 - A: z"]), "WhatsApp");
  assert.equal(other!.time, local(2024, 1, 2, 10, 0));
  const [iso] = await read(chat(["2024-03-04, 10:00 - A: x"]), "WhatsApp");
  assert.equal(iso!.time, local(2024, 3, 4, 10, 0));
});

test("Telegram: one chat, and all chats", async () => {
  const source = "Hiking club";
  assert.deepEqual(await read(file("telegram.json", "result.json"), "Telegram"), [
    { text: "Bring boots on Sunday", person: "Ada", time: 1709287290000, source },
    { text: "Map: https://example.com/map and water!", person: "Ben", time: 1709287320000, source },
    { text: "From a deleted account", person: undefined, time: 1709287440000, source },
  ]);
  const all = await read(zip("export.zip", { "DataExport/result.json": bytesOf("telegram-all.json") }), "Telegram");
  assert.deepEqual(
    all.map(({ text, source }) => [text, source]),
    [
      ["Locker 214", "Saved messages"],
      ["See you at nine", "Ben"],
    ],
  );
});

test("Slack: names, mentions, links, channels and direct messages", async () => {
  assert.deepEqual(await read(zip("Team export.zip", under("slack")), "Slack"), [
    { text: "Lunch?", person: "Ben Okafor", time: 1706871600000, source: "ada, Ben Okafor" },
    { text: "@Ben Okafor the build is red again, see run 42 & #general", person: "ada", time: 1706778060123, source: "#general" },
    { text: "@here fixed: a <div> was missing https://example.com", person: "Ben Okafor", time: 1706778120000, source: "#general" },
    { text: "Deployed to ops@example.com", person: "deploy-bot", time: 1706778180000, source: "#general" },
  ]);
});

test("Discord: the data package, and files of DiscordChatExporter", async () => {
  const messages = await read(zip("package.zip", under("discord")), "Discord");
  assert.deepEqual(messages, [
    { text: "Did anybody try it?", person: "Ada", time: Date.UTC(2024, 1, 3, 18, 29, 0), source: "Board games #general" },
    { text: "The expansion has two more maps", person: "Ada", time: Date.UTC(2024, 1, 3, 18, 30, 5), source: "Board games #general" },
    { text: "Plain text", person: "Ada", time: Date.UTC(2021, 4, 6, 7, 0, 0), source: "Direct Message with ben#0" },
    {
      text: 'He said "no", then\nleft, twice',
      person: "Ada",
      time: Date.UTC(2021, 4, 6, 7, 8, 9, 123),
      source: "Direct Message with ben#0",
    },
  ]);
  assert.deepEqual(await read(file("discord-chat.json"), "Discord"), [
    { text: "Ties go to the older player", person: "Ben", time: Date.UTC(2024, 1, 3, 18, 29, 0, 500), source: "Board games #rules" },
    { text: "That is unfair", person: "cem", time: Date.UTC(2024, 1, 3, 18, 31), source: "Board games #rules" },
  ]);
  assert.deepEqual(csv('a,b\r\n"1,""x""",\r\n,2\r\n'), [
    { a: '1,"x"', b: "" },
    { a: "", b: "2" },
  ]);
});

test("ChatGPT: the shown branch of a conversation", async () => {
  const messages = await read(
    zip("chatgpt.zip", { "conversations.json": bytesOf("chatgpt.json"), "chat.html": new Uint8Array(9) }),
    "ChatGPT",
  );
  assert.deepEqual(messages, [
    { text: "Why is my bread flat?", person: "You", time: 1706000001250, source: "Sourdough help" },
    { text: "The starter was not active yet.", person: "ChatGPT", time: 1706000003000, source: "Sourdough help" },
  ]);
});

test("Claude: the texts of messages", async () => {
  const messages = await read(
    zip("data.zip", { "conversations.json": bytesOf("claude.json"), "users.json": new TextEncoder().encode("[]") }),
    "Claude",
  );
  assert.deepEqual(messages, [
    { text: "Can I deduct a desk?", person: "You", time: Date.UTC(2024, 3, 1, 9, 0, 10, 250), source: "Tax questions" },
    { text: "Yes, over several years.", person: "Claude", time: Date.UTC(2024, 3, 1, 9, 0, 20), source: "Tax questions" },
  ]);
});

test("a mailbox: encodings, HTML, quotes and signatures; conversations are together", async () => {
  for (const ends of ["\n", "\r\n"]) {
    const bytes = new TextEncoder().encode(new TextDecoder().decode(bytesOf("mail.mbox")).replaceAll("\n", ends));
    const messages = await read({ name: "mail.mbox", bytes }, "Mailbox");
    assert.deepEqual(messages, [
      {
        text: "Shall we meet at the café near the station, at four?\nFrom there we can walk.",
        person: "Ada Lindt",
        time: Date.UTC(2024, 0, 8, 9, 0, 0),
        source: "Café on Friday",
      },
      { text: "Four is fine, see you there.", person: "ben@example.com", time: Date.UTC(2024, 0, 9, 7, 30, 0), source: "Café on Friday" },
      {
        text: "Prune your roses now, before the frost.",
        person: "Garden News",
        time: Date.UTC(2024, 0, 8, 11, 0, 0),
        source: "Roses in winter",
      },
    ]);
  }
});

test("HTML of mails becomes text", () => {
  const html =
    '<html><head><title>x</title><style>p { a: "<b>" }</style></head><body><!-- <p> --><p title="a > b">1 &lt; 2 &amp;&nbsp;3</p>\n<div>four<br>&#8364; &#x41; &foo; a < b</div></body></html>';
  assert.equal(textOfHtml(html), "1 < 2 & 3\nfour\n€ A &foo; a < b");
});

test("Markdown by headings, and plain text by paragraphs", async () => {
  const time = 1700000000000;
  assert.deepEqual(await read(file("notes.md"), "Markdown"), [
    { text: "Kept since spring.", time, source: "notes.md" },
    { text: "Water them in the evening.\n\n```sh\n# not a heading\necho water\n```", time, source: "notes.md › Tomatoes" },
    { text: "Black Krim tastes best.", time, source: "notes.md › Varieties" },
  ]);
  const long = Array.from({ length: 40 }, (_, i) => `Paragraph ${i}. ${"It has some more words. ".repeat(3)}`).join("\n\n");
  const text = await read({ name: "book.txt", bytes: new TextEncoder().encode(long) }, "Text");
  assert.ok(text.length > 3 && text.every(({ text }) => text.length <= 900));
  assert.equal(text.map(({ text }) => text.replace(/\s+/g, " ")).join(" "), long.replace(/\s+/g, " ").trim());
});

// A file with a page for each text.
function pdf(pages: string[][]): Uint8Array<ArrayBuffer> {
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    `<< /Type /Pages /Kids [${pages.map((_, i) => `${4 + 2 * i} 0 R`).join(" ")}] /Count ${pages.length} >>`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
  ];
  for (const [i, lines] of pages.entries()) {
    const content = `BT /F1 12 Tf 14 TL 72 720 Td ${lines.map((line) => `(${line}) Tj T*`).join(" ")} ET`;
    objects.push(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents ${5 + 2 * i} 0 R >>`,
    );
    objects.push(`<< /Length ${content.length} >>\nstream\n${content}\nendstream`);
  }
  let text = "%PDF-1.4\n";
  const places = objects.map((object, i) => {
    const at = text.length;
    text += `${i + 1} 0 obj\n${object}\nendobj\n`;
    return at;
  });
  const at = text.length;
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${places.map((place) => `${String(place).padStart(10, "0")} 00000 n \n`).join("")}`;
  text += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${at}\n%%EOF\n`;
  return new TextEncoder().encode(text);
}

test("PDF: the text of each page", async () => {
  const bytes = pdf([["The contract ends with the month of Septem-", "ber, and not before."], ["Signed in Lyon."]]);
  assert.deepEqual(await read({ name: "lease.pdf", bytes, changed: 5 }, "PDF"), [
    { text: "The contract ends with the month of September, and not before.", time: 5, source: "lease.pdf, page 1" },
    { text: "Signed in Lyon.", time: 5, source: "lease.pdf, page 2" },
  ]);
});

test("an archive of documents, and what is no export", async () => {
  const found = await readExport(
    zip("all.zip", { "a/notes.md": bytesOf("notes.md"), "__MACOSX/a/._notes.md": new Uint8Array(5), "picture.png": new Uint8Array(5) }),
  );
  assert.equal(found.format, "Markdown");
  assert.equal(found.messages.length, 3);
  for (const other of [
    zip("empty.zip", { "picture.png": new Uint8Array(5) }),
    { name: "x.json", bytes: new TextEncoder().encode("{") },
    { name: "x.png", bytes: new Uint8Array(9) },
  ])
    await assert.rejects(readExport(other), UnknownFormat);
  await assert.rejects(readExport({ name: "cut.zip", bytes: zip("a", under("slack")).bytes.slice(0, 100) }), UnknownFormat);
});

test("long texts are split between sentences", () => {
  assert.deepEqual(passages("One. Two. Three.", 9), ["One. Two.", "Three."]);
  assert.deepEqual(passages("abcdefghij klm", 4).join(""), "abcdefghijklm");
  assert.deepEqual(passages(" \n "), []);
});

test("words of the query are marked in any form", () => {
  const marked = (text: string, query: string) => marks(text, query).map(([a, b]) => text.slice(a, b));
  assert.deepEqual(marked("Recipes for baking; the baker's recipe, baked", "a recipe to bake"), [
    "Recipes",
    "baking",
    "baker's",
    "recipe",
    "baked",
  ]);
  assert.deepEqual(marked("The cat is in the house", "where is the dog"), []);
  assert.deepEqual(marked("Straße und Café", "café"), ["Café"]);
  assert.equal(stem("running"), stem("runs"));
  const text = "First one. Second?\nThird: 3.5 percent";
  assert.deepEqual(
    sentences(text).map(([a, b]) => text.slice(a, b)),
    ["First one.", "Second?", "Third: 3.5 percent"],
  );
});
