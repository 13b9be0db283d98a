// SPDX-License-Identifier: MIT
// Workers have no import maps, so import by address. With a bundler, import "nereid-lang" and "nereid-lang/compile".
import { jit } from "./node_modules/nereid-lang/dist/compile/index.js";
import { open } from "./node_modules/nereid-lang/dist/index.js";

const source = `
import triton
import triton.language as tl


@triton.jit
def softmax(x, out, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    inside = i < columns
    v = tl.load(x + row * columns + i, mask=inside, other=-float("inf"))
    e = tl.exp(v - tl.max(v, axis=0))
    tl.store(out + row * columns + i, e / tl.sum(e, axis=0), mask=inside)
`;

onmessage = async ({ data: { rows, columns } }) => {
  const device = await open({ device: "wasm" });
  const softmax = jit(source, { device });
  const x = device.buffer("f32", Float32Array.from({ length: rows * columns }, (_, i) => i % 7));
  const out = device.buffer("f32", [rows, columns]);
  const block = 2 ** Math.ceil(Math.log2(columns));
  for (const which of ["first", "second"]) {
    const start = performance.now();
    await softmax.launch(rows, { x, out, columns, BLOCK: block });
    postMessage(`${which} launch: ${(performance.now() - start).toFixed(1)} ms`);
  }
  const sum = (await out.read()).subarray(0, columns).reduce((a, b) => a + b);
  postMessage(`a row sums to ${sum.toFixed(4)}`);
};
