// SPDX-License-Identifier: MIT
// The playground: source and inputs on the left; the compiler's stages and the results on the right. Compiling and running happen in
// workers (worker.ts), so that the page stays responsive.
import type { Diagnostic } from "../src/compile/engine.ts";
import type { KernelInfo } from "../src/compile/values.ts";
import { features } from "../src/features.ts";
import { Bench, Stopped, WorkError } from "./bench.ts";
import type { Compared } from "./compare.ts";
import { link, setText, sourceEditor, stageView, underline } from "./editor.ts";
import { gallery } from "./gallery.ts";
import type { Limits } from "./limits.ts";
import { readNpy } from "./npy.ts";
import { element, picture, roofline, short, strip } from "./pictures.ts";
import type { Ran } from "./run.ts";
import {
  complete,
  evaluate,
  type Evaluated,
  kernelsOf,
  kFunctions,
  type Numbers,
  pasted,
  SettingError,
  type Settings,
} from "./settings.ts";
import { pack, type State, unpack } from "./share.ts";
import type { Progress } from "./worker.ts";

const byId = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const [choice, devices] = [byId<HTMLSelectElement>("gallery"), byId<HTMLSelectElement>("device")];
const [runButton, shareButton, status] = [
  byId<HTMLButtonElement>("run"),
  byId<HTMLButtonElement>("share"),
  byId<HTMLOutputElement>("status"),
];
const [form, tabs, panel, result, stagePanel] = [
  byId<HTMLFormElement>("inputs"),
  byId("tabs"),
  byId("panel"),
  byId("result"),
  byId("stage"),
];

const kFile = "kernel.py";
const kNothing: Settings = { sizes: {}, args: {}, grid: "" };
let state: State = { source: "", settings: kNothing };
let settled = ""; // the kernel to which the settings belong
let info: KernelInfo | undefined;
const files = new Map<string, Numbers>();

const compiler = new Bench();
const runner = new Bench();

// ---- the compiler, while the user types

const editor = sourceEditor(byId("editor"), { change: () => later(), run: () => void start(), hover: fromSource });
const view = stageView(stagePanel, fromStage);

let waiting: ReturnType<typeof setTimeout> | undefined;
function later(): void {
  clearTimeout(waiting);
  waiting = setTimeout(() => void check(), 120);
}

function say(text: string, wrong = false): void {
  status.textContent = text;
  status.classList.toggle("wrong", wrong);
}

const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
const source = () => editor.state.doc.toString();
const diagnosticsOf = (error: unknown): readonly Diagnostic[] => (error instanceof WorkError && error.diagnostics) || [];

// The output of tl.static_print.
const printed = (progress: Progress) => "said" in progress && say(progress.said);

// A compilation may take long, and must not delay the next version of the program.
const kPatience = 10000;
async function patiently<T>(asked: Promise<T>): Promise<T> {
  const timer = setTimeout(() => compiler.stop(`the compilation was stopped after ${kPatience / 1000} seconds`), kPatience);
  try {
    return await asked;
  } finally {
    clearTimeout(timer);
  }
}

/** Describes the kernel of the source, and updates the form. */
async function understand(text: string): Promise<string> {
  const kernels = kernelsOf(text);
  const kernel = state.settings.kernel && kernels.includes(state.settings.kernel) ? state.settings.kernel : (kernels.at(-1) ?? "");
  const found = await patiently(compiler.ask("describe", { source: text, kernel }));
  if (text !== source()) return kernel;
  const before = info?.parameters.map((p) => p.name).join();
  info = found;
  // If the parameters have changed, settings of the previous kernel are dropped.
  const own = info.parameters.map((p) => p.name);
  if (settled && settled !== info.name && Object.keys(state.settings.args).some((name) => !own.includes(name)))
    state = { source: text, settings: kNothing };
  settled = info.name;
  // If the grid refers to a parameter that no longer exists, guess it again.
  const named = new Set([...own, ...Object.keys(state.settings.sizes), ...Object.keys(kFunctions)]);
  const fits = (text: string) => !text.match(/[A-Za-z_]\w*/g)?.some((name) => !named.has(name));
  const { grid, flops = "" } = state.settings;
  if (before !== own.join() && !(fits(grid) && fits(flops)))
    state = { ...state, settings: { ...state.settings, grid: fits(grid) ? grid : "", flops: fits(flops) ? flops : "" } };
  choice.value = state.from ?? "";
  state = { ...state, source: text, settings: { ...complete(state.settings, info, text), ...(kernels.length > 1 && { kernel }) } };
  showForm(kernels);
  return kernel;
}

