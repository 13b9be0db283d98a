// SPDX-License-Identifier: MIT
// Compiles source to artefacts, and to kernels that can be launched.
import version from "nereid:version";
import type { Device } from "../device.ts";
import { NereidError } from "../errors.ts";
import type { Kernel } from "../kernel.ts";
import type { Artefact, Manifest } from "../manifest.ts";
import { recall, remember, type Store, usualStore } from "./cache.ts";
import type { Answer, Request } from "./engine.ts";
import { CompileError } from "./errors.ts";
import { ask } from "./loader.ts";
import { type Constant, type KernelInfo, literal, signatureOf, splitSignature, type Value } from "./values.ts";

export { default as version } from "nereid:version";

/** The source and the compiler options. */
export interface SourceOptions {
  /** The name of the kernel function; optional if there is only one. */
  kernel?: string;
  /**
   * The types of the parameters, as for `nereid compile --signature`: "*fp32:16, i32", or an array of items. Empty items are constexprs.
   */
  signature?: string | readonly string[];
  /** Instead of a signature: arguments from which to take the types. */
  args?: Readonly<Record<string, Value>>;
  /** Constexprs by name. */
  constants?: Readonly<Record<string, Constant>>;
  /** The name of the source in messages; with the extension `.ttir` the source is Triton IR instead of Python. */
  path?: string;
  /** Sources that it imports, by path. */
  files?: Readonly<Record<string, string>>;
  /** Keeps `assert` and tl.device_assert in the kernel. */
  debug?: boolean;
  /** Decisions that replace the compiler's, as `emit` prints them for the stages `schedule.wasm` and `schedule.webgpu`. */
  schedule?: string;
  /** Compiles in a worker, so that this thread is not blocked. */
  worker?: boolean;
  /** Where to store compiled kernels. Default: the Cache API. false: nowhere. */
  cache?: boolean | Store;
  /** Receives the lines of tl.static_print; default: console.log. */
  print?: (line: string) => void;
}

/** The output of `nereid compile`: the manifest and its files. */
export interface Artefacts {
  manifest: Manifest;
  files: Record<string, Uint8Array<ArrayBuffer>>;
}

/** The stages that `emit` accepts; with the suffix `+lines`, as in `wat+lines`, comments give lines of the source. */
export type Stage = "tokens" | "ast" | "ttir" | "passes" | "schedule" | "candidates" | "lower" | "threads" | "wat" | "wgsl" | (string & {});

/** Compiles a kernel for a device. */
export async function compile(source: string, options: SourceOptions & { device: Device }): Promise<Kernel> {
  const { manifest, files } = await artefactsFor(options.device.target, source, options);
  const kernels = await options.device.load(manifest, { base: (file) => files[file]! });
  return Object.values(kernels)[0]!;
}

/** Compiles a kernel to the files that `nereid compile` writes. */
export function compileArtefacts(source: string, options: SourceOptions & { target?: "wasm" | "webgpu" } = {}): Promise<Artefacts> {
  return artefactsFor(options.target ?? "wasm", source, options);
}

async function artefactsFor(target: string, source: string, options: SourceOptions): Promise<Artefacts> {
  const info = options.args && (await describe(source, options));
  const signature = info ? signatureOf(info, options.args!, options.constants ?? {}) : itemsOf(options.signature);
  return artefactsOf(requestOf(`compile ${target}`, source, options, signature), options);
}

/** Returns the text of a compiler stage. */
export async function emit(source: string, options: SourceOptions & { stage: Stage }): Promise<string> {
  const plain = /^(tokens|ast)$/.test(options.stage);
  const info = options.args && !plain ? await describe(source, options) : undefined;
  const signature = info ? signatureOf(info, options.args!, options.constants ?? {}) : itemsOf(options.signature);
  return textOf(requestOf(`emit ${options.stage}`, source, options, signature), options);
}

/** The text that a request of `emit` returns; it is not stored. @internal */
export async function textOf(request: Request, options: SourceOptions): Promise<string> {
  const parts = await put(request, { ...options, cache: false });
  return new TextDecoder().decode(parts[0]);
}

