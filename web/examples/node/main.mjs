// SPDX-License-Identifier: MIT
// node main.mjs: compiles softmax.py, tunes the number of rows per program, and compares with plain JavaScript.
import { readFile } from "node:fs/promises";
import { open } from "nereid-lang";
import { autotune, jit } from "nereid-lang/compile";

const [rows, columns] = [1024, 500];
const device = await open({ device: "wasm" });
const source = await readFile(new URL("softmax.py", import.meta.url), "utf8");
const softmax = autotune(jit(source, { device, path: "softmax.py", constants: { BLOCK: 512 } }), {
  configs: [{ ROWS: 1 }, { ROWS: 2 }, { ROWS: 4 }, { ROWS: 8 }],
  key: ["columns"],
});

const values = Float32Array.from({ length: rows * columns }, () => Math.random() * 10);
const x = device.buffer("f32", values);
const out = device.buffer("f32", [rows, columns]);
const args = { x, out, columns };
await softmax.launch(({ ROWS }) => rows / ROWS, args);
for (const { config, time } of softmax.measured(args)) console.log(`${config.ROWS} rows per program: ${time.toFixed(0)} µs`);

const got = await out.read();
let worst = 0;
for (let row = 0; row < rows; ++row) {
  const part = values.subarray(row * columns, (row + 1) * columns);
  const most = part.reduce((a, b) => Math.max(a, b));
  const sum = part.reduce((s, v) => s + Math.exp(v - most), 0);
  part.forEach((v, i) => (worst = Math.max(worst, Math.abs(got[row * columns + i] - Math.exp(v - most) / sum))));
}
console.log(`maximum error against plain JavaScript: ${worst.toExponential(1)}`);
device.dispose();
process.exitCode = worst < 1e-6 ? 0 : 1;
