// SPDX-License-Identifier: MIT
// Assembles test/modules/*.wat and writes their manifest. The first lines of a module describe it:
//   ;; name(x: *fp32, n: i32) scratch=64
//   ;; sites: [...]
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

// The offset of the flag of the imported memory: after "nereid" "memory" and the byte that stands for a memory.
function memoryFlag(bytes) {
  const at = bytes.indexOf("\x06nereid\x06memory\x02", 0, "latin1");
  if (at < 0) throw new Error("there is no memory");
  return at + 15;
}

export function buildModules(from, to) {
  mkdirSync(to, { recursive: true });
  const artefacts = [];
  const assemble = (name) => {
    execFileSync("wat2wasm", ["--enable-threads", "--enable-relaxed-simd", `${from}/${name}.wat`, "-o", `${to}/${name}.wasm`]);
    return memoryFlag(readFileSync(`${to}/${name}.wasm`));
  };
  for (const file of readdirSync(from).sort()) {
    if (!/^\w+\.wat$/.test(file)) continue;
    const text = readFileSync(`${from}/${file}`, "utf8");
    const [, name, list, scratch] = text.match(/^;; (\w+)\((.*)\)(?: scratch=(\d+))?$/m);
    const sites = JSON.parse(text.match(/^;; sites: (.*)$/m)?.[1] ?? "[]");
    const parameters = list ? list.split(", ").map((p) => ({ name: p.split(": ")[0], type: p.split(": ")[1] })) : [];
    const memoryFlagAt = assemble(name);
    const relaxed = existsSync(`${from}/${name}.relaxed.wat`);
    if (relaxed && assemble(`${name}.relaxed`) !== memoryFlagAt) throw new Error(`${name}: variants differ`);
    const files = [`${name}.wasm`, ...(relaxed ? [`${name}.relaxed.wasm`] : [])];
    artefacts.push({
      target: "wasm",
      kernel: { name, parameters },
      files,
      wasm: { strict: files[0], ...(relaxed && { relaxed: files[1] }), memoryFlagAt, scratch: Number(scratch ?? 0), sites },
    });
  }
  writeFileSync(`${to}/manifest.json`, JSON.stringify({ nereid: "0.1.0", artefacts }, null, 2));
}
