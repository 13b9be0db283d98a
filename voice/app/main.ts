// SPDX-License-Identifier: MIT
// The page: notes that are spoken, recordings, and a chat. Two workers do the work: one for each model.
import { $, bytes, element, plural } from "../../recall/app/dom.ts";
import { remote } from "../../recall/app/rpc.ts";
import { startTheme } from "../../recall/app/theme.ts";
import type { Message } from "../src/index.ts";
import type { ChatFunctions } from "./chat-worker.ts";
import type { Arrived } from "./device.ts";
import { decodeFile, kRate, record } from "./microphone.ts";
import type { SpeechFunctions } from "./speech-worker.ts";

interface Part {
  start: number;
  end: number;
  text: string;
}
interface Note {
  name: string;
  time: number;
  seconds: number;
  parts: Part[];
}

const kNotes = "voice-notes";
const cores = navigator.hardwareConcurrency || 1;
const minute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const clock = (seconds: number) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

function problem(text: string): void {
  $("problem").hidden = text === "";
  $("problem").firstElementChild!.textContent = text;
}
$("problem").querySelector("button")!.onclick = () => problem("");
addEventListener("unhandledrejection", (event) => problem(String(event.reason?.message ?? event.reason)));

const arriving = ({ bytes: n, stored, size }: Arrived) =>
  n < size ? `${stored === n ? "Reading" : "Loading"} the model: ${bytes(n)} of ${bytes(size)}` : "Compiling …";

// ---- speech

let said = ""; // sentences of the recording that runs
const speechWorker = new Worker(`speech-worker.js${location.search}`, { type: "module" });
const sentences: Part[] = [];
const speech = remote<SpeechFunctions>(speechWorker as never, ({ partial, sentence, model, problem: text }) => {
  if (model) $("notes-status").textContent = arriving(model as Arrived);
  if (text) problem(text as string);
  if (sentence) {
    if ((sentence as Part).text) sentences.push(sentence as Part);
    said = sentences.map((one) => one.text).join(" ");
    showNow("");
  }
  if (partial !== undefined) showNow(partial as string);
});
speechWorker.onerror = (event) => problem(`A part of the page failed: ${event.message ?? "it cannot be started"}`);
let loaded: Promise<void> | undefined;
const loadSpeech = () =>
  (loaded ??= speech.load(cores).then(
    () => {
      $("notes-status").textContent = "";
      showFigures();
    },
    (error: Error) => {
      loaded = undefined;
      $("notes-status").textContent = "";
      throw error;
    },
  ));

function showNow(partial: string): void {
  $("now-text").replaceChildren(said ? `${said} ` : "", element("span", { className: "partial" }, partial.trim()));
}

function startNow(name: string, state: string): void {
  problem("");
  said = "";
  sentences.length = 0;
  $("now").hidden = false;
  $("now-name").textContent = name;
  $("now-state").textContent = state;
  showNow("");
}

let busy = false;
let cancelled = false;

async function transcribeFiles(files: readonly File[]): Promise<void> {
  if (busy) return problem("Wait until the recording before is transcribed, or stop it.");
  busy = true;
  cancelled = false;
  const wrong: string[] = [];
  for (const file of files) {
    if (cancelled) break;
    startNow(file.name, "decoding …");
    try {
      const samples = await decodeFile(file);
      await loadSpeech();
      if (cancelled) break;
      const seconds = samples.length / kRate;
      $("now-state").textContent = `transcribing ${clock(seconds)} …`;
      const start = performance.now();
      const found = await speech.transcribe(samples, 1);
      if (!found) break;
      const took = (performance.now() - start) / 1000;
      const parts = found.segments.map((segment) => ({ start: segment.start, end: segment.end, text: segment.text.trim() }));
      if (parts.length) addNote({ name: file.name, time: Date.now(), seconds, parts });
      $("notes-status").textContent = parts.length
        ? `${clock(seconds)} transcribed in ${took.toFixed(1)} s: ${(seconds / took).toFixed(1)} times as fast as speech`
        : `No speech was found in ${file.name}`;
    } catch (error) {
      wrong.push((error as Error).message);
    }
  }
  busy = false;
  $("now").hidden = true;
  if (wrong.length) problem(wrong.join(" · "));
}

let recording: { stop(): Promise<void> } | undefined;
let starting = false;

