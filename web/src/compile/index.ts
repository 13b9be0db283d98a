// SPDX-License-Identifier: MIT
// The compiler: Triton source to kernels, in pages and in Node. Its module is loaded on first use.
export { autotune, Autotuned, type AutotuneOptions, type Config, type Measured } from "./autotune.ts";
export { MemoryStore, PageStore, type Store } from "./cache.ts";
export { type Artefacts, compile, compileArtefacts, describe, emit, type SourceOptions, type Stage, version } from "./compile.ts";
export type { Diagnostic } from "./engine.ts";
export { CompileError } from "./errors.ts";
export { type Arguments, cdiv, jit, type JitGrid, JitKernel, type JitOptions } from "./jit.ts";
export { type CompilerOptions, configure, preload } from "./loader.ts";
export type { Constant, KernelInfo, Scalar, Value } from "./values.ts";