let checks = 0;
let checking = false;
async function check(): Promise<void> {
  const mine = ++checks;
  if (checking) return; // the check in progress looks again when it ends
  checking = true;
  const text = source();
  try {
    const kernel = await understand(text);
    if (mine === checks) {
      const what = evaluateForm();
      const stage = tab === "result" ? "" : tab;
      const compiled = await patiently(
        compiler.ask(
          "compile",
          { source: text, kernel, what, ...(stage && { stage: /^(schedule)$/.test(stage) ? stage : `${stage}+lines` }) },
          printed,
        ),
      );
      if (mine === checks) {
        underline(editor, [], kFile);
        if (!running) say(`Compiled in ${compiled.ms.toFixed(1)} ms`);
        if (stage && stage === tab) showStage(compiled.text);
      }
    }
  } catch (error) {
    if (mine === checks) {
      underline(editor, diagnosticsOf(error), kFile);
      const first = diagnosticsOf(error)[0];
      if (!running) say(first ? `${first.line && first.file === kFile ? `Line ${first.line}: ` : ""}${first.text}` : textOf(error), true);
    }
  }
  checking = false;
  if (mine !== checks) void check();
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
  { id: "wgsl", title: "WGSL" },
];
let tab = "result";

function showTabs(): void {
  tabs.replaceChildren(
    ...kTabs.map(({ id, title }) => {
      const button = element(
        "button",
        { role: "tab", id: `tab-${id}`, "aria-selected": String(id === tab), "aria-controls": "panel", tabindex: id === tab ? "0" : "-1" },
        title,
      );
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

// Maps each line of the stage to the source lines it comes from.
let linked: number[][] = [];

function showStage(text: string): void {
  linked = [];
  const lines = text.split("\n").map((line) => {
    linked.push([...line.matchAll(/\bline (\d+)/g)].map((m) => Number(m[1])));
    return line.replace(/ {2}(?:\/\/|;;) line \d+$/, "");
  });
  setText(view, lines.join("\n"));
}

function fromStage(line: number): void {
  const lines = linked[line - 1] ?? [];
  link(view, lines.length ? [line] : []);
  link(editor, lines, true);
}

function fromSource(line: number): void {
  const lines = line && !stagePanel.hidden ? linked.flatMap((lines, i) => (lines.includes(line) ? [i + 1] : [])) : [];
  link(editor, lines.length ? [line] : []);
  link(view, lines, true);
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
      const put = (text: string) => {
        input.value = text;
        const settings: Settings = group
          ? { ...state.settings, [group]: { ...state.settings[group], [name]: text } }
          : { ...state.settings, [name]: text };
        state = { ...state, settings };
        later();
      };
      input.oninput = () => put(input.value);
      const isArray = group === "args" && /[[(]/.test(text) && !info?.parameters.find((p) => p.name === name)?.constexpr;
      if (!isArray) return element("label", {}, element("span", { title: label }, label), input);
      input.onpaste = (event) => {
        const array = pasted(event.clipboardData?.getData("text") ?? "");
        if (!array) return;
        event.preventDefault();
        put(array);
      };
      return element("label", { class: "wide array" }, element("span", { title: label }, label), input, fileButton(name, put));
    }),
    element(
      "p",
      {},
      "Arrays: random, uniform, range, below(n), ones or zeros, then a type and a shape, as in “random f32[rows, 1000]”; or [[1, 2], [3, 4]], pasted numbers, or a .npy file. Expressions may refer to other names.",
    ),
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

/** Uses a file as an array. */
function fileButton(name: string, put: (text: string) => void): HTMLElement {
  const picker = element("input", { type: "file", accept: ".npy", hidden: "", "aria-hidden": "true", tabindex: "-1" });
  const button = element(
    "button",
    { type: "button", "aria-label": `A .npy file for ${name}`, title: "A .npy file, as np.save writes it" },
    "…",
  );
  button.onclick = () => picker.click();
  picker.onchange = async () => {
    const file = picker.files?.[0];
    picker.value = "";
    if (!file) return;
    try {
      files.set(file.name, readNpy(await file.arrayBuffer()));
      put(`file("${file.name}")`);
    } catch (error) {
      say(`${file.name}: ${textOf(error)}`, true);
    }
  };
  return element("span", {}, button, picker);
}

form.onsubmit = (event) => event.preventDefault();
form.onkeydown = (event) => {
  if (event.key === "Enter") void start();
};

function evaluateForm(): Evaluated {
  for (const input of form.querySelectorAll("input")) input.removeAttribute("aria-invalid");
  try {
    return evaluate(state.settings, info!, files);
  } catch (error) {
    if (error instanceof SettingError)
      for (const input of form.querySelectorAll("input"))
        if (input.name.replace(/^\w*\./, "") === error.field) input.setAttribute("aria-invalid", "true");
    throw error;
  }
}

// ---- running

const cores = features().threads ? navigator.hardwareConcurrency : 1;
const deviceTitles: Record<string, string> = {
  "wasm-1": "WebAssembly, 1 thread",
  ...(cores > 1 && { [`wasm-${cores}`]: `WebAssembly, ${cores} threads` }),
};

function showDevices(): void {
  const chosen = devices.value;
  devices.replaceChildren(...Object.entries(deviceTitles).map(([value, title]) => element("option", { value }, title)));
  devices.value = chosen in deviceTitles ? chosen : `wasm-${cores}`;
}

async function lookForGpu(): Promise<void> {
  if (!(await runner.ask("gpu", null).catch(() => false))) return;
  deviceTitles.gpu = "WebGPU";
  showDevices();
}

let running = false;
let last: (() => void) | undefined; // shows the result again

function showRunning(is: boolean): void {
  running = is;
  runButton.textContent = is ? "Stop" : "Run";
  runButton.classList.toggle("stops", is);
}

async function start(): Promise<void> {
  if (running) return;
  showRunning(true);
  clearTimeout(waiting);
  ++checks; // a run reports what a check would
  select("result");
  const text = source();
  const begin = performance.now();
  const timer = setInterval(() => say(`Running for ${Math.round((performance.now() - begin) / 1000)} s …`), 1000);
  try {
    const kernel = await understand(text);
    const what = evaluateForm();
    const device = devices.value;
    const title = deviceTitles[device]!;
    const from = state.from;
    say("Running …");
    let shown: Shown | undefined;
    const compared = await runner.ask(
      "run",
      { source: text, kernel, device, what, ...(from !== undefined && { from }) },
      (progress: Progress) => {
        printed(progress);
        if (!("ran" in progress)) return;
        shown = { ran: progress.ran, what, title };
        showLast(shown);
        intoView();
      },
    );
    if (text === source()) underline(editor, [], kFile);
    shown = { ...shown!, compared };
    showLast(shown);
    say(`Ran on ${title}${text === source() ? "" : ", without your last change"}`);
    clearInterval(timer);
    showRunning(false);
    await compareWithDevice(device, shown);
  } catch (error) {
    if (error instanceof Stopped) say(error.message);
    else {
      last = undefined;
      const refused = diagnosticsOf(error).length > 0;
      result.replaceChildren(
        element("p", { class: "wrong" }, refused ? "The kernel cannot be compiled." : "The run failed."),
        element("pre", {}, textOf(error)),
      );
      intoView();
      const told = (error instanceof WorkError && error.code) || error instanceof SettingError;
      say(told ? textOf(error).split("\n")[0]! : `The run failed: ${textOf(error)}`, true);
      if (refused && text === source()) underline(editor, diagnosticsOf(error), kFile);
    }
  }
  clearInterval(timer);
  if (running) showRunning(false);
}

function stop(): void {
  runner.stop("Stopped");
  void lookForGpu();
}

// ---- peak rates of the device: measured once and stored

const kLimits = "limits";

function knownLimits(): Record<string, Limits> {
  try {
    const known: Record<string, Limits> = JSON.parse(localStorage.getItem(kLimits) ?? "{}");
    return Object.fromEntries(Object.entries(known).filter(([, l]) => l?.memory > 0 && l?.arithmetic > 0));
  } catch {
    return {};
  }
}

async function compareWithDevice(device: string, shown: Shown): Promise<void> {
  const known = knownLimits();
  const { name, limits } = await runner.ask("limits", { device, known });
  if (!(name in known))
    try {
      localStorage.setItem(kLimits, JSON.stringify({ ...known, [name]: limits }));
    } catch {
      // then they are measured again
    }
  if (current !== shown) return; // another result is shown by now
  const again = async () => {
    try {
      localStorage.removeItem(kLimits);
    } catch {
      // storage is disabled
    }
    if (!running) await compareWithDevice(device, current!);
  };
  showLast({ ...shown, limits, again });
}

const unit = (us: number) => (us >= 1e3 ? `${short(us / 1e3)} ms` : `${short(us)} µs`);

interface Shown {
  ran: Ran;
  what: Evaluated;
  title: string;
  compared?: Compared | undefined;
  limits?: Limits;
  again?: () => Promise<void>;
}
let current: Shown | undefined;
let chosen = ""; // the array that is shown

// On a phone the result is far below the button.
const intoView = () => matchMedia("(max-width: 800px)").matches && tabs.scrollIntoView();

function showLast(shown: Shown): void {
  current = shown;
  last = () => showResult(shown);
  last();
}

function showResult({ ran, what, compared, title, limits, again }: Shown): void {
  const sorted = [...ran.times].sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor((sorted.length - 1) * part)]!;
  const [middle, p10, p90] = [at(0.5), at(0.1), at(0.9)];
  const figure = (value: string, what: string) => element("div", {}, element("dt", {}, what), element("dd", {}, value));
  const [memory, arithmetic] = [ran.bytes / middle / 1e3, (what.flops ?? 0) / middle / 1e3];
  const figures = element(
    "dl",
    { class: "figures" },
    figure(unit(middle), "median time"),
    figure(`${unit(p10)} – ${unit(p90)}`, "10th to 90th percentile"),
    figure(short(memory), "GB/s, counting each array once"),
  );
  if (what.flops) figures.append(figure(short(arithmetic), "GFLOP/s"));
  const children: Node[] = [
    figures,
    strip(ran.times, middle, p10, p90, unit),
    element(
      "p",
      { class: "soft" },
      `${ran.times.length} measurements by the ${ran.clock}'s clock, each ${ran.clock === "GPU" ? "of one launch" : "the mean of several launches"}`,
    ),
  ];
  if (compared) {
    const good = compared.worst <= compared.allowed;
    children.push(
      element(
        "p",
        { class: good ? "" : "wrong", id: "compared" },
        `${good ? "Equal to" : "Different from"} plain JavaScript, which took ${unit(compared.ms * 1e3)}: maximum error ${short(compared.worst)} relative to the largest value.`,
      ),
    );
  }
  if (limits) {
    const part = (speed: number, most: number) => `${short(Math.round((speed / most) * 1000) / 10)} %`;
    const button = element("button", { class: "plain" }, "measure again");
    button.onclick = () => {
      button.disabled = true;
      void again?.();
    };
    const cached = memory > limits.memory ? " Arrays this small stay in a cache, which is faster than memory." : "";
    const text = `This device copies ${short(limits.memory)} GB/s and computes ${short(limits.arithmetic)} GFLOP/s at most: the kernel reaches ${part(memory, limits.memory)} of the first${what.flops ? ` and ${part(arithmetic, limits.arithmetic)} of the second` : ""}.${cached}`;
    children.push(element("h2", {}, "Compared with the peak rates of the device"));
    if (what.flops) children.push(roofline(limits, what.flops / ran.bytes, arithmetic));
    children.push(
      element("p", { class: "soft", id: "limits" }, text, what.flops ? " " : " Fill in “operations” to see a roofline plot. ", button),
    );
  }
  if (ran.printed?.length) children.push(element("h2", {}, "Printed"), element("pre", { id: "printed" }, ran.printed.join("\n")));
  const arrays = [...ran.arrays].sort((a, b) => Number(b.changed) - Number(a.changed));
  const shown = element("div", { id: "array" });
  const buttons = arrays.map((a) => {
    const button = element("button", {}, a.name);
    button.onclick = () => {
      chosen = a.name;
      for (const b of buttons) b.setAttribute("aria-pressed", String(b === button));
      shown.replaceChildren(
        element("p", { class: "soft" }, `${a.dtype}[${a.shape.join(", ")}]${a.changed ? "" : ", unchanged"}`),
        picture(a.after, a.shape),
        numbers(a.after),
      );
    };
    return button;
  });
  children.push(element("h2", {}, `Arrays after a launch on ${title}`), element("div", { class: "choice" }, ...buttons), shown);
  result.replaceChildren(...children);
  (buttons[arrays.findIndex((a) => a.name === chosen)] ?? buttons[0])?.click();
}

const numbers = (values: ArrayLike<number>) =>
  element("pre", { class: "soft" }, `${Array.prototype.slice.call(values, 0, 8).map(short).join("  ")}${values.length > 8 ? "  …" : ""}`);

runButton.onclick = () => (running ? stop() : void start());

// ---- gallery, sharing, theme

function put(next: State): void {
  state = next;
  settled = "";
  shownForm = "";
  chosen = "";
  last = current = undefined;
  choice.value = state.from ?? "";
  result.replaceChildren(
    element(
      "p",
      { class: "soft" },
      "Run (Ctrl or ⌘ + Enter) compiles the kernel in this page and launches it: nothing leaves your machine.",
    ),
  );
  setText(editor, state.source);
  editor.scrollDOM.scrollTo(0, 0);
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
      result.prepend(element("p", { class: "wrong" }, `The kernel in this address cannot be read: ${textOf(error)}`));
    }
  }
  return Boolean(packed || (named && named in gallery));
}

choice.append(
  element("option", { value: "", hidden: "" }, "your own"),
  ...Object.entries(gallery).map(([value, { title }]) => element("option", { value }, title)),
);
choice.onchange = () => {
  history.pushState(null, "", `#${choice.value}`);
  fromGallery(choice.value);
};

shareButton.onclick = async () => {
  history.replaceState(null, "", `#k=${await pack({ ...state, source: source() })}`);
  const copied = await navigator.clipboard?.writeText(location.href).then(
    () => true,
    () => false,
  );
  say(
    copied
      ? "Copied an address that contains the source and the inputs"
      : "The address of this page now contains the source and the inputs",
  );
};

byId("theme").onclick = () => {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // the choice lasts until the page is closed
  }
  last?.();
};

addEventListener("popstate", () => void fromAddress());
addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !editor.hasFocus) void start();
  if (event.key === "Escape" && running && !event.defaultPrevented) stop();
});

// ---- offline use, and threads on hosts that do not send the headers for them

async function serve(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  const isolated = () => {
    // The service worker's answers have the headers that threads need; this page was loaded without.
    if (crossOriginIsolated || sessionStorage.getItem("reloaded")) return;
    sessionStorage.setItem("reloaded", "1");
    location.reload();
  };
  navigator.serviceWorker.addEventListener("controllerchange", isolated);
  await navigator.serviceWorker.register("service-worker.js");
  if (navigator.serviceWorker.controller) isolated();
}

compiler.start();
runner.start();
showTabs();
showDevices();
if (!(await fromAddress())) fromGallery("softmax");
void lookForGpu();
serve().catch((error: unknown) => console.warn(`nereid: offline use is not available: ${textOf(error)}`)); // in private windows, for example
