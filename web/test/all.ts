// SPDX-License-Identifier: MIT
import { tests } from "./harness.ts";
import "./suite.ts";
import "./suite-compile.ts";
import "./suite-gallery.ts";
import "./suite-kernels.ts";
import "./suite-webgpu.ts";

export interface Result {
  name: string;
  error?: string;
}

/** Runs the tests whose names contain `only`, one after the other: those of WebGPU with `webgpu`, else the others. */
export async function runAll(only: string, webgpu: boolean): Promise<Result[]> {
  const results: Result[] = [];
  for (const { name, run } of tests) {
    if (!name.includes(only) || name.startsWith("WebGPU") !== webgpu) continue;
    try {
      await run();
      results.push({ name });
    } catch (error) {
      results.push({ name, error: String((error as Error).stack ?? error) });
    }
    console.log(name);
  }
  return results;
}
