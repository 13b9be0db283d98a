// SPDX-License-Identifier: MIT
// The page: files to index, the search as one types, and dialogs. Two workers do the work: one answers queries, one indexes.
import { decodeFile, kRate } from "../../voice/app/microphone.ts";
import type { Filter, Item } from "../src/index.ts";
import { answerFrom } from "./answer.ts";
import { $, bytes, element, number, plural } from "./dom.ts";
import { marks } from "./highlight.ts";
import type { IndexFunctions, Progress } from "./index-worker.ts";
import { remote } from "./rpc.ts";
import type { Answer, Neighbour, Result, SearchFunctions, Statistics } from "./search-worker.ts";
import { startTheme } from "./theme.ts";
import { isSound, Notes } from "./voice-notes.ts";

const kResults = 20;
const kFocused = 5; // results whose best sentence is looked for

const query = $<HTMLInputElement>("query");
const person = $<HTMLSelectElement>("person");
const from = $<HTMLInputElement>("from");
const to = $<HTMLInputElement>("to");

const milliseconds = (n: number) => (n < 10 ? n.toFixed(1) : String(Math.round(n)));
const month = new Intl.DateTimeFormat(undefined, { month: "short", year: "numeric" });
const minute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function duration(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s left`;
  return seconds < 3600 ? `${Math.round(seconds / 60)} min left` : `${(seconds / 3600).toFixed(1)} h left`;
}

function problem(text: string): void {
  $("problem").hidden = text === "";
  $("problem").firstElementChild!.textContent = text;
}
$("problem").querySelector("button")!.onclick = () => problem("");
addEventListener("unhandledrejection", (event) => problem(String(event.reason?.message ?? event.reason)));

// ---- the workers

const cores = navigator.hardwareConcurrency || 1;
const searchWorker = new Worker(`search-worker.js${location.search}`, { type: "module" });
let loaded = 0; // of the model
const store = remote<SearchFunctions>(searchWorker as never, ({ model, graph }) => {
  if (model !== undefined) loaded = model;
  if (graph !== undefined && statistics) {
    statistics.inGraph = graph;
    statistics.approximate = graph === statistics.items;
    showFigures();
  }
  showStatus();
});
const indexWorker = new Worker("index-worker.js", { type: "module" });
const indexer = remote<IndexFunctions>(indexWorker as never, ({ progress }) => showProgress(progress));
for (const worker of [searchWorker, indexWorker])
  worker.onerror = (event) => problem(`A part of the page failed: ${event.message ?? "it cannot be started"}`);

// ---- files

let busy = false; // indexing
let adding: Promise<void> = Promise.resolve();

function addFiles(files: readonly File[]): Promise<void> {
  if (busy) {
    problem("Wait until the files before are indexed, or stop them.");
    return adding;
  }
  return (adding = addAll(files));
}

async function addAll(files: readonly File[]): Promise<void> {
  problem("");
  busy = true;
  void navigator.storage.persist?.();
  const finished: Progress[] = [];
  const wrong: string[] = [];
  stopped = false;
  for (const file of files) {
    if (stopped) break;
    try {
      finished.push(isSound(file) ? await addVoiceNote(file) : await indexer.add(file));
    } catch (error) {
      wrong.push((error as Error).message);
    }
  }
  busy = false;
  $("progress").hidden = true;
  if (wrong.length) problem(wrong.join(" · "));
  await refresh();
  void store.build();
  const count = finished.reduce((sum, { done }) => sum + done, 0);
  const known = finished.reduce((sum, { known }) => sum + known, 0);
  if (finished.length) said = `${plural(count, "message")} added${known ? `, ${plural(known, "message")} known already` : ""}.`;
  showStatus();
}

// Voice notes are transcribed, and the sentences indexed as messages.
const notes = new Notes(cores);
async function addVoiceNote(file: File): Promise<Progress> {
  const progress: Progress = { name: file.name, format: "Voice note", done: 0, total: 0, known: 0 };
  $("progress").hidden = false;
  $("progress-name").textContent = file.name;
  $("bar").removeAttribute("value");
  const say = (text: string) => ($("progress-text").textContent = text);
  const samples = await decodeFile(file);
  const start = file.lastModified - (samples.length / kRate) * 1000;
  const messages = await notes.transcribe(samples, { source: file.name, start, say });
  return indexer.addMessages("Voice note", messages, progress);
}

let stopped = false;
let shownMessages = 0;
function showProgress({ name, format, done, total, known, rate, left }: Progress): void {
  $("progress").hidden = false;
  $("progress-name").textContent = name;
  const parts = total ? [`${number.format(done)} of ${plural(total, "message")}`] : [known ? "nothing new" : "reading …"];
  if (format) parts.unshift(format);
  if (rate) parts.push(`${rate.toFixed(0)} messages/s`);
  if (left !== undefined && done < total) parts.push(duration(left));
  $("progress-text").textContent = parts.join(" · ");
  if (total) $<HTMLProgressElement>("bar").value = done / total;
  else $("bar").removeAttribute("value");
  // New messages can be found at once.
  if (done > 0 && (shownMessages === 0 || done - shownAt >= 256)) {
    shownAt = done;
    void refresh();
  }
}
let shownAt = 0;

$("choose").onclick = $("add").onclick = () => $<HTMLInputElement>("files").click();
$<HTMLInputElement>("files").onchange = () => {
  const chosen = [...($<HTMLInputElement>("files").files ?? [])];
  $<HTMLInputElement>("files").value = "";
  if (chosen.length) void addFiles(chosen);
};
$("sample").onclick = async () => addFiles([new File([await (await fetch("sample.txt")).blob()], "WhatsApp Chat with Lisbon trip.txt")]);
$("cancel").onclick = () => {
  stopped = true;
  notes.cancel();
  void indexer.cancel();
};
let inside = 0;
const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files");
addEventListener("dragenter", (event) => hasFiles(event) && ($("cover").hidden = ++inside === 0));
addEventListener("dragleave", (event) => hasFiles(event) && ($("cover").hidden = --inside <= 0));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  inside = 0;
  $("cover").hidden = true;
  const dropped = [...(event.dataTransfer?.files ?? [])];
  if (dropped.length) void addFiles(dropped);
});

// ---- results

let statistics: Statistics | undefined;
let said = "";
let similarTo: Neighbour | undefined;
let answered: { text: string; answer: Answer } | undefined;

const filter = (): Filter => ({
  ...(person.value && { person: person.value }),
  ...(from.value && { from: new Date(`${from.value}T00:00`).getTime() }),
  ...(to.value && { to: new Date(`${to.value}T23:59:59.999`).getTime() }),
});

const initials = (name: string) =>
  (name.match(/[\p{L}\p{N}]+/gu) ?? ["?"])
    .slice(0, 2)
    .map((word) => [...word][0]!.toUpperCase())
    .join("");
const colour = (name: string) => [...name].reduce((sum, c) => (sum * 31 + c.codePointAt(0)!) % 8009, 7) % 8;

// A text with marked words and a focused sentence.
function marked(text: string, words: readonly [number, number][], focus?: readonly [number, number]): Node[] {
  const out: Node[] = [];
  const part = (begin: number, end: number): Node[] => {
    const nodes: Node[] = [];
    let at = begin;
    for (const [a, b] of words) {
      if (b <= at || a >= end || a < begin) continue;
      nodes.push(new Text(text.slice(at, a)), element("mark", {}, text.slice(a, b)));
      at = b;
    }
    nodes.push(new Text(text.slice(at, end)));
    return nodes;
  };
  const [begin, end] = focus ?? [0, 0];
  out.push(...part(0, begin));
  if (end > begin) out.push(element("span", { className: "focus" }, ...part(begin, end)));
  out.push(...part(end, text.length));
  return out;
}

function meta(item: Item, score?: number): HTMLElement {
  const { person: who, source, time } = item;
  return element(
    "div",
    { className: "meta" },
    who !== undefined && element("span", { className: `avatar a${colour(who)}`, "aria-hidden": "true" }, initials(who)),
    who !== undefined && element("span", { className: "who" }, who),
    source !== undefined && element("span", { className: "where" }, source),
    time !== undefined && element("time", { dateTime: new Date(time).toISOString() }, minute.format(time)),
    score !== undefined &&
      element(
        "span",
        { className: "score", title: "Similarity to the query, from 0 to 1" },
        element("meter", { value: Math.max(0, score), max: 1, "aria-label": "Similarity" }),
        score.toFixed(2),
      ),
  );
}

const line = ({ item }: Neighbour) =>
  element("p", { className: "next" }, item.person !== undefined && element("b", {}, `${item.person}: `), item.text.slice(0, 200));

function card(result: Partial<Result> & Neighbour, words: string): HTMLLIElement {
  const { id, item, score, before, after } = result;
  return element(
    "li",
    { tabIndex: -1, "data-id": id },
    meta(item, score),
    before && line(before),
    element("p", { className: "text" }, ...marked(item.text, marks(item.text, words))),
    after && line(after),
    element(
      "div",
      { className: "actions" },
      element("button", { type: "button", className: "link", onclick: () => showSimilar({ id, item }) }, "More like this"),
      element("button", { type: "button", className: "link", onclick: () => showConversation({ id, item }) }, "Show conversation"),
    ),
  );
}

function showStatus(): void {
  const messages = statistics?.messages ?? 0;
  let text = said;
  if (answered && messages) {
    const { results, encoded, searched } = answered.answer;
    const all = plural(messages, "message");
    text += `${said && " "}${results.length ? `The best ${results.length} of ${all}` : `Nothing in ${all} fits the filters`} · ${milliseconds(encoded + searched)} ms`;
  } else if (query.value.trim() && loaded < 1) text = `Loading the language model: ${Math.round(100 * loaded)} %`;
  $("status").textContent = text;
}

function show(results: readonly (Partial<Result> & Neighbour)[], words: string): void {
  $("results").dataset["query"] = words;
  $("results").replaceChildren(...results.map((result) => card(result, words)));
  $("like").hidden = !similarTo;
  if (similarTo) $("like").firstElementChild!.textContent = `Messages like “${similarTo.item.text.slice(0, 80)}”`;
}

// One query at a time runs; of those typed meanwhile, only the last.
let running = false;
let again = false;
async function search(): Promise<void> {
  if (running) {
    again = true;
    return;
  }
  running = true;
  do {
    again = false;
    const text = query.value.trim();
    const like = similarTo;
    try {
      if (like) {
        answered = { text: "", answer: await store.similar(like.id, kResults, filter()) };
        if (like === similarTo) show(answered.answer.results, like.item.text);
      } else if (text) {
        await store.load();
        loaded = 1;
        answered = { text, answer: await store.search(text, kResults, filter()) };
        show(answered.answer.results, text);
        focusLater(text);
      } else {
        answered = undefined;
        show(await store.recent(kResults, filter()), "");
      }
      showStatus();
    } catch (error) {
      problem((error as Error).message);
    }
  } while (again);
  running = false;
}

// ---- answers

const answering = answerFrom({
  cores,
  search: (text) => store.load().then(() => store.search(text, 6, filter())),
  show: showConversation,
  problem,
});
$("answer").onclick = () => void answering.ask(query.value.trim());

// Marks the sentence that fits best, when one stops typing.
let timer: ReturnType<typeof setTimeout> | undefined;
function focusLater(text: string): void {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const current = answered;
    const results = current?.answer.results.slice(0, kFocused) ?? [];
    const ids = results.map(({ id }) => id);
    const found = await store.focus(text, ids);
    if (answered !== current) return;
    for (const [i, focus] of found.entries()) {
      const place = $("results").querySelector(`[data-id="${ids[i]}"] .text`);
      const whole = results[i]!.item.text;
      if (focus && place) place.replaceChildren(...marked(whole, marks(whole, text), focus));
    }
  }, 250);
}

function showSimilar(to: Neighbour): void {
  similarTo = to;
  void search().then(() => {
    scrollTo({ top: 0 });
    $("like").querySelector("button")!.focus();
  });
}
$("like").querySelector("button")!.onclick = () => {
  similarTo = undefined;
  query.focus();
  void search();
};

async function showConversation({ id, item }: Neighbour): Promise<void> {
  const around = await store.around(id, 25);
  $("conversation-title").textContent = item.source ?? "Message";
  const lines = around.map((neighbour) =>
    element(
      "li",
      neighbour.id === id ? { className: "this", "aria-current": "true" } : {},
      meta({ ...neighbour.item, source: undefined }),
      element("p", { className: "text" }, ...marked(neighbour.item.text, neighbour.id === id ? marks(item.text, query.value) : [])),
    ),
  );
  $("thread").replaceChildren(...lines);
  $<HTMLDialogElement>("conversation").showModal();
  $("thread").querySelector(".this")?.scrollIntoView({ block: "center" });
}

// ---- keys and filters

query.oninput = () => {
  $<HTMLButtonElement>("answer").disabled = query.value.trim() === "";
  similarTo = undefined;
  said = "";
  void search();
};
$("form").onsubmit = (event) => event.preventDefault();
for (const input of [person, from, to])
  input.onchange = () => {
    $("reset").hidden = !person.value && !from.value && !to.value;
    void search();
  };
$("reset").onclick = () => {
  person.value = from.value = to.value = "";
  $("reset").hidden = true;
  query.focus();
  void search();
};
addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const results = [...$("results").children] as HTMLElement[];
  const at = results.findIndex((result) => result.contains(document.activeElement));
  if (key === "/" && !(target instanceof HTMLInputElement)) query.focus();
  else if (key === "Escape" && similarTo) $("like").querySelector("button")!.click();
  else if (key === "Escape" && at >= 0) query.focus();
  else if (key === "ArrowDown" && (target === query || at >= 0)) results[Math.min(at + 1, results.length - 1)]?.focus();
  else if (key === "ArrowUp" && at === 0) query.focus();
  else if (key === "ArrowUp" && at > 0) results[at - 1]!.focus();
  else if (key === "Enter" && at >= 0 && target === results[at]) (results[at]!.querySelectorAll(".link")[1] as HTMLElement).click();
  else return;
  event.preventDefault();
});

// ---- the rest of the page

function showFigures(): void {
  const { messages, stored, inGraph, approximate, items } = statistics!;
  const building = inGraph !== undefined && !approximate ? `, graph ${Math.floor((100 * inGraph) / items)} %` : "";
  const how = approximate ? "approximate search" : `exact search${building}`;
  $("figures").textContent = messages ? `${plural(messages, "message")} · ${how} · ${bytes(stored)}` : "";
  $("choice").textContent = approximate
    ? "There are so many messages that a query walks through a graph of neighbours (HNSW) instead of comparing with all of them. It may miss a few. Searches with a filter compare with all that it allows."
    : inGraph !== undefined
      ? `Each query is compared with every message. A graph of neighbours (HNSW) that makes this faster is being built: it has ${number.format(inGraph)} of ${number.format(items)} messages.`
      : "Each query is compared with every message: int8 first, then the best ones again with 16-bit numbers. So nothing is missed. Above 100,000 messages, a graph of neighbours (HNSW) takes over.";
  $("comparison").hidden = !approximate;
}

async function refresh(): Promise<void> {
  statistics = await store.statistics();
  const { messages, people, earliest, latest } = statistics;
  $("welcome").hidden = messages > 0;
  $("searching").hidden = $("add").hidden = $("more").hidden = messages === 0;
  showFigures();
  const chosen = person.value;
  person.replaceChildren(
    element("option", { value: "" }, "Anyone"),
    ...people.slice(0, 500).map(([name, count]) => element("option", { value: name }, `${name} (${number.format(count)})`)),
  );
  person.value = people.some(([name]) => name === chosen) ? chosen : "";
  for (const input of [from, to])
    if (earliest !== undefined) {
      input.min = new Date(earliest).toISOString().slice(0, 10);
      input.max = new Date(latest!).toISOString().slice(0, 10);
    }
  if (messages && shownMessages === 0) query.focus();
  const changed = messages !== shownMessages;
  shownMessages = messages;
  if (changed && messages) await search();
}

$("about-button").onclick = () => {
  const s = statistics;
  const range = s?.earliest !== undefined ? month.formatRange(s.earliest, s.latest!) : "–";
  const facts: [string, string][] = [
    ["messages", number.format(s?.messages ?? 0)],
    ["conversations", number.format(s?.sources ?? 0)],
    ["period", range],
    ["on this device", bytes(s?.stored ?? 0)],
    ["memory for search", bytes(s?.memory ?? 0)],
    ["threads", `${s?.threads ?? 1} of ${cores}`],
  ];
  if (answered) facts.push(["last query", `${milliseconds(answered.answer.encoded)} + ${milliseconds(answered.answer.searched)} ms`]);
  $("facts").replaceChildren(...facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
  $<HTMLDialogElement>("about").showModal();
};
$("compare").onclick = async () => {
  const status = $("comparison").querySelector("span")!;
  status.textContent = "Searching …";
  const { queries, recall, approximate, exact } = await store.compare(100);
  status.textContent = `${(100 * recall).toFixed(1)} % of the ten nearest found, for ${queries} messages; ${milliseconds(approximate)} ms instead of ${milliseconds(exact)} ms.`;
};

$("more").onclick = () => {
  $("confirm").hidden = true;
  $<HTMLDialogElement>("data").showModal();
};
async function save(kind: "json" | "index", name: string): Promise<void> {
  const link = element("a", { href: URL.createObjectURL(await store.export(kind)), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
$("export-json").onclick = () => save("json", "recall.json");
$("export-index").onclick = () => save("index", "messages.recall");
$("delete").onclick = () => {
  $("confirm").hidden = false;
  $("delete-no").focus();
};
$("delete-no").onclick = () => ($("confirm").hidden = true);
$("delete-yes").onclick = async () => {
  stopped = true;
  await indexer.cancel();
  await adding; // messages that are on their way would be there afterwards
  await store.clear();
  $<HTMLDialogElement>("data").close();
  query.value = person.value = from.value = to.value = said = "";
  similarTo = answered = undefined;
  $("results").replaceChildren();
  await refresh();
};

startTheme($<HTMLButtonElement>("theme"));
const { port1, port2 } = new MessageChannel();
const ready = (async () => {
  await store.open(Math.min(8, cores));
  await Promise.all([store.connect(port1), indexer.connect(port2, Math.min(cores, 8))]);
  await refresh();
  void store.load().then(() => {
    loaded = 1;
    showStatus();
    void store.build();
  });
})();
ready.catch((error) => problem(error.message));
