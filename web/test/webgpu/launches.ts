// SPDX-License-Identifier: MIT
// Launches: results, order, counts, times.
import { equal, ok } from "../harness.ts";
import { isNode, onGpu, range } from "./device.ts";

onGpu("axpy, results and later launches", ["axpy"], async (device, { axpy }) => {
  equal(device.kind, "webgpu");
  const n = 1000;
  const x = device.buffer("f32", Float32Array.from(range(n)));
  const y = device.buffer("f32", n);
  await axpy!.launch(4, { x, y, n, a: 2 });
  equal((await y.read())[999], 1998);
  await y.write(new Float32Array(n).fill(1));
  void axpy!.launch([4], { x, y, n, a: 1 });
  void axpy!.launch([4, 1], { x, y, n, a: 1 });
  void axpy!.launch([4, 1, 1], { x, y, n: 999, a: 1 });
  const got = await y.read();
  equal([got.length, got[0], got[1], got[998], got[999]], [1000, 1, 4, 2995, 1999]);
});

onGpu("launches keep their order, writes and reads among them", ["axpy", "count"], async (device, { axpy, count }) => {
  const n = 256;
  const [x, y] = [device.buffer("f32", n), device.buffer("f32", n)];
  const busy = device.buffer("i32", 65);
  const all: Promise<unknown>[] = [];
  for (let i = 0; i < 50; ++i) {
    all.push(x.write(new Float32Array(n).fill(i)));
    all.push(count!.launch(64, { out: busy, rounds: 100 }));
    all.push(axpy!.launch(1, { x, y, n, a: 1 }));
  }
  const reads = [y.read(), busy.read()] as const;
  all.push(axpy!.launch(1, { x, y, n, a: 1 }));
  equal((await reads[0])[255], 49 * 25);
  equal((await reads[1])[64], 50 * 64);
  await Promise.all(all);
  await device.idle();
});

onGpu("every program runs once, also more than 65535 and thousands of launches", ["count"], async (device, { count }) => {
  for (const grid of [[1], [7], [3, 5], [2, 3, 7], [1, 1, 100], [300, 300]] as const) {
    const programs = grid.reduce((a: number, b: number) => a * b, 1);
    const out = device.buffer("i32", programs + 1);
    for (const rounds of [0, 30]) await count!.launch(grid, { out, rounds });
    equal(await out.read(), new Int32Array(programs + 1).fill(2, 0, programs).fill(2 * programs, programs), String(grid));
    out.dispose();
  }
  const out = device.buffer("i32", 2);
  for (let i = 0; i < 3000; ++i) void count!.launch(1, { out, rounds: 0 });
  equal(await out.read(), Int32Array.of(3000, 3000));
});

onGpu("a launch that waits for its pipeline keeps its arguments", ["axpy"], async (device, { axpy }) => {
  const inTurn = axpy as unknown as { launchInTurn(grid: number, args: object): Promise<{ done: Promise<void> }> };
  const [x, y] = [device.buffer("f32", 4, [1, 2, 3, 4]), device.buffer("f32", 4)];
  let later: Promise<void> | undefined;
  await device.queue.add(async () => {
    const started = inTurn.launchInTurn(1, { x, y: x, n: 4, a: 1 }); // x + x, which needs another pipeline
    later = axpy!.launch(1, { x, y, n: 3, a: 100 });
    await (
      await started
    ).done;
  });
  await later;
  equal([...(await x.read()), ...(await y.read())], [2, 4, 6, 8, 200, 400, 600, 0]);
});

onGpu("scratch memory is each workgroup's own", ["scratch"], async (device, { scratch }) => {
  const programs = 20000; // more than fit into memory at once
  const out = device.buffer("i32", programs);
  await scratch!.launch(3, { out });
  for (let i = 0; i < 2; ++i) void scratch!.launch(programs, { out });
  const got = await out.read();
  equal([got[0], got[2], got[3]], [3, 3, 2]);
  ok(
    got.subarray(3).every((v) => v === 2),
    "all programs",
  );
});

