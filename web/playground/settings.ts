// SPDX-License-Identifier: MIT
// The arguments of a launch as text: sizes, arrays as `random f32[rows, columns]`, `[[1, 2], [3, 4]] f32` or `file("x.npy")`, numbers,
// constants, the grid. Expressions may refer to other settings by name.
import { type DType, type DTypeName, encode, findType, type View } from "../src/dtypes.ts";
import type { Constant, KernelInfo, Scalar } from "../src/compile/values.ts";

/** Text by name. Sizes are names that are not parameters; they come first in the form. */
export interface Settings {
  sizes: Record<string, string>;
  args: Record<string, string>;
  grid: string;
  /** The kernel function, if the source has several. */
  kernel?: string;
  /** Floating-point operations of a launch. */
  flops?: string;
}

/** An array to create. */
export interface ArraySpec {
  /** How to fill it: one of kFills, or `values`. */
  fill: string;
  amount: number;
  dtype: DTypeName;
  shape: number[];
  values?: ArrayLike<number | bigint>;
}

/** The content of a file. */
export interface Numbers {
  dtype: DType;
  shape: number[];
  values: ArrayLike<number | bigint>;
}

export type Evaluated = {
  args: Record<string, ArraySpec | Scalar | number | boolean | null>;
  constants: Record<string, Constant>;
  grid: number[];
  flops: number | undefined;
  numbers: Record<string, number>;
};

/** An error in a field. */
export class SettingError extends Error {
  readonly field: string;
  constructor(field: string, message: string) {
    super(`${field}: ${message}`);
    this.field = field;
  }
}

export const kFills = ["random", "uniform", "range", "below", "ones", "zeros"];
const kMostBytes = 2 ** 29; // for all arrays together
export const kFunctions: Record<string, (...n: number[]) => number> = {
  cdiv: (a, b) => Math.ceil(a! / b!),
  next_power_of_2: (n) => 2 ** Math.ceil(Math.log2(Math.max(n!, 1))),
  min: Math.min,
  max: Math.max,
  sqrt: Math.sqrt,
};

