// SPDX-License-Identifier: MIT
// The compiler's WebAssembly module as one function. src/wasm/entry.cpp of the project documents requests and answers.

/** A message of the compiler about a program that it rejects. */
export interface Diagnostic {
  /** The kind of error, such as `mask-shape`. */
  id: string;
  text: string;
  /** A suggestion, or an empty string. */
  hint: string;
  /** The location: lines and columns count from 1; missing if there is none. */
  file?: string;
  line?: number;
  column?: number;
  length?: number;
  /** Other locations with explanations. */
  labels: { text: string; file?: string; line?: number; column?: number; length?: number }[];
}

/** A request, with its parts in the order of src/wasm/entry.cpp. */
export interface Request {
  command: string;
  path: string;
  source: string;
  kernel: string;
  debug: boolean;
  schedule: string;
  signature: string[];
  constants: [name: string, literal: string][];
  files: [path: string, text: string][];
}

/** `parts` are the parts of the answer after the printed text; after an error, its text and its diagnostics. */
export type Answer = { printed: string } & (
  { parts: Uint8Array<ArrayBuffer>[] } | { text: string; diagnostics: Diagnostic[] } | { fault: string }
);

interface Exports {
  memory: WebAssembly.Memory;
  _initialize(): void;
  alloc(size: number): number;
  ask(at: number, size: number): number;
  answer(): number;
  answerSize(): number;
}

class Fault extends Error {}

const encoder = /* @__PURE__ */ new TextEncoder();
const decoder = /* @__PURE__ */ new TextDecoder();

// The shortest digits that read back as the same number, "1.5e-7"; for a float, as the same float.
function digits(value: number, single: boolean): string {
  if (!single) return value.toExponential();
  for (let count = 0; ; ++count) {
    const text = value.toExponential(count);
    if (count === 17 || Math.fround(Number(text)) === Math.fround(value)) return text;
  }
}

/** The compiler in this thread. */
export class Engine {
  readonly #module: WebAssembly.Module;
  #exports: Exports | undefined;

  constructor(module: WebAssembly.Module) {
    this.#module = module;
  }

  #start(): Exports {
    const bytes = (at: number, size: number) => new Uint8Array(exports.memory.buffer, at >>> 0, size);
    const exports: Exports = new WebAssembly.Instance(this.#module, {
      nereid: {
        readNumber: (at: number, size: number) => Number(decoder.decode(bytes(at, size))),
        writeNumber: (value: number, single: number, at: number) => {
          const text = Object.is(value, -0) ? "-0e+0" : digits(value, single !== 0);
          return encoder.encodeInto(text, bytes(at, 32)).written;
        },
        fail: (at: number, size: number) => {
          throw new Fault(decoder.decode(bytes(at, size)));
        },
      },
    }).exports as unknown as Exports;
    exports._initialize();
    return exports;
  }

  ask(request: Request): Answer {
    const { command, path, source, kernel, debug, schedule, signature, constants, files } = request;
    const list = [
      command,
      path,
      source,
      kernel,
      debug ? "1" : "",
      schedule,
      String(signature.length),
      ...signature,
      String(constants.length),
      ...constants.flat(),
      ...files.flat(),
    ];
    const texts = list.map((text) => encoder.encode(text));
    const size = texts.reduce((sum, text) => sum + 4 + text.length, 0);
    try {
      const exports = (this.#exports ??= this.#start());
      const start = exports.alloc(size);
      const view = new DataView(exports.memory.buffer);
      let at = start;
      for (const text of texts) {
        view.setUint32(at, text.length, true);
        new Uint8Array(exports.memory.buffer).set(text, at + 4);
        at += 4 + text.length;
      }
      const failed = exports.ask(start, size);
      const answer = new Uint8Array(exports.memory.buffer, exports.answer(), exports.answerSize()).slice();
      const parts: Uint8Array<ArrayBuffer>[] = [];
      for (let i = 0; i < answer.length;) {
        const length = new DataView(answer.buffer).getUint32(i, true);
        parts.push(answer.subarray(i + 4, i + 4 + length));
        i += 4 + length;
      }
      const printed = decoder.decode(parts.shift());
      if (!failed) return { printed, parts };
      return { printed, text: decoder.decode(parts[0]), diagnostics: JSON.parse(decoder.decode(parts[1])) };
    } catch (error) {
      // Its memory may be in any state: the next request starts with a new instance.
      this.#exports = undefined;
      if (error instanceof Fault || error instanceof WebAssembly.RuntimeError || error instanceof RangeError)
        return { printed: "", fault: error instanceof Fault ? error.message : `the compiler stopped: ${(error as Error).message}` };
      throw error;
    }
  }
}
