// SPDX-License-Identifier: MIT
// The playground: source and inputs on the left, what the compiler makes of them and what that computes on the right.
import { type Device, features, NereidError, open } from "../src/index.ts";
import { CompileError, describe, emit, MemoryStore, preload } from "../src/compile/index.ts";
import type { KernelInfo, Value } from "../src/compile/values.ts";
import { link, setText, sourceEditor, stageView, underline } from "./editor.ts";
import { gallery } from "./gallery.ts";
import { element, picture, short, strip } from "./pictures.ts";
import { type Ran, run } from "./run.ts";
import { complete, evaluate, type Evaluated, kernelsOf, SettingError, type Settings } from "./settings.ts";
import { pack, type State, unpack } from "./share.ts";

const byId = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const [choice, devices] = [byId<HTMLSelectElement>("gallery"), byId<HTMLSelectElement>("device")];
const [runButton, shareButton, status] = [byId<HTMLButtonElement>("run"), byId<HTMLButtonElement>("share"), byId<HTMLOutputElement>("status")];
const [form, tabs, panel, result, stagePanel] = [byId<HTMLFormElement>("inputs"), byId("tabs"), byId("panel"), byId("result"), byId("stage")];

const kFile = "kernel.py";
const store = new MemoryStore();
const kNothing: Settings = { sizes: {}, args: {}, grid: "" };
let state: State = { source: "", settings: kNothing };
let settled = ""; // the kernel that the settings are for
let info: KernelInfo | undefined;

// ---- the compiler, as one types

const editor = sourceEditor(byId("editor"), { change: () => later(), run: () => void start(), hover: fromSource });
const view = stageView(stagePanel, fromStage);

let waiting: ReturnType<typeof setTimeout> | undefined;
function later(): void {
  clearTimeout(waiting);
  waiting = setTimeout(() => void check(), 120);
}

const probe = open({ device: "wasm", threads: 1 });

/** How to compile it: buffers of one element, which say types, alignment and rank. */
async function typesOf(what: Evaluated): Promise<{ args: Record<string, Value>; free(): void }> {
  const device = await probe;
  const made: Disposable[] = [];
  const args = Object.fromEntries(
    Object.entries(what.args).map(([name, value]): [string, Value] => {
      if (typeof value !== "object" || value === null || !("fill" in value)) return [name, value];
      const buffer = device.buffer(value.dtype, value.shape.map(() => 1));
      made.push(buffer);
      return [name, buffer];
    }),
  );
  return { args, free: () => made.forEach((buffer) => (buffer as unknown as { dispose(): void }).dispose()) };
}

const common = { path: kFile, worker: true, cache: store, print: (line: string) => say(line) };

function say(text: string, wrong = false): void {
  status.textContent = text;
  status.classList.toggle("wrong", wrong);
}

const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** The kernel of the source, described; the form follows it. */
async function understand(source: string): Promise<string> {
  const kernels = kernelsOf(source);
  const kernel = state.settings.kernel && kernels.includes(state.settings.kernel) ? state.settings.kernel : (kernels.at(-1) ?? "");
  const found = await describe(source, { ...common, kernel });
  if (source !== editor.state.doc.toString()) return kernel;
  info = found;
  // Another kernel with other parameters: what was typed for the one before is of no use to it.
  const own = info.parameters.map((p) => p.name);
  if (settled && settled !== info.name && Object.keys(state.settings.args).some((name) => !own.includes(name))) state = { source, settings: kNothing };
  settled = info.name;
  choice.value = state.from ?? "";
  state = { ...state, source, settings: { ...complete(state.settings, info, source), ...(kernels.length > 1 && { kernel }) } };
  showForm(kernels);
  return kernel;
}

let checks = 0;
async function check(): Promise<void> {
  const mine = ++checks;
  const source = editor.state.doc.toString();
  try {
    const kernel = await understand(source);
    if (mine !== checks) return;
    const what = evaluateForm();
    const { args, free } = await typesOf(what);
    try {
      const options = { ...common, kernel, args, constants: what.constants };
      const begin = performance.now();
      await emit(source, { ...options, stage: "wat" });
      const ms = performance.now() - begin;
      if (mine !== checks) return;
      underline(editor, [], kFile);
      say(`Compiled in ${ms.toFixed(1)} ms`);
      await showStage(source, options);
    } finally {
      free();
    }
  } catch (error) {
    if (mine !== checks) return;
    underline(editor, error instanceof CompileError ? error.diagnostics : [], kFile);
    const first = error instanceof CompileError ? error.diagnostics[0] : undefined;
    say(first ? `${first.line && first.file === kFile ? `Line ${first.line}: ` : ""}${first.text}` : textOf(error), true);
  }
}

