// SPDX-License-Identifier: MIT
// Values as the compiler reads them: constants as Python literals, arguments as items of a signature.
import { DeviceBuffer } from "../buffer.ts";
import { type DTypeName, findType } from "../dtypes.ts";
import { NereidError } from "../errors.ts";
import { isAligned } from "./turn.ts";

/**
 * A constexpr. An array becomes a tuple, null becomes None. `{ python }` is an expression that the compiler evaluates, such as
 * `tl.float16`.
 */
export type Constant = number | bigint | boolean | string | null | { python: string } | readonly Constant[];

/** A number with an explicit type: `{ type: "f32", value: 2 }`. */
export interface Scalar {
  type: DTypeName;
  value: number | bigint | boolean;
}

/** The values that a launch takes: buffers, numbers, tuples of them, and constexprs. */
export type Value = DeviceBuffer | Scalar | Constant | readonly Value[];

/** The parameters of a kernel, as the compiler describes them. */
export interface KernelInfo {
  name: string;
  /** True if the types are known: for Triton IR. */
  typed: boolean;
  parameters: {
    name: string;
    type: string;
    block?: number[];
    constexpr: boolean;
    default: boolean;
    do_not_specialize: boolean;
    do_not_specialize_on_alignment: boolean;
  }[];
}

/** @internal */
export const isScalar = (value: unknown): value is Scalar =>
  typeof value === "object" && value !== null && "type" in value && "value" in value && !(value instanceof DeviceBuffer);

/** The value as a Python literal. */
export function literal(value: Constant): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number")
    return Number.isFinite(value)
      ? Object.is(value, -0)
        ? "-0.0"
        : String(value)
      : `float('${Number.isNaN(value) ? "nan" : value < 0 ? "-inf" : "inf"}')`;
  if (typeof value === "bigint") return String(value);
  if (typeof value === "string") return `'${value.replace(/[\\'\n\r]/g, (c) => ({ "\n": "\\n", "\r": "\\r" })[c] ?? `\\${c}`)}'`;
  if (Array.isArray(value)) return `(${value.map((item) => `${literal(item)},`).join(" ")})`;
  if (typeof (value as { python?: unknown }).python === "string") return (value as { python: string }).python;
  throw new NereidError("wrong-argument", `${String(value)} cannot be a constexpr: use numbers, strings, booleans, null or arrays of them`);
}

const kTriton: Record<string, string> = { f32: "fp32", f64: "fp64", f16: "fp16", bool: "i1" };
const tritonName = (type: string) => kTriton[type] ?? type;

// Converts "tl.int64" to "i64", if it names a type.
function declaredType(annotation: string): string | undefined {
  const name = annotation
    .replace(/^tl\./, "")
    .replace(/^float(\d+)$/, "fp$1")
    .replace(/^bfloat16$/, "bf16")
    .replace(/^uint(\d+)$/, "u$1")
    .replace(/^int(\d+)$/, "i$1")
    .replace(/^(int1|u1)$/, "i1");
  const type = findType(name);
  return type && tritonName(type.name);
}

// Triton's specialization: integers divisible by 16 are marked, and an integer 1 becomes a constant.
function item(
  name: string,
  value: Value,
  declared: string | undefined,
  keep: boolean,
  noAlign: boolean,
  wrong: (why: string) => Error,
): string {
  if (value instanceof DeviceBuffer) return `*${tritonName(value.dtype)}${noAlign || !isAligned(value) ? "" : ":16"}`;
  if (Array.isArray(value))
    return `(${value.map((part, i) => `${item(`${name}.${i}`, part, undefined, keep, noAlign, wrong)},`).join(" ")})`;
  if (value === null) return "None";
  let type = declared;
  let number: unknown = value;
  if (isScalar(value)) {
    const found = findType(value.type);
    if (!found) throw wrong(`unknown type \`${value.type}\``);
    type = tritonName(found.name);
    number = value.value;
  }
  if (typeof number !== "number" && typeof number !== "bigint" && typeof number !== "boolean") throw wrong("it takes a buffer or a number");
  const whole = typeof number === "bigint" || (typeof number === "number" && Number.isSafeInteger(number) && !Object.is(number, -0));
  const big = whole ? BigInt(number as number) : 0n;
  if (!type) {
    if (typeof number === "boolean") type = "i1";
    else if (!whole) type = "fp32";
    else type = big >= -(2n ** 31n) && big < 2n ** 31n ? "i32" : big < 2n ** 63n ? "i64" : "u64";
  }
  if (!whole || !/^[iu](8|16|32|64)$/.test(type)) return type;
  if (big === 1n && !keep && !isScalar(value)) return "1";
  return type + (big % 16n === 0n && !noAlign ? ":16" : "");
}

