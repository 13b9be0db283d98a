// SPDX-License-Identifier: MIT
// The store: exact search with filters, and files that survive crashes.
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { open } from "nereid-lang";
import { crc32, type Item, Log, LogError, MemoryFile, openNodeFile, Store } from "../src/index.ts";

const kWidth = 32;
let state = 1;
const random = () => (state = (state * 48271) % 2147483647) / 2147483647;

// Vectors of length 1, one after the other.
function vectors(count: number, width = kWidth): Float32Array {
  const out = Float32Array.from({ length: count * width }, () => random() + random() + random() - 1.5);
  for (let i = 0; i < count; ++i) {
    const one = out.subarray(i * width, (i + 1) * width);
    const size = Math.hypot(...one);
    one.forEach((x, k) => (one[k] = x / size));
  }
  return out;
}
const items = (count: number): Item[] =>
  Array.from({ length: count }, (_, i) => ({
    text: `text ${i}`,
    person: ["Ada", "Ben", "Cem"][i % 3],
    time: i % 7 ? i * 1000 : undefined,
  }));

function best(all: Float32Array, query: Float32Array, k: number, counts: (id: number) => boolean): number[] {
  const scores = Array.from({ length: all.length / query.length }, (_, i) => ({
    i,
    score: query.reduce((sum, q, d) => sum + q * all[i * query.length + d]!, 0),
  }));
  return scores
    .filter(({ i }) => counts(i))
    .sort((a, b) => b.score - a.score)
    .slice(0, k)
    .map(({ i }) => i);
}

test("a search finds the nearest items, with filters, as items come and go", async () => {
  for (const threads of [1, 2]) {
    const device = await open({ device: "wasm", threads });
    const store = await Store.open(device, { width: kWidth });
    assert.deepEqual(await store.search(vectors(1)), []);
    const all = vectors(3000);
    const known = items(3000);
    // In parts, so that the store grows.
    for (const [begin, end] of [
      [0, 10],
      [10, 1500],
      [1500, 3000],
    ] as const)
      assert.equal(await store.add(known.slice(begin, end), all.slice(begin * kWidth, end * kWidth)), begin);
    const check = async (filter: Parameters<Store["search"]>[2], counts: (id: number) => boolean) => {
      for (let round = 0; round < 5; ++round) {
        const query = vectors(1);
        const hits = await store.search(query, 10, filter);
        assert.deepEqual(
          hits.map((hit) => hit.id),
          best(all, query, 10, counts),
        );
        for (const { id, item, score } of hits) {
          assert.equal(item.text, `text ${id}`);
          assert.ok(Math.abs(score - query.reduce((sum, q, d) => sum + q * all[id * kWidth + d]!, 0)) < 1e-3);
        }
      }
    };
    await check({}, () => true);
    await check({ person: "Ben" }, (i) => i % 3 === 1);
    await check({ person: "Cem", from: 500000, to: 2000000 }, (i) => i % 3 === 2 && i % 7 > 0 && i >= 500 && i <= 2000);
    const gone = known.flatMap((_, i) => (i % 5 === 0 ? [i] : []));
    await store.delete(gone);
    assert.equal(store.size, 2400);
    await check({}, (i) => i % 5 > 0);
    assert.deepEqual(await store.search(vectors(1), 10, { person: "Nobody" }), []);
    await store.clear();
    assert.equal(store.size, 0);
    assert.equal(await store.add(known.slice(0, 1), all.slice(0, kWidth)), 0);
    assert.deepEqual(
      (await store.search(all.slice(0, kWidth), 3)).map((hit) => hit.id),
      [0],
    );
    await store.close();
    device.dispose();
  }
});

test("a closed store is the same when it is opened again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "recall-"));
  const device = await open({ device: "wasm", threads: 1 });
  const path = join(folder, "store");
  const all = vectors(600);
  let store = await Store.open(device, { width: kWidth, file: openNodeFile(path) });
  await store.add(items(400), all.slice(0, 400 * kWidth));
  await store.delete([3, 77]);
  await store.add(items(600).slice(400), all.slice(400 * kWidth));
  const query = vectors(1);
  const before = await store.search(query, 20);
  await store.close();
  store = await Store.open(device, { width: kWidth, file: openNodeFile(path) });
  assert.equal(store.size, 598);
  assert.deepEqual(await store.search(query, 20), before);
  await store.close();
  // For the test of the Python module.
  if (process.env["RECALL_STORE"]) {
    copyFileSync(path, process.env["RECALL_STORE"]);
    writeFileSync(`${process.env["RECALL_STORE"]}.json`, JSON.stringify({ query: [...query], ids: before.map((hit) => hit.id) }));
  }
  await assert.rejects(async () => Store.open(device, { width: 16, file: openNodeFile(path) }), /vectors of 32 numbers, not 16/);
  writeFileSync(path, "something else, which is long enough");
  await assert.rejects(async () => Store.open(device, { width: kWidth, file: openNodeFile(path) }), LogError);
  rmSync(folder, { recursive: true });
  device.dispose();
});

