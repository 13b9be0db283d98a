// SPDX-License-Identifier: MIT
// Source to artefacts, and to kernels that can be launched.
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

/** Source, and how to compile it. */
export interface SourceOptions {
  /** The function that is the kernel; not needed where there is only one. */
  kernel?: string;
  /** Types of the parameters, as for `nereid compile --signature`: "*fp32:16, i32", or the items. Empty items are constexprs. */
  signature?: string | readonly string[];
  /** Instead of a signature: arguments to take the types from. */
  args?: Readonly<Record<string, Value>>;
  /** Constexprs by name. */
  constants?: Readonly<Record<string, Constant>>;
  /** The name of the source in messages; `.ttir` where it is Triton's IR and not Python. */
  path?: string;
  /** Sources that it imports, by their paths. */
  files?: Readonly<Record<string, string>>;
  /** Keeps `assert` and tl.device_assert. */
  debug?: boolean;
  /** Compiles in a worker, so that this thread goes on. */
  worker?: boolean;
  /** Where to keep what was compiled: the Cache API, or this store; false: nowhere. */
  cache?: boolean | Store;
  /** Takes the lines of tl.static_print; console.log otherwise. */
  print?: (line: string) => void;
}

/** What `nereid compile` writes: the manifest and its files. */
export interface Artefacts {
  manifest: Manifest;
  files: Record<string, Uint8Array<ArrayBuffer>>;
}

/** The stages that `emit` knows; `wat+lines` and the like have comments with lines of the source. */
export type Stage = "tokens" | "ast" | "ttir" | "passes" | "schedule" | "lower" | "threads" | "wat" | "wgsl" | (string & {});

/** Compiles a kernel for a device. */
export async function compile(source: string, options: SourceOptions & { device: Device }): Promise<Kernel> {
  const { manifest, files } = await artefactsFor(options.device.target, source, options);
  const kernels = await options.device.load(manifest, { base: (file) => files[file]! });
  return Object.values(kernels)[0]!;
}

/** Compiles a kernel to what `nereid compile` writes. */
export function compileArtefacts(source: string, options: SourceOptions & { target?: "wasm" | "webgpu" } = {}): Promise<Artefacts> {
  return artefactsFor(options.target ?? "wasm", source, options);
}

async function artefactsFor(target: string, source: string, options: SourceOptions): Promise<Artefacts> {
  const info = options.args && (await describe(source, options));
  const signature = info ? signatureOf(info, options.args!, options.constants ?? {}) : itemsOf(options.signature);
  return artefactsOf(requestOf(`compile ${target}`, source, options, signature), options);
}

/** The text of a stage of the compiler. */
export async function emit(source: string, options: SourceOptions & { stage: Stage }): Promise<string> {
  const plain = /^(tokens|ast)$/.test(options.stage);
  const info = options.args && !plain ? await describe(source, options) : undefined;
  const signature = info ? signatureOf(info, options.args!, options.constants ?? {}) : itemsOf(options.signature);
  const parts = await put(requestOf(`emit ${options.stage}`, source, options, signature), { ...options, cache: false });
  return new TextDecoder().decode(parts[0]);
}

/** What parameters a kernel has. */
export async function describe(source: string, options: SourceOptions = {}): Promise<KernelInfo> {
  const parts = await put(requestOf("describe", source, options, []), options);
  return JSON.parse(new TextDecoder().decode(parts[0]));
}

const itemsOf = (signature: SourceOptions["signature"]) =>
  typeof signature === "string" ? splitSignature(signature) : [...(signature ?? [])];

/** @internal */
export function requestOf(command: string, source: string, options: SourceOptions, signature: string[]): Request {
  if (typeof source !== "string") throw new NereidError("wrong-argument", "the source must be a string");
  // Constants do not matter to a description, and must not tell its cached answers apart.
  const constants = command === "describe" ? [] : Object.entries(options.constants ?? {});
  return {
    command,
    path: options.path ?? "kernel.py",
    source,
    kernel: options.kernel ?? "",
    debug: options.debug ?? false,
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

// From the store, from an equal request that is under way, or from the compiler. What was printed is part of what is stored.
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

// The same request for the command line, whose stages stop where a target's code is written.
function commandOf({ command, path, kernel, debug, signature, constants }: Request): string {
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const [verb, what = ""] = command.split(" ");
  const stage = verb === "emit" ? what : verb === "describe" ? "ttir" : what === "webgpu" ? "wgsl" : "wat";
  const types = signature.length ? ` --signature ${quote(signature.join(","))}` : "";
  const values = constants.map(([name, literal]) => ` -D ${quote(`${name}=${literal}`)}`).join("");
  return `nereid emit --stage ${stage} ${quote(path + (kernel && `:${kernel}`))}${types}${values}${debug ? " --debug" : ""}`;
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
