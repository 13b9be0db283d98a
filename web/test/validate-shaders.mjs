// SPDX-License-Identifier: MIT
// Has Dawn (npm `webgpu`) validate shaders for a device that has every optional feature and does nothing: its null back-end. Prints what is wrong with each.
//   node validate-shaders.mjs FILE.wgsl ...
import { readFileSync } from "node:fs";
import { create, globals } from "webgpu";

Object.assign(globalThis, globals);
// Held here, or they are collected.
globalThis.held = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
const adapter = (globalThis.heldAdapter = await globalThis.held.requestAdapter());
const device = (globalThis.heldDevice = await adapter.requestDevice({ requiredFeatures: [...adapter.features] }));
let failed = 0;
for (const file of process.argv.slice(2)) {
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code: readFileSync(file, "utf8") });
  const { messages } = await module.getCompilationInfo();
  await device.popErrorScope();
  const said = messages.map((m) => `${m.type} at line ${m.lineNum}: ${m.message}`);
  if (said.length === 0) continue;
  failed = 1;
  console.log(`${file}: ${said.slice(0, 3).join("; ")}`);
}
process.exit(failed);