// ---- stages

interface Tab {
  id: string;
  title: string;
}
const kTabs: Tab[] = [
  { id: "result", title: "Result" },
  { id: "ttir", title: "TTIR" },
  { id: "passes", title: "After passes" },
  { id: "schedule", title: "Schedule" },
  { id: "lower", title: "Lower form" },
  { id: "wat", title: "WAT" },
];
let tab = "result";

function showTabs(): void {
  tabs.replaceChildren(
    ...kTabs.map(({ id, title }) => {
      const button = element("button", { role: "tab", id: `tab-${id}`, "aria-selected": String(id === tab), "aria-controls": "panel", tabindex: id === tab ? "0" : "-1" }, title);
      button.onclick = () => select(id);
      return button;
    }),
  );
  panel.setAttribute("aria-labelledby", `tab-${tab}`);
}

function select(id: string): void {
  tab = id;
  showTabs();
  result.hidden = id !== "result";
  stagePanel.hidden = id === "result";
  if (id !== "result") void check();
}

tabs.onkeydown = (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  select(kTabs[(kTabs.findIndex((t) => t.id === tab) + step + kTabs.length) % kTabs.length]!.id);
  byId(`tab-${tab}`).focus();
};

async function showStage(source: string, options: Parameters<typeof emit>[1] extends infer O ? Omit<O, "stage"> : never): Promise<void> {
  if (tab === "result") return;
  const wanted = tab;
  const text = await emit(source, { ...options, stage: wanted }).catch((error: unknown) => textOf(error));
  if (wanted === tab) setText(view, text);
}

// The schedule tells lines of the source.
const lineIn = (text: string) => [...text.matchAll(/\bline (\d+)/g)].map((m) => Number(m[1]));

function fromStage(line: number): void {
  link(view, []);
  link(editor, line ? lineIn(view.state.doc.line(line).text) : [], true);
}

function fromSource(line: number): void {
  link(editor, []);
  if (stagePanel.hidden) return;
  const { doc } = view.state;
  const found: number[] = [];
  if (line && tab === "schedule") for (let n = 1; n <= doc.lines; ++n) if (lineIn(doc.line(n).text).includes(line)) found.push(n);
  link(view, found, true);
}

// ---- inputs

let shownForm = "";
function showForm(kernels: string[]): void {
  const { settings } = state;
  const fields: [label: string, group: "sizes" | "args" | "", name: string, text: string][] = [
    ...Object.entries(settings.sizes).map(([n, t]): [string, "sizes", string, string] => [n, "sizes", n, t]),
    ...Object.entries(settings.args).map(([n, t]): [string, "args", string, string] => [n, "args", n, t]),
    ["grid", "", "grid", settings.grid],
    ["operations", "", "flops", settings.flops ?? ""],
  ];
  const key = JSON.stringify([fields.map(([, group, name]) => [group, name]), kernels]);
  const inputOf = (group: string, name: string) => form.elements.namedItem(`${group}.${name}`) as HTMLInputElement | null;
  if (key === shownForm) {
    for (const [, group, name, text] of fields) if (document.activeElement !== inputOf(group, name)) inputOf(group, name)!.value = text;
    return;
  }
  shownForm = key;
  form.replaceChildren(
    ...fields.map(([label, group, name, text]) => {
      const input = element("input", { name: `${group}.${name}`, autocomplete: "off", autocapitalize: "off", spellcheck: "false" });
      input.value = text;
      input.oninput = () => {
        const settings: Settings = group ? { ...state.settings, [group]: { ...state.settings[group], [name]: input.value } } : { ...state.settings, [name]: input.value };
        state = { ...state, settings };
        later();
      };
      return element("label", { class: group === "args" && text.includes("[") ? "wide" : "" }, element("span", { title: label }, label), input);
    }),
    element("p", {}, "Arrays: random, uniform, range, below(n), ones or zeros, then a type and a shape, as in “random f32[rows, 1000]”. Names stand for each other."),
  );
  if (kernels.length > 1) {
    const picker = element("select", {}, ...kernels.map((name) => element("option", {}, name)));
    picker.value = settings.kernel ?? "";
    picker.onchange = () => {
      state = { ...state, settings: { ...state.settings, kernel: picker.value } };
      later();
    };
    form.prepend(element("label", { class: "wide" }, element("span", {}, "kernel"), picker));
  }
}

form.onsubmit = (event) => event.preventDefault();
form.onkeydown = (event) => {
  if (event.key === "Enter") void start();
};

