// SPDX-License-Identifier: MIT
import { NereidError } from "../errors.ts";
import type { Diagnostic } from "./engine.ts";

/** The program cannot be compiled. The message is the same text as `nereid` prints: source lines with carets, and a hint. */
export class CompileError extends NereidError {
  readonly diagnostics: readonly Diagnostic[];

  constructor(text: string, diagnostics: readonly Diagnostic[]) {
    super("compile-failed", text.trimEnd());
    this.name = "CompileError";
    this.diagnostics = diagnostics;
  }
}