// Writes that stop after so many bytes, as when the power fails.
class Failing extends MemoryFile {
  left: number;
  constructor(left: number) {
    super();
    this.left = left;
  }
  override write(at: number, bytes: Uint8Array<ArrayBuffer>): void {
    const part = bytes.slice(0, Math.max(0, this.left));
    this.left -= bytes.length;
    if (part.length) super.write(at, part);
    if (this.left < 0) throw new Error("crash");
  }
  override truncate(size: number): void {
    if (this.left < 0) throw new Error("crash"); // nothing can be repaired any more
    super.truncate(size);
  }
}

test("after a crash at any byte there are all complete records, and only those", async () => {
  const records = [5, 0, 8, 33, 1].map((length, i) => Uint8Array.from({ length }, (_, k) => i * 40 + k));
  const fill = async (file: MemoryFile) => {
    let done = 0;
    try {
      const log = await Log.open(file, 4, () => assert.fail("the file is empty"));
      for (const [i, record] of records.entries()) {
        await log.append(i, record);
        done = i + 1;
      }
    } catch (error) {
      assert.equal((error as Error).message, "crash");
    }
    return done;
  };
  const whole = new MemoryFile();
  await fill(whole);
  for (let bytes = 0; bytes <= whole.bytes.length; ++bytes) {
    const file = new Failing(bytes);
    const done = await fill(file);
    // Blocks of a file may be written in any order: what follows may be anything.
    for (const rest of [new Uint8Array(0), new Uint8Array(24), Uint8Array.from({ length: 50 }, () => Math.floor(random() * 256))]) {
      if (file.bytes.length < 16 && rest.length) continue;
      const after = new MemoryFile(Uint8Array.from([...file.bytes, ...rest]));
      const found: number[][] = [];
      const log = await Log.open(after, 4, ({ kind, payload }) => {
        assert.equal(kind, found.length);
        found.push([...payload]);
      });
      assert.deepEqual(
        found,
        records.slice(0, done).map((record) => [...record]),
        `${bytes} bytes`,
      );
      await log.append(9, Uint8Array.of(1, 2, 3));
      const again: number[][] = [];
      await Log.open(after, 4, ({ payload }) => again.push([...payload]));
      assert.deepEqual(again, [...found, [1, 2, 3]]);
    }
  }
});

test("a changed byte ends the log before its record", async () => {
  const whole = new MemoryFile();
  const log = await Log.open(whole, 4, () => {});
  const ends = [log.size];
  for (let i = 0; i < 4; ++i) {
    await log.append(
      i,
      Uint8Array.from({ length: 10 }, () => i),
    );
    ends.push(log.size);
  }
  for (let at = 16; at < whole.bytes.length; ++at) {
    const bytes = whole.bytes.slice();
    bytes[at]! ^= 1 << (at % 8);
    let count = 0;
    const opened = await Log.open(new MemoryFile(bytes), 4, () => ++count);
    const wanted = ends.findIndex((end) => end > at) - 1;
    assert.equal(count, wanted, `byte ${at}`);
    assert.equal(opened.size, ends[wanted]);
  }
});

test("a full disk loses only the record that did not fit", async () => {
  const file = new MemoryFile();
  const log = await Log.open(file, 4, () => {});
  await log.append(1, Uint8Array.of(1));
  const write = file.write.bind(file);
  file.write = (at, bytes) => {
    write(at, bytes.slice(0, 5));
    throw new Error("no room");
  };
  await assert.rejects(log.append(2, new Uint8Array(100)), /no room/);
  file.write = write;
  await log.append(3, Uint8Array.of(3));
  const found: number[] = [];
  await Log.open(file, 4, ({ kind }) => found.push(kind));
  assert.deepEqual(found, [1, 3]);
});

test("checksums are those of zip files", () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
});

test("exact search of many vectors is complete", async () => {
  const device = await open({ device: "wasm", threads: 2 });
  const [count, width] = [Number(process.env["RECALL_VECTORS"] ?? 20000), 384];
  const all = vectors(count, width);
  const store = await Store.open(device, { width });
  await store.add(items(count), all);
  let right = 0;
  const times: number[] = [];
  for (let round = 0; round < 40; ++round) {
    const query = vectors(1, width);
    const start = performance.now();
    const hits = await store.search(query, 10);
    times.push(performance.now() - start);
    if (round >= 10) continue;
    const wanted = new Set(best(all, query, 10, () => true));
    right += hits.filter((hit) => wanted.has(hit.id)).length;
  }
  times.sort((a, b) => a - b);
  console.log(`${count} x 384: recall ${right / 100}, median ${times[20]!.toFixed(2)} ms, least ${times[0]!.toFixed(2)} ms`);
  assert.ok(right >= 99, `recall ${right / 100}`);
  await store.close();
  device.dispose();
});
