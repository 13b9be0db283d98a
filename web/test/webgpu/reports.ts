// SPDX-License-Identifier: MIT
// Prints and assertions.
import { kBlank, readReport } from "../../src/webgpu-report.ts";
import { equal, fails, ok, test } from "../harness.ts";
import { onGpu, range } from "./device.ts";

const lines: string[] = [];
onGpu(
  "prints come in order, as C prints them",
  ["prints", "count"],
  async (device, { prints, count }) => {
    lines.length = 0;
    const bits = new BigInt64Array(5).fill(-1n);
    new Float64Array(bits.buffer)[3] = 0.1;
    const values = device.buffer("i64", bits);
    await prints!.launch(2, { values, each: 0 });
    const texts = ["(1, 15) i: -1", "() u: 18446744073709551615", "() h: 0xffffffffffffffff", "() f: 0.100000", "() p: 0xffffffffffffffff"];
    const first = (p: string) => [...texts.map((text) => `pid (${p}) idx ${text}`), `pid (${p}) done`];
    equal(lines, [...first("0, 0, 0"), ...first("1, 0, 0")]);
    lines.length = 0;
    // Several launches at once; the lines of a program are in the order of its statements and of elements.
    void prints!.launch([1, 2], { values, each: 2 });
    void prints!.launch(1, { values, each: 1 });
    const out = device.buffer("i32", 2);
    void count!.launch(1, { out, rounds: 0 });
    await out.read();
    const then = (p: string, each: number) =>
      range(each)
        .flatMap((k) => range(4, (t) => 10 * k + t))
        .map((v) => `pid (${p}) idx (${v % 10}) then: ${v}`);
    equal(lines, ["0, 0, 0", "0, 1, 0"].flatMap((p) => [...first(p), ...then(p, 2)]).concat(first("0, 0, 0"), then("0, 0, 0", 1)));
    // A report that does not fit is mentioned, and the next launch has room for it.
    const { warn } = console;
    const said: string[] = [];
    console.warn = (text: string) => said.push(text);
    try {
      lines.length = 0;
      await prints!.launch(1, { values, each: 5000 });
      ok(said.length === 1 && said[0]!.includes("`prints` reported 140035 words"), said.join());
      ok(lines.length > 9000 && lines.length < 10000, `${lines.length} lines`);
      lines.length = 0;
      await prints!.launch(1, { values, each: 5000 });
      equal([lines.length, said.length], [20006, 1]);
    } finally {
      console.warn = warn;
    }
  },
  { print: (line) => lines.push(line) },
);

onGpu("assertions say text, line and program", ["asserts", "count"], async (device, { asserts, count }) => {
  for (const which of [70, 5]) {
    const program = which === 70 ? "70, 0, 0" : "5, 0, 0";
    await fails(() => asserts!.launch(100, { which }), "assertion", {
      kernel: "asserts",
      message: `kernel \`asserts\`: k.py:12: assertion failed in program (${program}): x must be positive`,
    });
    await asserts!.launch(100, { which: 100 });
  }
  await fails(() => asserts!.launch([10, 5, 2], { which: 67 }), "assertion", { message: "program (7, 1, 1)" });
  const results = await Promise.allSettled([100, 3, 100, 4, 100].map((which) => asserts!.launch(100, { which })));
  equal(
    results.map((r) => r.status),
    ["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"],
  );
  const out = device.buffer("i32", 2);
  await count!.launch(1, { out, rounds: 0 });
  await device.idle();
});

test("WebGPU: reports as they come", () => {
  const sites = [
    { kind: "print", text: " a: ", value: "u64", shape: [] },
    { kind: "assert", text: "b", line: 3 },
  ] as const;
  const read = (words: number[], room = words.length + 1, count = words.length) =>
    readReport(Uint32Array.from([count, ...words, ...Array(Math.max(0, room - words.length - 1)).fill(kBlank)]), sites as never, [2, 2, 1]);
  const a = (p: number, epoch: number, element: number, v: number) => [0, p, epoch, element, v, 0];
  equal(read([...a(3, 0, 1, 8), ...a(3, 0, 0, 7), ...a(1, 1, 0, 6), ...a(1, 0, 9, 5)]).lines, [
    "pid (1, 0, 0) idx () a: 5",
    "pid (1, 0, 0) idx () a: 6",
    "pid (1, 1, 0) idx () a: 7",
    "pid (1, 1, 0) idx () a: 8",
  ]);
  const failed = read([...a(2, 0, 0, 1), 1, 1, 5, 5, ...a(1, 0, 0, 2), 1, 1, 5, 4]);
  equal([failed.lines, failed.failed], [["pid (1, 0, 0) idx () a: 2"], "assertion failed in program (1, 0, 0): b"]);
  equal([read([]).wanted, read(a(0, 0, 0, 1)).wanted, read(a(0, 0, 0, 1), 10, 12).wanted], [0, 0, 12]);
  equal(read(a(0, 0, 0, 1), 10, 12).lines, ["pid (0, 0, 0) idx () a: 1"]);
});