function evaluateForm(): Evaluated {
  for (const input of form.querySelectorAll("input")) input.removeAttribute("aria-invalid");
  try {
    return evaluate(state.settings, info!);
  } catch (error) {
    if (error instanceof SettingError) for (const input of form.querySelectorAll("input")) if (input.name.replace(/^\w*\./, "") === error.field) input.setAttribute("aria-invalid", "true");
    throw error;
  }
}

// ---- running

const cores = features().threads ? navigator.hardwareConcurrency : 1;
const deviceKinds: Record<string, { title: string; open(): Promise<Device> }> = {
  "wasm-1": { title: "WebAssembly, 1 thread", open: () => probe },
  ...(cores > 1 && { "wasm-n": { title: `WebAssembly, ${cores} threads`, open: () => open({ device: "wasm", threads: cores }) } }),
};
const opened = new Map<string, Promise<Device>>();

function showDevices(): void {
  const chosen = devices.value;
  devices.replaceChildren(...Object.entries(deviceKinds).map(([value, { title }]) => element("option", { value }, title)));
  devices.value = chosen in deviceKinds ? chosen : cores > 1 ? "wasm-n" : "wasm-1";
}

// WebGPU, where the browser has an adapter and the compiler the back-end.
async function lookForGpu(): Promise<void> {
  const tiny = "import triton\nimport triton.language as tl\n@triton.jit\ndef k(x):\n    tl.store(x, 1.0)\n";
  if (!(await emit(tiny, { ...common, signature: "*fp32:16", stage: "wgsl" }).then(() => true, () => false))) return;
  kTabs.push({ id: "wgsl", title: "WGSL" });
  showTabs();
  if (!(await navigator.gpu?.requestAdapter().catch(() => null))) return;
  deviceKinds.gpu = { title: "WebGPU", open: () => open({ device: "webgpu" }) };
  showDevices();
}

let last: (() => void) | undefined; // shows the result again
async function start(): Promise<void> {
  if (runButton.disabled) return;
  runButton.disabled = true;
  clearTimeout(waiting);
  ++checks; // the run says what a check would
  select("result");
  try {
    const source = editor.state.doc.toString();
    const kernel = await understand(source);
    const what = evaluateForm();
    const kind = devices.value;
    const { title } = deviceKinds[kind]!;
    say("Running …");
    let device = await opened.get(kind);
    if (!device || device.disposed) {
      const opening = deviceKinds[kind]!.open();
      opened.set(kind, opening);
      opening.catch(() => opened.delete(kind));
      device = await opening;
    }
    const ran = await run(source, kernel, device, what, common);
    if (source === editor.state.doc.toString()) underline(editor, [], kFile);
    const compared = compare(ran, what);
    last = () => showResult(ran, what, compared, title);
    last();
    say(`Ran on ${title}`);
  } catch (error) {
    last = undefined;
    result.replaceChildren(element("p", { class: "wrong" }, error instanceof CompileError ? "The kernel cannot be compiled." : "The run failed."), element("pre", {}, textOf(error)));
    say(error instanceof NereidError || error instanceof SettingError ? textOf(error).split("\n")[0]! : `The run failed: ${textOf(error)}`, true);
    if (error instanceof CompileError) underline(editor, error.diagnostics, kFile);
  }
  runButton.disabled = false;
}

interface Compared {
  worst: number;
  allowed: number;
  ms: number;
}

/** Against plain JavaScript, for kernels of the gallery; as a part of the largest number. */
function compare(ran: Ran, what: Evaluated): Compared | undefined {
  const entry = gallery[state.from ?? ""];
  if (!entry?.reference) return undefined;
  try {
    const begin = performance.now();
    const expected = entry.reference(Object.fromEntries(ran.arrays.map((a) => [a.name, a.before])), what.numbers);
    const ms = performance.now() - begin;
    let worst = 0;
    for (const [name, numbers] of Object.entries(expected)) {
      const { after } = ran.arrays.find((a) => a.name === name)!;
      let largest = Number.MIN_VALUE;
      for (let i = 0; i < numbers.length; ++i) largest = Math.max(largest, Math.abs(numbers[i]!));
      for (let i = 0; i < numbers.length; ++i) {
        const off = Object.is(after[i], numbers[i]) ? 0 : Math.abs(after[i]! - numbers[i]!) / largest;
        worst = Math.max(worst, Number.isNaN(off) ? Infinity : off);
      }
    }
    return { worst, allowed: entry.allowed ?? 0, ms };
  } catch {
    return undefined; // the kernel's parameters are others by now
  }
}

const unit = (us: number) => (us >= 1e3 ? `${short(us / 1e3)} ms` : `${short(us)} µs`);

