// SPDX-License-Identifier: MIT
// Tests for a page whose policy is `worker-src 'self'`.
import { configure, describe } from "../src/compile/index.ts";
import { open } from "../src/index.ts";
import { equal, fails, ok, test, within } from "./harness.ts";
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
  test("the compiler in a worker from the package's address, and refused from elsewhere", async () => {
    const ask = () => within(10, describe("import triton\n\n\n@triton.jit\ndef k(x):\n    pass\n", { worker: true, cache: false }));
    await fails(ask, "lost-worker", { message: "workerUrl" });
    configure({ workerUrl: "compile-worker.js" });
    equal(
      (await ask()).parameters.map((p) => p.name),
      ["x"],
    );
  });
  test("one thread where no worker can be started, said once", async () => {
    const said = await within(10, run(undefined, 1));
    ok(said.length === 1 && said[0]!.includes("workerUrl"), said.join());
  });
}