onGpu("the same launch again, and others between", ["axpy", "count"], async (device, { axpy, count }) => {
  const [x, y, z] = [1, 0, 0].map((value) => device.buffer("f32", new Float32Array(64).fill(value)));
  const out = device.buffer("i32", 65);
  const all: Promise<unknown>[] = [];
  const add = (times: number, a: number, to = y!) => {
    for (let k = 0; k < times; ++k) all.push(axpy!.launch(1, { x: x!, y: to, n: 64, a }));
  };
  add(3, 1);
  add(2, 16);
  add(1, 1);
  add(2, 1, z!);
  add(1, 1);
  all.push(count!.launch(64, { out, rounds: 1 }));
  add(2, 1);
  const middle = y!.read();
  add(300, 256);
  add(1, 256, z!);
  equal([(await middle)[0], (await y!.read())[0], (await z!.read())[63]], [39, 39 + 300 * 256, 258]);
  await Promise.all(all);
});

onGpu("a thousand launches cost microseconds each", ["axpy"], async (device, { axpy }) => {
  const args = { x: device.buffer("f32", 256), y: device.buffer("f32", 256), n: 256, a: 1 };
  await axpy!.launch(1, args);
  let best = Infinity;
  for (let i = 0; i < 15; ++i) {
    const start = performance.now();
    for (let k = 0; k < 1000; ++k) void axpy!.launch(1, args);
    best = Math.min(best, performance.now() - start);
    await device.idle();
  }
  if (!isNode || process.env.VERBOSE) console.log(`a launch takes ${best.toFixed(2)} µs`);
  ok(best < 20, `${best} µs each`);
});

onGpu("long launches are sent a few at a time", ["count"], async (device, { count }) => {
  const out = device.buffer("i32", 65);
  const { queue } = device.gpu;
  let sent = 0;
  const submit = queue.submit.bind(queue);
  queue.submit = (list) => (++sent, submit(list));
  let rounds = 1000;
  for (let time = 0; time < 120; rounds *= 4) {
    const start = performance.now();
    await count!.launch(64, { out, rounds });
    time = performance.now() - start;
  }
  await out.write(new Int32Array(65));
  await count!.launch(64, { out, rounds });
  sent = 0;
  for (let i = 0; i < 4; ++i) void count!.launch(64, { out, rounds });
  await device.idle();
  ok(sent >= 2, `${sent} batches of long launches`);
  for (let i = 0; i < 10; ++i) await count!.launch(1, { out, rounds: 0 });
  sent = 0;
  for (let i = 0; i < 300; ++i) void count!.launch(1, { out, rounds: 0 });
  await device.idle();
  ok(sent <= 5, `${sent} batches of short ones`);
  const got = await out.read();
  equal([got[64], got[1]], [5 * 64, 5 + 310]);
});

onGpu("promises are kept as well where the engine must be nudged, as Firefox", ["count"], async (device, { count }) => {
  device.nudges = true;
  const { queue } = device.gpu;
  let empty = 0;
  const submit = queue.submit.bind(queue);
  queue.submit = (list) => ((empty += [...list].length === 0 ? 1 : 0), submit(list));
  const out = device.buffer("i32", 65);
  for (let rounds = 1000; empty < 3 && rounds < 1e9; rounds *= 4) await count!.launch(64, { out, rounds });
  ok(empty >= 3, `${empty} nudges`);
  await out.read();
  await device.idle();
  const before = empty;
  await new Promise((resolve) => setTimeout(resolve, 20));
  equal(empty, before, "none when nobody waits");
});

onGpu("the GPU's clock", ["count"], async (device, { count }) => {
  if (!device.hasClock) return;
  const out = device.buffer("i32", 65);
  const timed = count as unknown as { time(grid: number, args: object, runs: number): Promise<number[]> };
  const times = await timed.time(64, { out, rounds: 100 }, 5);
  equal(times.length, 5);
  ok(
    times.every((t) => t >= 0 && t < 1e6),
    times.join(),
  );
  equal((await out.read())[64], 5 * 64);
});
