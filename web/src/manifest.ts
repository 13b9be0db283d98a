// SPDX-License-Identifier: MIT
// manifest.json, as `nereid compile` writes it (docs/reference/wasm.md), and where its files come from.
import { NereidError } from "./errors.ts";
import { builtin, isNode } from "./platform.ts";

/** How a value is printed; `hex` is followed by its number of bits. */
export type Printed = "i64" | "u64" | "f64" | "ptr" | `hex${1 | 8 | 16 | 32 | 64}`;

/** A place in the source that a kernel reports: an assertion, or a print of a text and perhaps of an element of a tile of this shape. */
export type Site =
  | { kind: "assert"; text: string; file?: string; line: number }
  | { kind: "print"; text: string; value?: undefined }
  | { kind: "print"; text: string; value: Printed; shape: number[] };

/** The text of a failed assertion: `k.py:76: assertion failed in program (0, 0, 0): too small`. */
export function assertionText(site: Site | undefined, program: readonly number[]): string {
  const failed = `assertion failed in program (${program.join(", ")})`;
  if (site?.kind !== "assert") return failed;
  const where = site.file ? `${site.file}:${site.line}: ` : "";
  return `${where}${failed}: ${site.text}`;
}

/** A shader of a kernel: what it needs of a device, its threads, programs of a workgroup (1), scratch bytes of a workgroup, whether it reports, and whether arrays may lie in one another. */
export interface Shader {
  file: string;
  features: string[];
  limits: Record<string, number>;
  threads: number;
  programs?: number;
  scratch: number;
  report: boolean;
  aliases?: boolean;
  arrays: { parameter: number; name: string; writes: boolean }[];
}

/** A kernel in one of its targets. */
export interface Artefact {
  target: string;
  kernel: { name: string; parameters: { name: string; type: string }[] };
  files: string[];
  wasm?: { strict: string; relaxed?: string; memoryFlagAt: number; scratch: number; sites: Site[] };
  /** divisors: of each parameter, what its number, or its address in bytes, can be divided by; without them, 1. */
  webgpu?: { variants: Shader[]; divisors?: number[]; sites: Site[] };
}

/** What manifest.json holds. */
export interface Manifest {
  nereid: string;
  artefacts: Artefact[];
}

/** Where a manifest's files are: an address that they are relative to, or what gives a file's bytes. */
export type Base = string | URL | ((file: string) => Uint8Array | ArrayBuffer | Promise<Uint8Array | ArrayBuffer>);

const isAddress = (text: string) => /^[a-z][a-z0-9+.-]+:/i.test(text);

function address(from: string | URL): URL {
  if (from instanceof URL) return from;
  if (isNode && !isAddress(from)) return builtin("node:url").pathToFileURL(from);
  try {
    return isNode ? new URL(from) : new URL(from, globalThis.document?.baseURI ?? location.href);
  } catch (cause) {
    throw new NereidError("load-failed", `${from} is not a URL`, { cause });
  }
}

async function bytesAt(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  try {
    if (isNode && url.protocol === "file:") return new Uint8Array(await builtin("node:fs/promises").readFile(url));
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  } catch (cause) {
    throw new NereidError("load-failed", `cannot read ${url}: ${(cause as Error).message}`, { cause });
  }
}

/** The manifest, and a function that reads a file of it. */
async function readManifest(source: Manifest | URL | string, base?: Base): Promise<[Manifest, Read]> {
  let manifest: Manifest;
  let root: URL | undefined;
  if (typeof source === "string" || source instanceof URL) {
    root = address(source);
    const text = new TextDecoder().decode(await bytesAt(root));
    try {
      manifest = JSON.parse(text);
    } catch (cause) {
      throw new NereidError("bad-manifest", `${root} is not valid JSON: ${(cause as Error).message}`, { cause });
    }
  } else {
    manifest = source;
  }
  if (!Array.isArray(manifest?.artefacts))
    throw new NereidError("bad-manifest", "this is not a manifest of nereid compile: it has no `artefacts`");
  if (base !== undefined && typeof base !== "function") root = address(base);
  const read = async (file: string) => {
    if (typeof base === "function") {
      const bytes = await base(file);
      return new Uint8Array(bytes); // a copy: the runtime writes the memory's flag
    }
    if (!root) throw new NereidError("load-failed", `cannot find ${file}: pass \`base\`, the address of the manifest's folder`);
    return bytesAt(new URL(file, root));
  };
  return [manifest, read];
}

type Read = (file: string) => Promise<Uint8Array<ArrayBuffer>>;

/** The kernels of a manifest for one target, by name. */
export async function loadKernels<K extends { name: string; dispose(): void }>(
  target: "wasm" | "webgpu",
  source: Manifest | URL | string,
  base: Base | undefined,
  load: (artefact: Artefact, read: Read) => Promise<K>,
): Promise<Record<string, K>> {
  const [manifest, read] = await readManifest(source, base);
  const artefacts = manifest.artefacts.filter((a) => a.target === target);
  if (artefacts.length === 0) throw new NereidError("bad-manifest", `the manifest has no kernel for target ${target}`);
  const names = artefacts.map((a) => a.kernel?.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new NereidError("bad-manifest", "the manifest has two kernels with this name", { kernel: twice });
  const loaded = await Promise.allSettled(artefacts.map((a) => load(a, read)));
  const failed = loaded.find((l) => l.status === "rejected");
  const kernels = loaded.flatMap((l) => (l.status === "fulfilled" ? [l.value] : []));
  if (failed) {
    for (const kernel of kernels) kernel.dispose();
    throw failed.reason;
  }
  return Object.fromEntries(kernels.map((kernel) => [kernel.name, kernel]));
}

/** A function that says what an artefact lacks. */
export function lacks(a: Artefact): (what: string) => NereidError {
  const kernel = typeof a.kernel?.name === "string" ? a.kernel.name : "?";
  return (what) => new NereidError("bad-manifest", `the manifest's entry has no ${what}`, { kernel });
}

/** What a wasm artefact must have, or an error that says what it lacks. */
export function checkWasm(a: Artefact): NonNullable<Artefact["wasm"]> {
  const bad = lacks(a);
  const w = a.wasm;
  if (!w) throw bad("`wasm`");
  if (typeof w.strict !== "string") throw bad("`wasm.strict`");
  if (!Number.isInteger(w.memoryFlagAt) || w.memoryFlagAt < 8) throw bad("`wasm.memoryFlagAt`");
  if (!Number.isInteger(w.scratch) || w.scratch < 0) throw bad("`wasm.scratch`");
  if (!Array.isArray(w.sites)) throw bad("`wasm.sites`");
  if (!Array.isArray(a.kernel.parameters)) throw bad("`kernel.parameters`");
  return w;
}
