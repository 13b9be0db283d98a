// SPDX-License-Identifier: MIT
// Has Dawn (npm `webgpu`) validate shaders for a device that has every optional feature and does nothing: its null back-end; as they are, and as they are
// rewritten where all arrays of a launch are in one buffer. Prints what is wrong with each.
//   node validate-shaders.mjs FILE.wgsl ...
import { readFileSync } from "node:fs";
import { create, globals } from "webgpu";
import { shareBindings } from "../dist/webgpu-bindings.js";

Object.assign(globalThis, globals);
// Held here, or they are collected.
globalThis.held = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
const adapter = (globalThis.heldAdapter = await globalThis.held.requestAdapter());
const device = (globalThis.heldDevice = await adapter.requestDevice({ requiredFeatures: [...adapter.features] }));
let failed = 0;
async function validate(file, code) {
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  await device.popErrorScope();
  const said = messages.map((m) => `${m.type} at line ${m.lineNum}: ${m.message}`);
  if (said.length === 0) return;
  failed = 1;
  console.log(`${file}: ${said.slice(0, 3).join("; ")}`);
}
for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, "utf8");
  await validate(file, text);
  const arrays = [...text.matchAll(/^@group\(0\) @binding\(\d+\) var<storage, read_write> (arg_\w+)/gm)].map(([, name]) => name);
  if (arrays.length > 1)
    await validate(
      `${file}, with all arrays in one`,
      shareBindings(
        text,
        arrays,
        arrays.map(() => 0),
        "",
        file,
      ),
    );
}
process.exit(failed);
