// SPDX-License-Identifier: MIT
// Validates shaders with Dawn (npm `webgpu`) for a device with every optional feature that executes nothing (the null back-end): unchanged,
// and rewritten for launches whose arrays are all in one buffer. Prints the problems of each.
//   node validate-shaders.mjs FILE.wgsl ...
import { readFileSync } from "node:fs";
import { create, globals } from "webgpu";
import { shareBindings } from "../dist/webgpu-bindings.js";

Object.assign(globalThis, globals);
// Referenced here, or they are garbage-collected.
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
