// SPDX-License-Identifier: MIT
import { tests } from "./harness.ts";
import "./suite.ts";

export interface Result {
  name: string;
  error?: string;
}

/** Runs the tests whose names have `only`, one after the other. */
export async function runAll(only: string): Promise<Result[]> {
  const results: Result[] = [];
  for (const { name, run } of tests) {
    if (!name.includes(only)) continue;
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
