// SPDX-License-Identifier: MIT
// All errors are of one class, with a code.

/** The kind of an error. `docs/reference/typescript.md` describes each. */
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

/** The class of all errors of this package. */
export class NereidError extends Error {
  /** The kind of the error. */
  readonly code: ErrorCode;
  /** The kernel in which it happened, if any. */
  readonly kernel: string | undefined;
  /** The parameter of the kernel that it concerns, if any. */
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
