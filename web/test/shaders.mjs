// SPDX-License-Identifier: MIT
// Copies test/shaders/*.wgsl and writes their manifest. The first lines of a shader describe it:
//   // name(x: *fp32, n: i32)
//   // scratch=64
//   // report
//   // sites: [...]
// NAME.SUFFIX.wgsl is a variant of NAME.wgsl that requires `// features=...` or `// limits={...}`, or has `// aliases=false`. An array is
// named like its parameter, possibly with the suffix `_ptr`.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

export function buildShaders(from, to) {
  mkdirSync(to, { recursive: true });
  const files = readdirSync(from)
    .filter((file) => file.endsWith(".wgsl"))
    .sort();
  const artefacts = [];
  for (const file of files) {
    copyFileSync(`${from}/${file}`, `${to}/${file}`);
    const text = readFileSync(`${from}/${file}`, "utf8");
    if (file.split(".").length > 2) continue;
    const [, name, list] = text.match(/^\/\/ (\w+)\((.*)\)$/m);
    const parameters = list ? list.split(", ").map((p) => ({ name: p.split(": ")[0], type: p.split(": ")[1] })) : [];
    const arraysOf = (shader) =>
      [...shader.matchAll(/^@group\(0\) @binding\(\d+\) var<storage, read_write> (\w+): /gm)]
        .map(([, array]) => ({
          parameter: parameters.findIndex((p) => array === p.name || array === `${p.name}_ptr` || array.endsWith(`_${p.name}`)),
          name: array,
          writes: new RegExp(`^fn ${array}_(?!get)`, "m").test(shader),
        }))
        .filter((array) => array.parameter >= 0);
    const variants = files
      .filter((other) => other.startsWith(`${name}.`))
      .sort((a, b) => b.length - a.length)
      .map((other) => {
        const shader = readFileSync(`${from}/${other}`, "utf8");
        return {
          file: other,
          features: shader.match(/^\/\/ features=(.*)$/m)?.[1].split(",") ?? [],
          limits: JSON.parse(shader.match(/^\/\/ limits=(.*)$/m)?.[1] ?? "{}"),
          threads: Number(shader.match(/@workgroup_size\((\d+)\)/)[1]),
          scratch: Number(shader.match(/^\/\/ scratch=(\d+)$/m)?.[1] ?? 0),
          aliases: !/^\/\/ aliases=false$/m.test(shader),
          report: /^\/\/ report$/m.test(shader),
          arrays: arraysOf(shader),
        };
      });
    const sites = JSON.parse(text.match(/^\/\/ sites: (.*)$/m)?.[1] ?? "[]");
    artefacts.push({ target: "webgpu", kernel: { name, parameters }, files: variants.map((v) => v.file), webgpu: { variants, sites } });
  }
  writeFileSync(`${to}/manifest.json`, JSON.stringify({ nereid: "0.1.0", artefacts }, null, 2));
}
