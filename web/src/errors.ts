// SPDX-License-Identifier: MIT
// What goes wrong, as one class with a code.
import type { Site } from "./manifest.ts";

/** What went wrong, for programs. `docs/wasm.md` has a sentence for each. */
export type ErrorCode =
  | "wrong-dtype"
  | "wrong-size"
  | "wrong-argument"
  | "missing-argument"
  | "surplus-argument"
  | "bad-grid"
  | "disposed"
  | "out-of-memory"
  | "trap"
  | "assertion"
  | "lost-worker"
  | "lost-device"
  | "bad-manifest"
  | "load-failed"
  | "unsupported"
  | "compile-failed"
  | "compiler-fault";

/** Every error of this package. */
export class NereidError extends Error {
  /** What went wrong. */
  readonly code: ErrorCode;
  /** The kernel that it happened to, if any. */
  readonly kernel: string | undefined;
  /** The kernel's parameter that it is about, if any. */
  readonly argument: string | undefined;

  constructor(code: ErrorCode, message: string, about: { kernel?: string; argument?: string; cause?: unknown } = {}) {
    const where =
      about.kernel === undefined
        ? ""
        : `kernel \`${about.kernel}\`${about.argument === undefined ? "" : `, argument \`${about.argument}\``}: `;
    super(where + message, about.cause === undefined ? undefined : { cause: about.cause });
    this.name = "NereidError";
    this.code = code;
    this.kernel = about.kernel;
    this.argument = about.argument;
  }
}

/** The text of a failed assertion: `k.py:76: assertion failed in program (0, 0, 0): too small`. */
export function assertionText(site: Site | undefined, program: readonly number[]): string {
  const failed = `assertion failed in program (${program.join(", ")})`;
  if (site?.kind !== "assert") return failed;
  const where = site.file ? `${site.file}:${site.line}: ` : "";
  return `${where}${failed}: ${site.text}`;
}