async function startRecording(): Promise<void> {
  if (busy || starting) return;
  starting = busy = true;
  startNow("Recording", "loading …");
  try {
    await loadSpeech();
    await speech.startLive();
    let count = 0;
    recording = await record((part) => {
      count += part.length;
      $("now-state").textContent = clock(count / kRate);
      $<HTMLMeterElement>("level").value = Math.min(1, 6 * Math.sqrt(part.reduce((sum, x) => sum + x * x, 0) / part.length));
      void speech.pushLive(part);
    });
    $("level").hidden = false;
    setRecord(true);
    started = Date.now();
  } catch (error) {
    const denied = (error as Error).name === "NotAllowedError";
    problem(denied ? "The browser does not allow this page to use the microphone" : (error as Error).message);
    void speech.stopLive();
    busy = false;
    $("now").hidden = true;
  }
  starting = false;
}
let started = 0;

async function stopRecording(): Promise<void> {
  const one = recording;
  if (!one) return;
  recording = undefined;
  setRecord(false);
  $("level").hidden = true;
  $("now-state").textContent = "finishing …";
  await one.stop();
  await speech.stopLive();
  busy = false;
  $("now").hidden = true;
  const parts = [...sentences];
  if (parts.length) addNote({ name: "Recording", time: started, seconds: parts.at(-1)!.end, parts });
  else $("notes-status").textContent = "No speech was found";
}

function setRecord(on: boolean): void {
  $("record").setAttribute("aria-pressed", String(on));
  $("record").querySelector("span")!.textContent = on ? "Stop recording" : "Record";
}
const toggle = () => (recording ? stopRecording() : startRecording());
$("record").onclick = () => void toggle();
$("stop").onclick = () => {
  cancelled = true;
  if (recording) void stopRecording();
  else void speech.cancel();
};
$("choose").onclick = () => $<HTMLInputElement>("files").click();
$<HTMLInputElement>("files").onchange = () => {
  const chosen = [...($<HTMLInputElement>("files").files ?? [])];
  $<HTMLInputElement>("files").value = "";
  if (chosen.length) void transcribeFiles(chosen);
};
const sample = "sample.wav";
// The page may have been built without it.
void fetch(sample, { method: "HEAD" }).then(
  ({ ok }) => ($("sample").hidden = !ok),
  () => {},
);
$("sample").onclick = async () => transcribeFiles([new File([await (await fetch(sample)).blob()], "A sentence of 1961")]);
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
  if (!dropped.length) return;
  choose("notes");
  void transcribeFiles(dropped);
});

// ---- notes

let notes: Note[] = [];
try {
  notes = JSON.parse(localStorage.getItem(kNotes) ?? "[]") as Note[];
} catch {
  // The stored text is damaged, or storage is forbidden.
}

function save(): void {
  try {
    localStorage.setItem(kNotes, JSON.stringify(notes));
  } catch {
    problem("The browser cannot store the notes: export them before you leave the page");
  }
}

function addNote(note: Note): void {
  notes.unshift(note);
  save();
  showNotes();
}

const textOf = (note: Note) => note.parts.map(({ text }) => text).join(" ");