/** Returns the parameters of a kernel. */
export async function describe(source: string, options: SourceOptions = {}): Promise<KernelInfo> {
  const parts = await put(requestOf("describe", source, options, []), options);
  return JSON.parse(new TextDecoder().decode(parts[0]));
}

const itemsOf = (signature: SourceOptions["signature"]) =>
  typeof signature === "string" ? splitSignature(signature) : [...(signature ?? [])];

/** @internal */
export function requestOf(command: string, source: string, options: SourceOptions, signature: string[]): Request {
  if (typeof source !== "string") throw new NereidError("wrong-argument", "the source must be a string");
  // Constants and schedules do not affect a description, so they are not part of its cache key.
  const constants = command === "describe" ? [] : Object.entries(options.constants ?? {});
  return {
    command,
    path: options.path ?? "kernel.py",
    source,
    kernel: options.kernel ?? "",
    debug: options.debug ?? false,
    schedule: command === "describe" ? "" : (options.schedule ?? ""),
    signature,
    constants: constants.map(([name, value]) => [name, literal(value)]),
    files: Object.entries(options.files ?? {}),
  };
}

/** @internal */
export async function artefactsOf(request: Request, options: SourceOptions): Promise<Artefacts> {
  const [entry, ...files] = await put(request, options);
  const artefact: Artefact = JSON.parse(new TextDecoder().decode(entry));
  return {
    manifest: { nereid: version.replace(/-.*/, ""), artefacts: [artefact] },
    files: Object.fromEntries(artefact.files.map((name, i) => [name, files[2 * i + 1]!])),
  };
}

const underWay = new Map<string, Promise<Uint8Array<ArrayBuffer>[]>>();

// From the store, from an equal pending request, or from the compiler. Printed text is part of the stored entry.
async function put(request: Request, options: SourceOptions): Promise<Uint8Array<ArrayBuffer>[]> {
  const inWorker = options.worker ?? false;
  const store = options.cache === false ? undefined : typeof options.cache === "object" ? options.cache : usualStore();
  const key = JSON.stringify([version, request]);
  const fresh = async () => {
    const stored = store && (await recall(store, key));
    if (stored) return stored;
    const answer = await ask(request, inWorker);
    const parts = [new TextEncoder().encode(answer.printed), ...partsOf(answer, request)];
    if (store) void remember(store, key, parts);
    return parts;
  };
  let waiting = store && underWay.get(key);
  if (!waiting) {
    waiting = fresh();
    if (store) {
      underWay.set(key, waiting);
      waiting.catch(() => {}).then(() => underWay.delete(key));
    }
  }
  const [printed, ...parts] = await waiting;
  const lines = new TextDecoder().decode(printed);
  if (lines) for (const line of lines.trimEnd().split("\n")) (options.print ?? console.log)(line);
  return parts;
}

// The equivalent command line; its stages end where the code of a target is written.
function commandOf({ command, path, kernel, debug, schedule, signature, constants }: Request): string {
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const [verb, what = ""] = command.split(" ");
  const stage = verb === "emit" ? what : verb === "describe" ? "ttir" : what === "webgpu" ? "wgsl" : "wat";
  const types = signature.length ? ` --signature ${quote(signature.join(","))}` : "";
  const values = constants.map(([name, literal]) => ` -D ${quote(`${name}=${literal}`)}`).join("");
  return `nereid emit --stage ${stage} ${quote(path + (kernel && `:${kernel}`))}${types}${values}${debug ? " --debug" : ""}${schedule ? " --schedule FILE" : ""}`;
}

function partsOf(answer: Answer, request: Request): Uint8Array<ArrayBuffer>[] {
  if ("parts" in answer) return answer.parts;
  if ("fault" in answer)
    throw new NereidError(
      "compiler-fault",
      `${answer.fault}. This is a fault of Nereid, not of your kernel; please report it with the kernel and this command: ${commandOf(request)}`,
    );
  throw new CompileError(answer.text, answer.diagnostics);
}
