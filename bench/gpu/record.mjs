// SPDX-License-Identifier: MIT
// Records tests for a machine with a GPU that cannot build them. This replaces web/dist/node-run.js, runs each job with it, and stores the
// job with its result in a folder, which replay.mjs runs again elsewhere:
//   NEREID_NODE_RUNNER=bench/gpu/record.mjs RECORD=FOLDER build/bin/nereid_runner tests/ops tests/lang --targets interp,webgpu
import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const folder = process.env.RECORD;
const runner = spawn(process.execPath, [fileURLToPath(new URL("../../web/dist/node-run.js", import.meta.url)), ...process.argv.slice(2)], {
  stdio: ["pipe", "pipe", "inherit"],
});
if (!process.argv.includes("--serve")) {
  runner.stdout.pipe(process.stdout);
  runner.on("exit", (code) => process.exit(code ?? 1));
} else {
  mkdirSync(folder, { recursive: true });
  const answers = createInterface({ input: runner.stdout })[Symbol.asyncIterator]();
  for await (const job of createInterface({ input: process.stdin })) {
    const home = dirname(job),
      files = {};
    const read = (name) => readFileSync(join(home, name)).toString("base64");
    const names = readdirSync(home);
    for (const name of names) files[name] = read(name);
    runner.stdin.write(`${job}\n`);
    for (;;) {
      const { value: line } = await answers.next();
      if (line === undefined) process.exit(1);
      if (line.startsWith("print ")) {
        process.stdout.write(`${line}\n`);
        continue;
      }
      const results = Object.fromEntries(names.filter((n) => n.endsWith(".bin")).map((n) => [n, read(n)]));
      const record = gzipSync(JSON.stringify({ files, answer: line, results }));
      const size = Buffer.alloc(4);
      size.writeUInt32LE(record.length);
      appendFileSync(join(folder, "jobs"), Buffer.concat([size, record]));
      // The folder is removed after the answer.
      process.stdout.write(`${line}\n`);
      break;
    }
  }
  process.exit(0);
}