function download(name: string, text: string): void {
  const link = element("a", { href: URL.createObjectURL(new Blob([text])), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function stamp(seconds: number): string {
  const part = (n: number, size = 2) => String(Math.floor(n)).padStart(size, "0");
  return `${part(seconds / 3600)}:${part((seconds / 60) % 60)}:${part(seconds % 60)},${part((seconds * 1000) % 1000, 3)}`;
}
const subtitles = (note: Note) =>
  note.parts.map(({ start, end, text }, i) => `${i + 1}\n${stamp(start)} --> ${stamp(end)}\n${text}\n`).join("\n");

function showNotes(): void {
  $("list").replaceChildren(
    ...notes.map((note) => {
      const button = (text: string, onclick: () => void) => element("button", { type: "button", className: "link", onclick }, text);
      const file = note.name.replace(/\.\w+$/, "");
      return element(
        "li",
        {},
        element("h2", {}, note.name),
        element("div", { className: "meta" }, `${minute.format(note.time)} · ${clock(note.seconds)}`),
        element("p", { className: "text" }, textOf(note)),
        note.parts.length > 1 &&
          element(
            "details",
            {},
            element("summary", {}, plural(note.parts.length, "part")),
            element(
              "dl",
              { className: "parts" },
              ...note.parts.flatMap(({ start, text }) => [element("dt", {}, clock(start)), element("dd", {}, text)]),
            ),
          ),
        element(
          "div",
          { className: "actions" },
          button("Copy", () => void navigator.clipboard.writeText(textOf(note))),
          button("Save text", () => download(`${file}.txt`, `${textOf(note)}\n`)),
          button("Save subtitles", () => download(`${file}.srt`, subtitles(note))),
          button("Delete", () => {
            notes = notes.filter((other) => other !== note);
            save();
            showNotes();
            $("record").focus();
          }),
        ),
      );
    }),
  );
  showFigures();
}

// ---- chat

const messages: Message[] = [];
let answering = false;
const chatWorker = new Worker(`chat-worker.js${location.search}`, { type: "module" });
const chat = remote<ChatFunctions>(chatWorker as never, ({ model, text }) => {
  if (model) $("chat-status").textContent = arriving(model as Arrived);
  if (text !== undefined && answering) {
    const last = $("messages").lastElementChild;
    if (last) last.textContent = text as string;
    $("ask").scrollIntoView({ block: "end" });
  }
});
chatWorker.onerror = (event) => problem(`A part of the page failed: ${event.message ?? "it cannot be started"}`);

$("load-chat").onclick = async () => {
  $<HTMLButtonElement>("load-chat").disabled = true;
  problem("");
  try {
    await chat.load(cores);
    $("chat-welcome").hidden = true;
    $("ask").hidden = false;
    $("chat-status").textContent = "";
    $("question").focus();
  } catch (error) {
    problem((error as Error).message);
    $("chat-status").textContent = "";
  }
  $<HTMLButtonElement>("load-chat").disabled = false;
};

$("ask").onsubmit = async (event) => {
  event.preventDefault();
  const question = $<HTMLTextAreaElement>("question");
  const content = question.value.trim();
  if (!content || answering) return;
  question.value = "";
  problem("");
  messages.push({ role: "user", content });
  $("messages").append(element("li", { className: "user" }, content), element("li", { className: "assistant" }));
  setAnswering(true);
  try {
    const { text, tokens, first, speed, stopped } = await chat.answer(messages, { seed: messages.length });
    const last = $("messages").lastElementChild;
    if (last) {
      messages.push({ role: "assistant", content: text });
      last.textContent = text || (stopped ? "(stopped)" : "(no answer)");
    }
    $("chat-status").textContent =
      `${plural(tokens, "token")} · first after ${(first / 1000).toFixed(1)} s · then ${speed.toFixed(1)} per second`;
  } catch (error) {
    messages.pop();
    $("messages").lastElementChild?.remove();
    problem((error as Error).message);
  }
  setAnswering(false);
  question.focus();
};
$("question").onkeydown = (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $<HTMLFormElement>("ask").requestSubmit();
};
function setAnswering(on: boolean): void {
  answering = on;
  $("stop-chat").hidden = !on;
  $<HTMLButtonElement>("send").disabled = on;
  if (on) $("chat-status").textContent = "Thinking …";
}
$("stop-chat").onclick = () => void chat.cancel();
$("new-chat").onclick = () => {
  if (answering) void chat.cancel();
  messages.length = 0;
  $("messages").replaceChildren();
  $("chat-status").textContent = "";
  $("question").focus();
};

// ---- the rest of the page

const tabs = ["notes", "chat"] as const;
function choose(chosen: (typeof tabs)[number], focus = false): void {
  for (const name of tabs) {
    const tab = $(`tab-${name}`);
    tab.setAttribute("aria-selected", String(name === chosen));
    tab.tabIndex = name === chosen ? 0 : -1;
    $(name).hidden = name !== chosen;
  }
  if (focus) $(`tab-${chosen}`).focus();
}
for (const [i, name] of tabs.entries()) {
  $(`tab-${name}`).onclick = () => choose(name);
  $(`tab-${name}`).onkeydown = (event) => {
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") choose(tabs[1 - i]!, true);
  };
}
addEventListener("keydown", (event) => {
  const typing = (event.target as HTMLElement).closest("input, textarea, select, dialog");
  if (event.key.toLowerCase() !== "r" || event.ctrlKey || event.metaKey || event.altKey || typing || $("notes").hidden) return;
  event.preventDefault();
  void toggle();
});

function showFigures(): void {
  $("figures").textContent = [
    notes.length ? plural(notes.length, "note") : "",
    plural(globalThis.crossOriginIsolated ? cores : 1, "thread"),
  ]
    .filter(Boolean)
    .join(" · ");
}

$("about-button").onclick = async () => {
  const { usage = 0 } = (await navigator.storage?.estimate?.()) ?? {};
  const facts: [string, string][] = [
    ["threads", String(globalThis.crossOriginIsolated ? cores : 1)],
    ["runs on", new URL(location.href).searchParams.get("device") === "webgpu" && "gpu" in navigator ? "WebGPU" : "WebAssembly"],
    ["stored in this browser", bytes(usage)],
    ["notes", String(notes.length)],
  ];
  $("facts").replaceChildren(...facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
  $<HTMLDialogElement>("about").showModal();
};
$("export").onclick = () => download("notes.json", JSON.stringify(notes, null, 1));
$("delete").onclick = () => {
  if (!confirm("Delete all notes? This cannot be undone.")) return;
  notes = [];
  save();
  showNotes();
};

startTheme($<HTMLButtonElement>("theme"));
showNotes();
void navigator.storage?.persist?.();
document.documentElement.dataset["ready"] = "";
