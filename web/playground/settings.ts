// SPDX-License-Identifier: MIT
// What a launch takes, as text that a person types: sizes, arrays as `random f32[rows, columns]`, numbers, constants, the grid. Names stand for each other.
import { type DTypeName, findType } from "../src/dtypes.ts";
import type { Constant, KernelInfo, Scalar } from "../src/compile/values.ts";

/** Text by name. Sizes are names that are no parameters; they come first in the form. */
export interface Settings {
  sizes: Record<string, string>;
  args: Record<string, string>;
  grid: string;
  /** The function that is the kernel, where there are several. */
  kernel?: string;
  /** Floating-point operations of a launch. */
  flops?: string;
}

/** An array that is to be made. */
export interface ArraySpec {
  fill: string;
  amount: number;
  dtype: DTypeName;
  shape: number[];
}

export type Evaluated = { args: Record<string, ArraySpec | Scalar | number | boolean | null>; constants: Record<string, Constant>; grid: number[]; flops: number | undefined; numbers: Record<string, number> };

/** What cannot be read, and in which field. */
export class SettingError extends Error {
  readonly field: string;
  constructor(field: string, message: string) {
    super(`${field}: ${message}`);
    this.field = field;
  }
}

export const kFills = ["random", "uniform", "range", "below", "ones", "zeros"];
const kMostElements = 2 ** 26;
const kFunctions: Record<string, (...n: number[]) => number> = {
  cdiv: (a, b) => Math.ceil(a! / b!),
  next_power_of_2: (n) => 2 ** Math.ceil(Math.log2(Math.max(n!, 1))),
  min: Math.min,
  max: Math.max,
  sqrt: Math.sqrt,
};

