// SPDX-License-Identifier: MIT
import { NereidError } from "../errors.ts";
import type { Diagnostic } from "./engine.ts";

/** The program is none that can be compiled. The message is what `nereid` prints: lines of source with carets, and a hint. */
export class CompileError extends NereidError {
  readonly diagnostics: readonly Diagnostic[];

  constructor(text: string, diagnostics: readonly Diagnostic[]) {
    super("compile-failed", text.trimEnd());
    this.name = "CompileError";
    this.diagnostics = diagnostics;
  }
}
