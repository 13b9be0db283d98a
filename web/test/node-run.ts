// SPDX-License-Identifier: MIT
// Tests src/node-run.ts in the way the compiler uses it.
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { equal, ok } from "./harness.ts";

const script = fileURLToPath(new URL("node-run.mjs", import.meta.url));
const modules = fileURLToPath(new URL("modules", import.meta.url));

type Ask = (job: object) => Promise<string[]>;
async function talk(
  body: (ask: Ask, put: (name: string, data: ArrayBufferView) => void, get: (name: string) => Buffer) => Promise<void>,
  from = modules,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "nereid-"));
  for (const file of readdirSync(from)) copyFileSync(join(from, file), join(folder, file));
  const child = spawn(process.execPath, ["--no-warnings", script, "--serve"], { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const job = join(folder, "job.json");
  const ask: Ask = async (about) => {
    writeFileSync(job, JSON.stringify({ grid: [1, 1, 1], threads: 1, runs: 0, ...about }));
    child.stdin.write(`${job}\n`);
    const lines: string[] = [];
    for (;;) {
      const { value } = await answers.next();
      if (value === undefined) throw new Error("it ended");
      lines.push(value);
      if (!value.startsWith("print ")) return lines;
    }
  };
  try {
    await body(
      ask,
      (name, data) => writeFileSync(join(folder, name), new Uint8Array(data.buffer)),
      (name) => readFileSync(join(folder, name)),
    );
    child.stdin.end();
    equal(await new Promise((resolve) => child.on("exit", resolve)), 0, "exit status");
  } finally {
    child.kill();
    rmSync(folder, { recursive: true });
  }
}
const floats = (bytes: Buffer) => new Float32Array(new Uint8Array(bytes).buffer);
const bitsOf = (x: number) => String(new Uint32Array(Float32Array.of(x).buffer)[0]);

test("the runner: arrays and times", () =>
  talk(async (ask, put, get) => {
    for (const threads of [1, 2, 0]) {
      put("0.bin", Float32Array.of(1, 2, 3));
      put("1.bin", Float32Array.of(10, 20, 30));
      const args = [
        { type: "*fp32", file: "0.bin", offset: 0 },
        { type: "*fp32", file: "1.bin", offset: 0 },
        { type: "i32", bits: "3" },
        { type: "fp32", bits: bitsOf(-2) },
      ];
      equal(await ask({ kernel: "axpy", threads, args }), ["ok"]);
      equal(floats(get("1.bin")), Float32Array.of(8, 16, 24));
      const [timed] = await ask({ kernel: "axpy", threads, args, runs: 5 });
      ok(/^ok( \d+\.\d{3}){5}$/.test(timed!), timed!);
    }
    // Two arguments in one memory.
    put("0.bin", Float32Array.of(1, 2, 3, 4));
    const part = (offset: number) => ({ type: "*fp32", file: "0.bin", offset });
    equal(await ask({ kernel: "axpy", args: [part(0), part(4), { type: "i32", bits: "3" }, { type: "fp32", bits: bitsOf(1) }] }), ["ok"]);
    equal(floats(get("0.bin")), Float32Array.of(1, 3, 6, 10));
  }));

test("the runner: numbers by their bits, prints, errors", () =>
  talk(async (ask, put, get) => {
    put("0.bin", new BigUint64Array(13));
    const types = ["i1", "i8", "i16", "i32", "i64", "u32", "fp16", "bf16", "fp8e4nv", "fp32", "fp64"];
    const bits = [
      "1",
      "255",
      "65534",
      "4294967295",
      "18446744073709551615",
      "4294967295",
      "15872",
      "49152",
      "126",
      "1065353216",
      "4607182418800017408",
    ];
    const out = { type: "*i64", file: "0.bin", offset: 0 };
    equal(await ask({ kernel: "slots", grid: [1, 2, 3], args: [out, ...bits.map((b, i) => ({ type: types[i], bits: b }))] }), ["ok"]);
    const got = new BigUint64Array(new Uint8Array(get("0.bin")).buffer);
    const widths = [8, 8, 16, 32, 64, 32, 16, 16, 8, 32, 64];
    equal(
      widths.map((width, i) => String(BigInt.asUintN(width, got[i]!))),
      bits,
    );

    put("0.bin", new BigUint64Array(5));
    const lines = (p: number) => [
      ...["(0,  0) i: 0", "() u: 0", "() h: 0x0000000000000000", "() f: 0.000000", "() p: (nil)"].map(
        (text) => `print pid (${p}, 0, 0) idx ${text}`,
      ),
      `print pid (${p}, 0, 0) done`,
    ];
    equal(await ask({ kernel: "prints", grid: [2, 1, 1], args: [out] }), [...lines(0), ...lines(1), "ok"]);

    const which = (n: number) => [{ type: "i32", bits: String(n) }];
    equal(await ask({ kernel: "asserts", threads: 2, grid: [64, 1, 1], args: which(5) }), [
      "error k.py:12: assertion failed in program (5, 0, 7): x must be positive",
    ]);
    equal(await ask({ kernel: "asserts", threads: 2, grid: [64, 1, 1], args: which(64) }), ["ok"]);
    ok((await ask({ kernel: "none", args: [] }))[0]!.startsWith("error the manifest has no kernel"), "an unknown kernel");
    ok((await ask({ kernel: "prints", args: [{ ...out, file: "none.bin" }] }))[0]!.startsWith("error "), "a file that is not there");
    equal(await ask({ kernel: "empty", args: [] }), ["ok"]);
  }));

test("the runner on a GPU", async (t) => {
  const { stdout } = spawnSync(process.execPath, ["--no-warnings", script, "--gpu"], { encoding: "utf8" });
  if (stdout.startsWith("error ")) return t.skip(stdout);
  ok(/^[^,]+, .*KiB of workgroup memory\n$/.test(stdout), stdout);
  const target = "webgpu";
  await talk(
    async (ask, put, get) => {
      put("0.bin", Float32Array.of(1, 2, 3, 4, 5));
      put("1.bin", Float32Array.of(10, 20, 30));
      const part = (file: string, offset: number) => ({ type: "*fp32", file, offset });
      const numbers = (n: number, a: number) => [
        { type: "i32", bits: String(n) },
        { type: "fp32", bits: bitsOf(a) },
      ];
      equal(await ask({ target, kernel: "axpy", args: [part("0.bin", 0), part("1.bin", 0), ...numbers(3, -2)] }), ["ok"]);
      equal(floats(get("1.bin")), Float32Array.of(8, 16, 24));
      equal(await ask({ target, kernel: "axpy", args: [part("1.bin", 0), part("0.bin", 8), ...numbers(3, 1)] }), ["ok"]);
      equal(floats(get("0.bin")), Float32Array.of(1, 2, 11, 20, 29));
      const [timed] = await ask({ target, kernel: "axpy", args: [part("1.bin", 0), part("0.bin", 8), ...numbers(3, 1)], runs: 1001 });
      ok(/^ok( \d+\.\d{3}){1001}$/.test(timed!), timed!.slice(0, 100));
      const which = (n: number) => [{ type: "i32", bits: String(n) }];
      equal(await ask({ target, kernel: "asserts", grid: [64, 1, 1], args: which(5) }), [
        "error k.py:12: assertion failed in program (5, 0, 0): x must be positive",
      ]);
      put("0.bin", new BigUint64Array(5));
      const lines = (p: number) => [
        ...["(0,  0) i: 0", "() u: 0", "() h: 0x0000000000000000", "() f: 0.000000", "() p: (nil)"].map(
          (text) => `print pid (${p}, 0, 0) idx ${text}`,
        ),
        `print pid (${p}, 0, 0) done`,
      ];
      equal(
        await ask({
          target,
          kernel: "prints",
          grid: [2, 1, 1],
          args: [
            { type: "*i64", file: "0.bin", offset: 0 },
            { type: "i32", bits: "0" },
          ],
        }),
        [...lines(0), ...lines(1), "ok"],
      );
      ok((await ask({ target, kernel: "none", args: [] }))[0]!.startsWith("error the manifest has no kernel"), "an unknown kernel");
    },
    join(modules, "../shaders"),
  );
});

test("the runner says what Node has", () => {
  const { stdout } = spawnSync(process.execPath, [script, "--features"], { encoding: "utf8" });
  ok(stdout.startsWith(`Node ${process.version}, `) && stdout.includes("threads"), stdout);
});
