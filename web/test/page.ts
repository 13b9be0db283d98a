// SPDX-License-Identifier: MIT
// Runs the tests here, or in a worker with ?worker.
import { type Result, runAll } from "./all.ts";
import { tests } from "./harness.ts";
import { policyTests } from "./policy.ts";

const query = new URL(location.href).searchParams;
const only = query.get("only") ?? "";
const webgpu = query.has("webgpu");
if (query.has("policy")) {
  tests.length = 0;
  policyTests();
}
const results = query.has("worker")
  ? await new Promise<Result[]>((resolve) => {
      const worker = new Worker(`page-worker.mjs${location.search}`, { type: "module" });
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => resolve([{ name: "worker", error: event.message }]);
    })
  : await runAll(only, webgpu);
(globalThis as { results?: Result[] }).results = results;
