// SPDX-License-Identifier: MIT
// Started by `nereid run --target wasm` or `webgpu` and by tests. It reads paths of jobs, one per line, and writes these lines for each:
//
//   print TEXT       a line of tl.device_print
//   ok T1 T2 ...     done; the arrays are in their files again. The microseconds of each timed run, after warm-up
//   error TEXT       the kernel failed
//
// With --features it prints the features of this Node, with --gpu the GPU and its features or `error WHY`, and exits.
// NEREID_WASM_VARIANT=strict disables optional features.
import { open, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { features } from "./index.ts";
import { Jobs } from "./jobs.ts";
import { describeGpu, nodeGpu } from "./node-gpu.ts";

const say = (text: string) => process.stdout.write(`${text}\n`);

// In parts: Node reads at most 2 GiB at once.
async function read(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array((await stat(path)).size);
  const file = await open(path);
  for (let at = 0; at < bytes.length;) at += (await file.read(bytes, at, Math.min(bytes.length - at, 2 ** 30), at)).bytesRead;
  await file.close();
  return bytes;
}

if (process.argv.includes("--features")) {
  const has = features();
  const names = { relaxed: "relaxed SIMD", threads: "threads", float16: "Float16Array" } as const;
  say(
    [
      `Node ${process.version}`,
      ...Object.entries(names).map(([name, text]) => (has[name as keyof typeof names] ? text : `no ${text}`)),
    ].join(", "),
  );
} else if (process.argv.includes("--gpu")) {
  say(await describeGpu());
} else {
  const variant = process.env.NEREID_WASM_VARIANT as "strict" | "relaxed" | undefined;
  const jobs = new Jobs(say, { threads: Number(process.env.NEREID_NUM_THREADS) || 0, gpu: nodeGpu, ...(variant && { variant }) });
  for await (const line of createInterface({ input: process.stdin })) {
    const name = dirname(line);
    if (line) await jobs.run({ name, read: (file) => read(join(name, file)), write: (file, bytes) => writeFile(join(name, file), bytes) });
  }
}
process.exit(0);