/** The signature for a launch with these arguments. */
export function signatureOf(
  info: KernelInfo,
  args: Readonly<Record<string, Value>>,
  constants: Readonly<Record<string, Constant>>,
): string[] {
  const fail = (code: "missing-argument" | "surplus-argument" | "wrong-argument", why: string, argument: string) =>
    new NereidError(code, why, { kernel: info.name, argument });
  const names = info.parameters.map((p) => p.name);
  for (const name of [...Object.keys(args), ...Object.keys(constants)])
    if (!names.includes(name)) throw fail("surplus-argument", `unknown parameter; the kernel has: ${names.join(", ")}`, name);
  if (info.typed) return [];
  return info.parameters.map((p) => {
    if (Object.hasOwn(constants, p.name)) return "";
    const value = Object.hasOwn(args, p.name) ? args[p.name] : undefined;
    if (value === undefined) {
      if (p.default) return "";
      throw fail("missing-argument", p.constexpr ? "a constexpr is missing" : "an argument is missing", p.name);
    }
    if (p.constexpr) throw fail("wrong-argument", "it is a constexpr: give it among the constants", p.name);
    if (value instanceof DeviceBuffer && p.type.includes("tensordesc<")) return ""; // the annotation is the type
    const keep = p.do_not_specialize;
    return item(p.name, value, declaredType(p.type), keep, keep || p.do_not_specialize_on_alignment, (why) =>
      fail("wrong-argument", why, p.name),
    );
  });
}

/**
 * The arguments by the names of the compiled kernel: tuples are flattened, descriptors are followed by sizes and strides, constants are
 * removed.
 */
export function launchArguments(
  kernel: string,
  parameters: readonly { name: string; block?: number[] }[],
  args: Readonly<Record<string, Value>>,
): Record<string, DeviceBuffer | number | bigint | boolean> {
  const flat: Record<string, DeviceBuffer | number | bigint | boolean> = Object.create(null);
  const spread = (name: string, value: Value) => {
    if (Array.isArray(value)) value.forEach((part, i) => spread(`${name}.${i}`, part));
    else flat[name] = (isScalar(value) ? value.value : value) as DeviceBuffer;
  };
  for (const name in args) spread(name, args[name]!);
  const out: typeof flat = Object.create(null);
  let parts: number[] = [];
  for (const p of parameters) {
    const value = flat[p.name];
    const part = parts.shift();
    out[p.name] = value === undefined && part !== undefined ? part : value!;
    if (p.block && value instanceof DeviceBuffer) {
      const { shape } = value;
      if (shape.length !== p.block.length)
        throw new NereidError("wrong-argument", `the descriptor's blocks have ${p.block.length} axes, but the buffer has ${shape.length}`, {
          kernel,
          argument: p.name,
        });
      parts = [...shape, ...shape.map((_, d) => shape.slice(d + 1).reduce((product, n) => product * n, 1))];
    }
  }
  return out;
}

/** The items of a signature as text: "*fp32:16, i32, 1024". */
export function splitSignature(text: string): string[] {
  const out: string[] = [];
  let from = 0;
  let depth = 0;
  let quote = "";
  for (let i = 0; i < text.length; ++i) {
    const c = text[i]!;
    if (quote) quote = c === quote ? "" : quote;
    else if (c === "'" || c === '"') quote = c;
    else if ("([<".includes(c)) ++depth;
    else if (")]>".includes(c)) --depth;
    else if (c === "," && depth === 0) {
      out.push(text.slice(from, i).trim());
      from = i + 1;
    }
  }
  return text.trim() || out.length ? [...out, text.slice(from).trim()] : [];
}
