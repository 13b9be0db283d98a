// SPDX-License-Identifier: MIT
// Tests for a page whose policy is `worker-src 'self'`.
import { open } from "../src/index.ts";
import { equal, ok, test, within } from "./harness.ts";
import type { Kernels } from "./kernels.js";

export function policyTests(): void {
  const run = async (workerUrl: string | undefined, threads: number) => {
    const said: string[] = [];
    const { warn } = console;
    console.warn = (text: string) => said.push(text);
    try {
      const device = await open({ device: "wasm", threads: 2, ...(workerUrl && { workerUrl }) });
      equal(device.threads, threads);
      const { count } = await device.load<Kernels>("modules/manifest.json");
      const out = device.buffer("i32", 65);
      await count.launch(64, { out, rounds: 1 });
      equal(out.view[64], 64);
      device.dispose();
    } finally {
      console.warn = warn;
    }
    return said;
  };
  test("workers from the package's address", async () => equal(await within(10, run("worker.js", 2)), []));
  test("one thread where no worker can be started, said once", async () => {
    const said = await within(10, run(undefined, 1));
    ok(said.length === 1 && said[0]!.includes("workerUrl"), said.join());
  });
}