/** Evaluates all settings; `files` are those chosen in this page. */
export function evaluate(settings: Settings, info: KernelInfo, files: ReadonlyMap<string, Numbers> = new Map()): Evaluated {
  const texts: Record<string, string> = { ...settings.sizes, ...settings.args };
  const open = new Set<string>();
  const numberOf = (field: string, name: string): number => {
    if (!Object.hasOwn(texts, name)) throw new SettingError(field, `unknown name \`${name}\``);
    if (open.has(name)) throw new SettingError(field, `\`${name}\` depends on itself`);
    open.add(name);
    const value = new Reader(name, texts[name]!, numberOf).whole();
    open.delete(name);
    return value;
  };
  const number = (field: string, text: string) => new Reader(field, text, numberOf).whole();
  const list = (field: string, text: string) => {
    const reader = new Reader(field, text.replace(/^\s*[[(](.*?),?\s*[\])]\s*$/s, "$1"), numberOf);
    return reader.list();
  };

  let bytes = 0;
  const out: Evaluated = {
    args: {},
    constants: {},
    grid: list("grid", settings.grid),
    flops: settings.flops ? number("flops", settings.flops) : undefined,
    numbers: {},
  };
  for (const name of Object.keys(settings.sizes)) out.numbers[name] = number(name, settings.sizes[name]!);
  if (out.grid.length > 3 || out.grid.length === 0 || !out.grid.every((n) => Number.isInteger(n) && n >= 0))
    throw new SettingError("grid", "a grid consists of one to three integers");
  for (const p of info.parameters) {
    const text = (settings.args[p.name] ?? "").trim();
    if (!text) {
      if (p.default) continue;
      throw new SettingError(p.name, "a value is missing");
    }
    const array = isArray(text);
    if (!array && !/^(True|False|None)$|['"[]|^tl\./.test(text)) out.numbers[p.name] = number(p.name, text);
    if (p.constexpr) out.constants[p.name] = constant(text, (t) => number(p.name, t));
    else if (array) {
      const spec = arrayOf(p.name, text, number, list, files);
      bytes += count(spec.shape) * findType(spec.dtype)!.bytes;
      if (bytes > kMostBytes)
        throw new SettingError(
          p.name,
          `the arrays would take ${Math.ceil(bytes / 2 ** 20)} MiB; the limit of this page is ${kMostBytes / 2 ** 20} MiB`,
        );
      out.args[p.name] = spec;
    } else if (/^(True|False)$/.test(text)) out.args[p.name] = text === "True";
    else if (text === "None") out.args[p.name] = null;
    else {
      const value = number(p.name, text);
      // JavaScript does not distinguish 2.0 from 2, but the text does.
      out.args[p.name] = /[.]|\d[eE]|sqrt/.test(text) ? { type: "f32", value } : value;
    }
  }
  return out;
}

const kTyped = /^(.*?)\s*\b([a-z]\w*)\s*(?:\[([^[\]]*)\])?$/s;
const isArray = (text: string) =>
  /^(?:\[.*\]|file\(.*\))(?:\s*\w+\s*(?:\[[^[\]]*\])?)?$|^(?:[a-z]+(?:\(.*\))?\s+)?[a-z]\w*\s*\[[^[\]]*\]$/s.test(text);
const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

function arrayOf(
  field: string,
  text: string,
  number: (field: string, text: string) => number,
  list: (field: string, text: string) => number[],
  files: ReadonlyMap<string, Numbers>,
): ArraySpec {
  const fail = (why: string): never => {
    throw new SettingError(field, why);
  };
  const whole = /[\])]$/.test(text) && /^(\[|file\()/.test(text) && depthEndsAtEnd(text);
  const [, how = "", dtype, shape] = whole ? [text, text, undefined, undefined] : (kTyped.exec(text) ?? []);
  if (dtype !== undefined && !findType(dtype)) fail(`unknown type \`${dtype}\``);
  const sizes = shape === undefined ? undefined : list(field, shape);
  if (sizes && !sizes.every((n) => Number.isInteger(n) && n >= 0)) fail("a shape must consist of integers of at least 0");
  let given: Numbers | undefined;
  if (how[0] === "[") given = { dtype: "f32", ...literalNumbers(how, fail) };
  const file = /^file\(\s*["']?(.*?)["']?\s*\)$/s.exec(how)?.[1];
  if (file !== undefined) given = files.get(file) ?? fail(`choose ${file} again: the page does not store files`);
  if (given) {
    const spec = {
      fill: "values",
      amount: 0,
      dtype: (dtype as DTypeName) ?? given.dtype,
      shape: sizes ?? given.shape,
      values: given.values,
    };
    if (count(spec.shape) !== given.values.length)
      fail(`the shape has ${count(spec.shape)} elements, but there are ${given.values.length} numbers`);
    return spec;
  }
  const [, fill = "random", amount = ""] = /^([a-z]+)(?:\((.*)\))?$/s.exec(how) ?? [];
  if (!kFills.includes(fill)) fail(`unknown content of an array: use one of ${kFills.join(", ")}`);
  return { fill, amount: amount ? number(field, amount) : fill === "below" ? 16 : 1, dtype: dtype as DTypeName, shape: sizes! };
}

// Returns whether the last character closes the bracket at the start.
function depthEndsAtEnd(text: string): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; ++i) {
    if (/[[(]/.test(text[i]!)) ++depth;
    else if (/[\])]/.test(text[i]!) && --depth === 0) return i === text.length - 1;
  }
  return false;
}

// Parses `[[1, 2], [3, 4]]`: its numbers, and the shape 2 by 2.
function literalNumbers(text: string, fail: (why: string) => never): { shape: number[]; values: number[] } {
  const values: number[] = [];
  const shape: number[] = [];
  let depth = 0;
  const counts: number[] = [];
  const item = () => depth > 0 && ++counts[depth - 1]!;
  for (const token of text.match(/[[\]]|[^\s,[\]]+/g) ?? []) {
    if (token === "[") {
      item();
      counts[depth++] = 0;
    } else if (token === "]") {
      const n = counts[--depth]!;
      if (shape[depth] !== undefined && shape[depth] !== n)
        fail(`its rows have ${shape[depth]} and ${n} numbers: they must have the same length`);
      shape[depth] = n;
    } else {
      const value = { nan: NaN, inf: Infinity, "-inf": -Infinity, True: 1, False: 0 }[token] ?? Number(token);
      if (Number.isNaN(value) && token !== "nan") fail(`\`${token}\` is not a number`);
      item();
      values.push(value);
    }
  }
  if (count(shape) !== values.length) fail("its rows must have the same length");
  return { shape, values };
}

/** The pasted text as an array, if it has more than one number; lines become rows. */
export function pasted(text: string): string | undefined {
  const rows = text
    .replace(/[[\](){}]/g, " ")
    .split(/\n+/)
    .map((line) => line.split(/[\s,;]+/).filter(Boolean))
    .filter((row) => row.length > 0);
  const numbers = rows.flat();
  if (numbers.length < 2 || !numbers.every((n) => /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$|^-?inf$|^nan$/i.test(n))) return undefined;
  const type = numbers.every((n) => /^[-+]?\d+$/.test(n)) ? "i32" : "f32";
  const even = rows.every((row) => row.length === rows[0]!.length);
  return `[${even && rows.length > 1 ? rows.map((row) => `[${row.join(", ")}]`).join(", ") : numbers.join(", ")}] ${type}`;
}

function constant(text: string, number: (text: string) => number): Constant {
  if (/^(True|False)$/.test(text)) return text === "True";
  if (text === "None") return null;
  if (/^(['"]).*\1$/s.test(text)) return text.slice(1, -1);
  if (/^tl\.|^[([]/.test(text) || /^-?\d+\.\d*$/.test(text)) return { python: text };
  return number(text);
}

// Numbers, names, + - * / // % **, parentheses and kFunctions.
class Reader {
  readonly #field: string;
  readonly #name: (field: string, name: string) => number;
  readonly #tokens: string[];
  #at = 0;

  constructor(field: string, text: string, name: (field: string, name: string) => number) {
    this.#field = field;
    this.#name = name;
    this.#tokens = text.match(/\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|\w+|\*\*|\/\/|[^\s]/g) ?? [];
  }

  whole(): number {
    const value = this.#sum();
    if (this.#at < this.#tokens.length) this.#fail(`\`${this.#tokens[this.#at]}\` is unexpected here`);
    return value;
  }

  list(): number[] {
    const out: number[] = [];
    while (this.#at < this.#tokens.length) {
      out.push(this.#sum());
      if (this.#at < this.#tokens.length && !this.#take(",")) this.#fail(`\`${this.#tokens[this.#at]}\` is unexpected here`);
    }
    return out;
  }

  #fail(why: string): never {
    throw new SettingError(this.#field, why);
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    ++this.#at;
    return true;
  }

  #sum(): number {
    let value = this.#product();
    for (;;) {
      if (this.#take("+")) value += this.#product();
      else if (this.#take("-")) value -= this.#product();
      else return value;
    }
  }

  #product(): number {
    let value = this.#power();
    for (;;) {
      if (this.#take("*")) value *= this.#power();
      else if (this.#take("//")) value = Math.floor(value / this.#power());
      else if (this.#take("/")) value /= this.#power();
      else if (this.#take("%")) {
        const by = this.#power();
        value -= Math.floor(value / by) * by; // like Python's `%`
      } else return value;
    }
  }

  #power(): number {
    if (this.#take("-")) return -this.#power();
    const base = this.#one();
    return this.#take("**") ? base ** this.#power() : base;
  }

  #one(): number {
    const token = this.#tokens[this.#at++];
    if (token === undefined) this.#fail("a number is missing");
    if (/^[\d.]/.test(token)) return Number(token);
    if (token === "(") {
      const value = this.#sum();
      if (!this.#take(")")) this.#fail("`)` is missing");
      return value;
    }
    if (!/^\w/.test(token)) this.#fail(`\`${token}\` is unexpected here`);
    if (!this.#take("(")) return this.#name(this.#field, token);
    const given = Object.hasOwn(kFunctions, token) ? kFunctions[token] : undefined;
    if (!given) this.#fail(`unknown function \`${token}\`: use one of ${Object.keys(kFunctions).join(", ")}`);
    const values: number[] = [];
    while (!this.#take(")")) {
      values.push(this.#sum());
      if (!this.#take(",") && this.#tokens[this.#at] !== ")") this.#fail("`)` is missing");
    }
    return given(...values);
  }
}

/** The functions that can be launched: those with `@triton.jit` that no other function calls. */
export function kernelsOf(source: string): string[] {
  const code = source.replace(/#.*$/gm, "");
  const all = [...code.matchAll(/^@triton\.jit\b.*\n(?:[ \t]*\n|@.*\n)*def\s+(\w+)/gm)].map((m) => m[1]!);
  const called = (name: string) => [...code.matchAll(new RegExp(`\\b${name}\\s*\\(`, "g"))].length > 1;
  const free = all.filter((name) => !called(name));
  return free.length ? free : all;
}

/** Guesses texts for parameters that have none; removes those of parameters that no longer exist. */
export function complete(settings: Settings, info: KernelInfo, source: string): Settings {
  const args: Record<string, string> = {};
  for (const p of info.parameters) {
    const name = p.name.replace(/[^\w]/g, "");
    const pointer = /_ptr$|^ptr|pointer/i.test(name) || new RegExp(`tl\\.(load|store|atomic_\\w+)\\(\\s*${name}\\b`).test(source);
    const stored = /^(out|y|c|dst|result)/i.test(name) && new RegExp(`tl\\.(store|atomic_\\w+)\\(\\s*${name}\\b`).test(source);
    args[p.name] =
      settings.args[p.name] ??
      (p.default
        ? ""
        : p.constexpr
          ? "64"
          : pointer
            ? `${stored ? "zeros" : "random"} f32[4096]`
            : /^(n|size|\w*elements)$/i.test(name)
              ? "4096"
              : "64");
  }
  const [size, block] = [
    Object.keys(args).find((name) => args[name] === "4096"),
    info.parameters.find((p) => p.constexpr && /^b/i.test(p.name))?.name,
  ];
  return { ...settings, args, grid: settings.grid || (size && block ? `cdiv(${size}, ${block})` : "64") };
}

/** The elements of an array, in its type; the same ones each time. */
export function fill(spec: ArraySpec, seed: number): View<DType> | number[] | bigint[] {
  const size = count(spec.shape);
  const type = findType(spec.dtype)!;
  // The device rounds them, or reports one that does not fit.
  if (spec.values)
    return typeof spec.values[0] === "bigint" && type.bytes < 8
      ? Array.from(spec.values, Number)
      : (Array.from(spec.values as ArrayLike<number>) as number[]);
  let state = (seed * 2654435761 + 1) >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const integer = /^[iu]\d|^bool/.test(type.name);
  const one: Record<string, (i: number) => number> = {
    random:
      type.name === "bool"
        ? () => Math.floor(uniform() * 2)
        : integer
          ? () => Math.floor(uniform() * 256) - (type.name[0] === "i" ? 128 : 0)
          : () => normal() * spec.amount,
    uniform: () => uniform() * spec.amount,
    range: (i) => i,
    below: () => Math.floor(uniform() * spec.amount),
    ones: () => spec.amount,
    zeros: () => 0,
  };
  const next = one[spec.fill]!;
  const out = new type.array(size);
  const big = out instanceof BigInt64Array || out instanceof BigUint64Array;
  const bits = /^(bf16|fp8)/.test(type.name) || (type.name === "f16" && out instanceof Uint16Array);
  for (let i = 0; i < size; ++i) {
    const value = integer ? Math.trunc(next(i)) : next(i);
    (out as Record<number, number | bigint>)[i] = big ? BigInt(value) : bits ? encode(type.name, value) : value;
  }
  return out;
}
