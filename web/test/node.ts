// SPDX-License-Identifier: MIT
import { test } from "node:test";
import { nodeGpu } from "../src/node-gpu.ts";
import { tests } from "./harness.ts";
import "./node-run.ts";
import "./suite.ts";
import "./suite-compile.ts";

Object.assign(globalThis, { nereidGpu: nodeGpu });
const { adapter } = await import("./suite-webgpu.ts");
await import("./suite-kernels.ts");
if (!adapter) console.log("skipped: WebGPU has no adapter in this Node");

for (const { name, run } of tests) if (name.includes(process.argv[2] ?? "")) test(name, { timeout: 60000 }, () => run() as Promise<void>);
