// SPDX-License-Identifier: MIT
// Reads manifest.json, as `nereid compile` writes it (docs/reference/wasm.md), and the files it names.
import { NereidError } from "./errors.ts";
import { builtin, isNode } from "./platform.ts";

/** The format of a printed value; `hex` is followed by its number of bits. */
export type Printed = "i64" | "u64" | "f64" | "ptr" | `hex${1 | 8 | 16 | 32 | 64}`;

/** A statement that reports at run time: an assertion, or a print of a text and possibly of an element of a tile with this shape. */
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

/**
 * A shader of a kernel: the features and limits it requires, its threads, programs per workgroup (1), scratch bytes per workgroup, whether
 * it reports, and whether arrays may overlap.
 */
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

/** A kernel compiled for one target. */
export interface Artefact {
  target: string;
  kernel: { name: string; parameters: { name: string; type: string }[] };
  files: string[];
  wasm?: { strict: string; relaxed?: string; memoryFlagAt: number; scratch: number; sites: Site[] };
  /** divisors: for each parameter, a number that divides its value, or its address in bytes; 1 if missing. */
  webgpu?: { variants: Shader[]; divisors?: number[]; sites: Site[] };
}

/** The content of manifest.json. */
export interface Manifest {
  nereid: string;
  artefacts: Artefact[];
}

/** Where a manifest's files are: an address that they are relative to, or a function that returns a file's bytes. */
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

/** Returns the manifest, and a function that reads its files. */
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

/** Returns a function that describes what an artefact lacks. */
export function lacks(a: Artefact): (what: string) => NereidError {
  const kernel = typeof a.kernel?.name === "string" ? a.kernel.name : "?";
  return (what) => new NereidError("bad-manifest", `the manifest's entry has no ${what}`, { kernel });
}

/** The fields of a wasm artefact; throws an error that names a missing one. */
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
