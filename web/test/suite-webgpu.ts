// SPDX-License-Identifier: MIT
// The tests of WebGPU devices, for Node, pages and workers.
import "./webgpu/arguments.ts";
import "./webgpu/bindings.ts";
import "./webgpu/compile.ts";
import "./webgpu/launches.ts";
import "./webgpu/lifetime.ts";
import "./webgpu/reports.ts";
import "./webgpu/variants.ts";

export { adapter } from "./webgpu/device.ts";