function showResult(ran: Ran, what: Evaluated, compared: Compared | undefined, title: string): void {
  const sorted = [...ran.times].sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor((sorted.length - 1) * part)]!;
  const [middle, p10, p90] = [at(0.5), at(0.1), at(0.9)];
  const figure = (value: string, what: string) => element("div", {}, element("dt", {}, what), element("dd", {}, value));
  const figures = element("dl", { class: "figures" }, figure(unit(middle), "median time"), figure(`${unit(p10)} – ${unit(p90)}`, "10th to 90th percentile"), figure(short(ran.bytes / middle / 1e3), "GB/s, each array once"));
  if (what.flops) figures.append(figure(short(what.flops / middle / 1e3), "GFLOP/s"));
  const children: Node[] = [figures, strip(ran.times, middle, p10, p90, unit)];
  if (compared) {
    const good = compared.worst <= compared.allowed;
    children.push(element("p", { class: good ? "" : "wrong", id: "compared" }, `${good ? "The same as" : "Not the same as"} plain JavaScript, which took ${unit(compared.ms * 1e3)}: largest difference ${short(compared.worst)} of the largest number.`));
  }
  const arrays = [...ran.arrays].sort((a, b) => Number(b.changed) - Number(a.changed));
  const shown = element("div");
  const buttons = arrays.map((a) => {
    const button = element("button", {}, a.name);
    button.onclick = () => {
      for (const b of buttons) b.setAttribute("aria-pressed", String(b === button));
      shown.replaceChildren(element("p", { class: "soft" }, `${a.dtype}[${a.shape.join(", ")}]${a.changed ? "" : ", unchanged"}`), picture(a.after, a.shape), numbers(a.after));
    };
    return button;
  });
  children.push(element("h2", {}, `Arrays after a launch on ${title}`), element("div", { class: "choice" }, ...buttons), shown);
  result.replaceChildren(...children);
  buttons[0]?.click();
}

const numbers = (values: ArrayLike<number>) => element("pre", { class: "soft" }, `${Array.prototype.slice.call(values, 0, 8).map(short).join("  ")}${values.length > 8 ? "  …" : ""}`);

runButton.onclick = () => void start();

// ---- gallery, sharing, theme

function put(next: State): void {
  state = next;
  settled = "";
  shownForm = "";
  last = undefined;
  choice.value = state.from ?? "";
  result.replaceChildren(element("p", { class: "soft" }, "Run compiles the kernel in this page and launches it: nothing leaves your machine. Ctrl or ⌘ and Enter do the same."));
  setText(editor, state.source);
  later();
}

function fromGallery(name: string): void {
  const { source, settings } = gallery[name]!;
  put({ source, settings: structuredClone(settings), from: name });
}

async function fromAddress(): Promise<boolean> {
  const packed = /^#k=(.+)$/.exec(location.hash)?.[1];
  const named = /^#(\w+)$/.exec(location.hash)?.[1];
  if (named && named in gallery) fromGallery(named);
  else if (packed) {
    try {
      put(await unpack(packed));
    } catch (error) {
      fromGallery("softmax");
      result.prepend(element("p", { class: "wrong" }, `The address has no kernel in it that can be read: ${textOf(error)}`));
    }
  }
  return Boolean(packed || (named && named in gallery));
}

choice.append(element("option", { value: "", hidden: "" }, "your own"), ...Object.entries(gallery).map(([value, { title }]) => element("option", { value }, title)));
choice.onchange = () => {
  history.pushState(null, "", `#${choice.value}`);
  fromGallery(choice.value);
};

shareButton.onclick = async () => {
  history.replaceState(null, "", `#k=${await pack({ ...state, source: editor.state.doc.toString() })}`);
  const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
  say(copied ? "The address is copied: it has the source and the inputs in it" : "The address of this page now has the source and the inputs in it");
};

byId("theme").onclick = () => {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // the choice holds until the page is left
  }
  last?.();
};

addEventListener("popstate", () => void fromAddress());
addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !editor.hasFocus) void start();
});

// ---- offline, and threads on hosts whose headers do not allow them

async function serve(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  const isolated = () => {
    // The worker's answers have the headers that threads need; this page came without.
    if (crossOriginIsolated || sessionStorage.getItem("reloaded")) return;
    sessionStorage.setItem("reloaded", "1");
    location.reload();
  };
  navigator.serviceWorker.addEventListener("controllerchange", isolated);
  await navigator.serviceWorker.register("service-worker.js");
  if (navigator.serviceWorker.controller) isolated();
}

void preload({ worker: true });
showTabs();
showDevices();
if (!(await fromAddress())) fromGallery("softmax");
void lookForGpu();
serve().catch((error: unknown) => console.warn(`nereid: no offline use: ${textOf(error)}`)); // private windows, for one