/** All numbers of the settings. */
export function evaluate(settings: Settings, info: KernelInfo): Evaluated {
  const texts: Record<string, string> = { ...settings.sizes, ...settings.args };
  const open = new Set<string>();
  const numberOf = (field: string, name: string): number => {
    if (!Object.hasOwn(texts, name)) throw new SettingError(field, `there is no \`${name}\``);
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

  const out: Evaluated = { args: {}, constants: {}, grid: list("grid", settings.grid), flops: settings.flops ? number("flops", settings.flops) : undefined, numbers: {} };
  for (const name of Object.keys(settings.sizes)) out.numbers[name] = number(name, settings.sizes[name]!);
  if (out.grid.length > 3 || out.grid.length === 0 || !out.grid.every((n) => Number.isInteger(n) && n >= 0)) throw new SettingError("grid", "it is one to three whole numbers");
  for (const p of info.parameters) {
    const text = (settings.args[p.name] ?? "").trim();
    if (!text) {
      if (p.default) continue;
      throw new SettingError(p.name, "a value is missing");
    }
    const array = /^(?:([a-z]+)(?:\((.*)\))?\s+)?(\w+)\s*\[(.*)\]$/s.exec(text);
    if (!array && !/^(True|False|None)$|['"[]|^tl\./.test(text)) out.numbers[p.name] = number(p.name, text);
    if (p.constexpr) out.constants[p.name] = constant(text, (t) => number(p.name, t));
    else if (array) {
      const [, fill = "random", amount = "", dtype, shape] = array;
      if (!kFills.includes(fill)) throw new SettingError(p.name, `an array is filled with one of: ${kFills.join(", ")}`);
      if (!findType(dtype!)) throw new SettingError(p.name, `there is no type \`${dtype}\``);
      const spec = { fill, amount: amount ? number(p.name, amount) : fill === "below" ? 16 : 1, dtype: dtype as DTypeName, shape: list(p.name, shape!) };
      if (!spec.shape.every((n) => Number.isInteger(n) && n >= 0)) throw new SettingError(p.name, "a shape has whole numbers");
      if (spec.shape.reduce((a, b) => a * b, 1) > kMostElements) throw new SettingError(p.name, `it has more than ${kMostElements} elements`);
      out.args[p.name] = spec;
    } else if (/^(True|False)$/.test(text)) out.args[p.name] = text === "True";
    else if (text === "None") out.args[p.name] = null;
    else {
      const value = number(p.name, text);
      // JavaScript does not tell 2.0 from 2, but the text does.
      out.args[p.name] = /[.]|\d[eE]|sqrt/.test(text) ? { type: "f32", value } : value;
    }
  }
  return out;
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
    if (this.#at < this.#tokens.length) this.#fail(`\`${this.#tokens[this.#at]}\` is not expected here`);
    return value;
  }

  list(): number[] {
    const out: number[] = [];
    while (this.#at < this.#tokens.length) {
      out.push(this.#sum());
      if (this.#at < this.#tokens.length && !this.#take(",")) this.#fail(`\`${this.#tokens[this.#at]}\` is not expected here`);
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
        value -= Math.floor(value / by) * by; // as Python's
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
    if (!/^\w/.test(token)) this.#fail(`\`${token}\` is not expected here`);
    if (!this.#take("(")) return this.#name(this.#field, token);
    const given = Object.hasOwn(kFunctions, token) ? kFunctions[token] : undefined;
    if (!given) this.#fail(`there is no function \`${token}\`; there are ${Object.keys(kFunctions).join(", ")}`);
    const values: number[] = [];
    while (!this.#take(")")) {
      values.push(this.#sum());
      if (!this.#take(",") && this.#tokens[this.#at] !== ")") this.#fail("`)` is missing");
    }
    return given(...values);
  }
}

/** The functions that may be launched: those with `@triton.jit` that no other calls. */
export function kernelsOf(source: string): string[] {
  const code = source.replace(/#.*$/gm, "");
  const all = [...code.matchAll(/^@triton\.jit\b.*\n(?:\s*\n|@.*\n)*def\s+(\w+)/gm)].map((m) => m[1]!);
  const called = (name: string) => [...code.matchAll(new RegExp(`\\b${name}\\s*\\(`, "g"))].length > 1;
  const free = all.filter((name) => !called(name));
  return free.length ? free : all;
}

/** A first guess for the parameters that have no text yet; what a kernel does not have any more is left out. */
export function complete(settings: Settings, info: KernelInfo, source: string): Settings {
  const args: Record<string, string> = {};
  for (const p of info.parameters) {
    const name = p.name.replace(/[^\w]/g, "");
    const pointer = /_ptr$|^ptr|pointer/i.test(name) || new RegExp(`tl\\.(load|store|atomic_\\w+)\\(\\s*${name}\\b`).test(source);
    const stored = /^(out|y|c|dst|result)/i.test(name) && new RegExp(`tl\\.(store|atomic_\\w+)\\(\\s*${name}\\b`).test(source);
    args[p.name] = settings.args[p.name] ?? (p.default ? "" : p.constexpr ? "64" : pointer ? `${stored ? "zeros" : "random"} f32[4096]` : /^(n|size|\w*elements)$/i.test(name) ? "4096" : "64");
  }
  const [size, block] = [Object.keys(args).find((name) => args[name] === "4096"), info.parameters.find((p) => p.constexpr && /^b/i.test(p.name))?.name];
  return { ...settings, args, grid: settings.grid || (size && block ? `cdiv(${size}, ${block})` : "64") };
}

/** The numbers of an array. The same ones each time. */
export function fill(spec: ArraySpec, seed: number): number[] | bigint[] {
  const size = spec.shape.reduce((a, b) => a * b, 1);
  let state = (seed * 2654435761 + 1) >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const integer = /^[iu]\d|^bool/.test(spec.dtype);
  const one: Record<string, (i: number) => number> = {
    random: integer ? () => Math.floor(uniform() * 256) - (spec.dtype[0] === "i" ? 128 : 0) : () => normal() * spec.amount,
    uniform: () => uniform() * spec.amount,
    range: (i) => i,
    below: () => Math.floor(uniform() * spec.amount),
    ones: () => spec.amount,
    zeros: () => 0,
  };
  const next = one[spec.fill]!;
  return Array.from({ length: size }, (_, i) => (integer ? Math.trunc(next(i)) : next(i)));
}
