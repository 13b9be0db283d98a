// SPDX-License-Identifier: MIT
// What goes wrong, as one class with a code.

/** What went wrong, for programs. `docs/reference/typescript.md` has a sentence for each. */
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
