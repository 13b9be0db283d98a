// SPDX-License-Identifier: MIT
// Lets several arrays of a shader share a binding: for arguments in the same GPUBuffer, or if there are more arrays than bindings.
//
//   @group(0) @binding(1) var<storage, read_write> x: array<vec4u>;
//   fn x_get(i: u32) -> u32 { return x[i >> 2u][i & 3u]; }
//   @group(0) @binding(2) var<storage, read_write> y: array<u32>;
//   fn y_put(i: u32, v: u32) { y[i] = v; }
//     =>
//   @group(0) @binding(1) var<storage, read_write> x: array<u32>;
//   fn x_get(i: u32) -> u32 { return x[i]; }
//
//   fn y_put(i: u32, v: u32) { x[i] = v; }
//
// WebGPU does not allow two writable bindings of the same memory. The rewrite keeps line numbers, which errors refer to.
import { NereidError } from "./errors.ts";

/** Declarations of an array's words; the last two are for bindings shared by arrays of several kinds. */
type Kind = "vec4u" | "vec2u" | "u32" | "atomic<u32>";

const kDeclaration = /^@group\(0\) @binding\(\d+\) var<storage, read_write> (\w+): array<(u32|vec[24]u|atomic<u32>)>;$/;

const kParts = ["x", "y", "z", "w"];

// The operation of a common accessor on array `a` of words, or undefined.
function bodyOf(what: string, a: string, atomic: boolean): string | undefined {
  const [, action, count = ""] = what.match(/^(get|put)([24]?)$/) ?? [];
  const at = (k: number) => `${a}[i${k ? ` + ${k}u` : ""}]`;
  const get = (k: number) => (atomic ? `atomicLoad(&${at(k)})` : at(k));
  const put = (k: number, v: string) => (atomic ? `atomicStore(&${at(k)}, ${v});` : `${at(k)} = ${v};`);
  const parts = kParts.slice(0, Number(count));
  if (action === "get") return `return ${count ? `vec${count}u(${parts.map((_, k) => get(k)).join(", ")})` : get(0)};`;
  if (action === "put") return count ? parts.map((part, k) => put(k, `v.${part}`)).join(" ") : put(0, "v");
  return undefined;
}

/**
 * The text of a shader where array i is in the binding of array `shares[i]`, the first of those that share it. `names` are the arrays' in the shader,
 * `kernel` and `file` are for errors.
 */
export function shareBindings(text: string, names: readonly string[], shares: readonly number[], kernel: string, file: string): string {
  if (shares.every((first, i) => first === i)) return text;
  const bad = (what: string) => new NereidError("bad-manifest", `${file}: ${what}`, { kernel });
  const lines = text.split("\n");
  const kinds = new Map<string, { kind: Kind; line: number }>();
  for (const [line, content] of lines.entries()) {
    const found = content.match(kDeclaration);
    if (found) kinds.set(found[1]!, { kind: found[2] as Kind, line });
  }
  const declared = (i: number) => {
    const found = kinds.get(names[i]!);
    if (!found) throw bad(`array \`${names[i]}\` is not declared in the form that can share a binding`);
    return found;
  };
  const groups = new Map<number, number[]>();
  for (const [i, first] of shares.entries()) groups.set(first, [...(groups.get(first) ?? []), i]);
  for (const [first, members] of groups) {
    if (members.length < 2) continue;
    const own = members.map((i) => declared(i).kind);
    const kind: Kind = own.includes("atomic<u32>") ? "atomic<u32>" : own.every((k) => k === own[0]) ? own[0]! : "u32";
    const variable = names[first]!;
    for (const i of members) {
      const name = names[i]!;
      const { kind: before, line } = declared(i);
      lines[line] = i === first ? lines[line]!.replace(/array<.*>;$/, `array<${kind}>;`) : "";
      const accessor = new RegExp(`^(fn ${name}_(\\w+)\\(.*?\\{ )(.*)( \\})$`);
      const uses = new RegExp(`\\b${name}\\b`, "g");
      // Names of other arrays may start with this one's name.
      const others = names.filter((other) => other !== name && other.startsWith(`${name}_`));
      for (const [at, content] of lines.entries()) {
        if (at === line) continue;
        const found = content.match(accessor);
        if (!found || others.some((other) => `${name}_${found[2]}`.startsWith(`${other}_`))) continue;
        const [, head, what, body, tail] = found as unknown as [string, string, string, string, string];
        const made = before === kind ? body.replace(uses, variable) : bodyOf(what, variable, kind === "atomic<u32>");
        if (made === undefined) throw bad(`\`${name}_${what}\` is not supported on array<${kind}>`);
        lines[at] = head + made + tail;
      }
    }
  }
  return lines.join("\n");
}
