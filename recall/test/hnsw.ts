// SPDX-License-Identifier: MIT
// The graph for approximate searches: recall, growth, deletions, and files that survive crashes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { open } from "nereid-lang";
import { type Hit, type Item, MemoryFile, Store } from "../src/index.ts";

const kWidth = 40;
let state = 7;
const random = () => (state = (state * 48271) % 2147483647) / 2147483647;

// Vectors of length 1 around some centres, as those of texts are.
const centres = Array.from({ length: 60 }, () => Array.from({ length: kWidth }, () => random() - 0.5));
function vectors(count: number): Float32Array {
  const out = new Float32Array(count * kWidth);
  for (let i = 0; i < count; ++i) {
    const centre = centres[Math.floor(random() * centres.length)]!;
    const one = centre.map((x) => x + 3 * (random() - 0.5));
    const size = Math.hypot(...one);
    out.set(
      one.map((x) => x / size),
      i * kWidth,
    );
  }
  return out;
}
const items = (from: number, to: number): Item[] =>
  Array.from({ length: to - from }, (_, i) => ({ text: `text ${from + i}`, person: (from + i) % 10 ? "Ada" : "Ben" }));
const ids = (hits: Hit[]) => hits.map(({ id }) => id);

async function recall(store: Store, queries: Float32Array, effort?: number): Promise<number> {
  let found = 0;
  const count = queries.length / kWidth;
  for (let q = 0; q < count; ++q) {
    const query = queries.slice(q * kWidth, (q + 1) * kWidth);
    const exact = new Set(ids(await store.search(query, 10, {}, { exact: true })));
    found += ids(await store.search(query, 10, {}, { effort })).filter((id) => exact.has(id)).length;
  }
  return found / count / 10;
}

test("a graph finds what an exact search finds, as items come and go", async () => {
  for (const threads of [1, 2]) {
    const device = await open({ device: "wasm", threads });
    const store = await Store.open(device, { width: kWidth });
    await store.buildGraph(); // of nothing
    const all = vectors(6000);
    const queries = vectors(50);
    await store.add(items(0, 4000), all.slice(0, 4000 * kWidth));
    assert.equal(store.approximate, false);
    const seen: number[] = [];
    await store.buildGraph((count) => void seen.push(count), 5);
    assert.ok(seen.length > 3 && seen.at(-1) === 4000, `in parts: ${seen.length}`);
    assert.ok(store.approximate && store.inGraph === 4000);
    const [wide, narrow] = [await recall(store, queries), await recall(store, queries, 32)];
    console.log(`${threads} threads: recall ${wide}, with short lists ${narrow}`);
    assert.ok(wide >= 0.97, `recall ${wide}`);
    assert.ok(narrow >= 0.8 && narrow <= wide, `recall with short lists ${narrow}`);

    // New items are found at once, by an exact search, until the graph has them.
    await store.add(items(4000, 6000), all.slice(4000 * kWidth));
    assert.equal(store.approximate, false);
    assert.equal((await store.search(all.slice(5000 * kWidth, 5001 * kWidth), 1))[0]!.id, 5000);
    await store.buildGraph();
    assert.ok(store.approximate);
    assert.equal((await store.search(all.slice(5000 * kWidth, 5001 * kWidth), 1))[0]!.id, 5000);
    assert.ok((await recall(store, queries)) >= 0.97);

    // A filter is exact. Deleted items are not found; if all near ones are deleted, others are.
    const query = queries.slice(0, kWidth);
    assert.deepEqual(await store.search(query, 10, { person: "Ben" }), await store.search(query, 10, { person: "Ben" }, { exact: true }));
    const near = ids(await store.search(query, 200, {}, { exact: true }));
    await store.delete(near);
    const after = await store.search(query, 10);
    assert.deepEqual(after, await store.search(query, 10, {}, { exact: true }));
    assert.ok(!after.some(({ id }) => near.includes(id)));

    await store.clear();
    assert.deepEqual(await store.search(query), []);
    await store.add(items(0, 500), all.slice(0, 500 * kWidth));
    await store.buildGraph();
    assert.ok((await recall(store, queries)) >= 0.99);
    await store.close();
    device.dispose();
  }
});

test("a graph is saved, and work on it is resumed", async () => {
  const device = await open({ device: "wasm", threads: 2 });
  const [file, a, b] = [new MemoryFile(), new MemoryFile(), new MemoryFile()];
  const again = (graphs: [MemoryFile, MemoryFile] = [a, b], from = file) => Store.open(device, { width: kWidth, file: from, graphs });
  const all = vectors(5000);
  const queries = vectors(30);
  let store = await again();
  await store.add(items(0, 3000), all.slice(0, 3000 * kWidth));
  await store.buildGraph((count) => count < 2000, 5); // is stopped
  const half = store.inGraph;
  assert.ok(half >= 2000 && half < 3000, String(half));
  store = await again();
  assert.equal(store.inGraph, half);
  await store.buildGraph();
  const hits = await store.search(queries.slice(0, kWidth), 10);
  assert.ok((await recall(store, queries)) >= 0.97);
  store = await again();
  assert.ok(store.approximate && store.inGraph === 3000);
  assert.deepEqual(await store.search(queries.slice(0, kWidth), 10), hits);

  // A crash at any byte of a save leaves the graph before.
  await store.add(items(3000, 5000), all.slice(3000 * kWidth));
  const [oldA, oldB] = [a.bytes.slice(), b.bytes.slice()];
  await store.buildGraph();
  const written = a.bytes.length !== oldA.length || a.bytes.some((byte, i) => byte !== oldA[i]) ? a : b;
  for (const part of [0, 10, 20, 1000, 0.5, 0.999]) {
    const whole = written.bytes;
    const cut = new MemoryFile(whole.slice(0, part < 1 ? Math.floor(part * whole.length) : part));
    const files: [MemoryFile, MemoryFile] = written === a ? [cut, new MemoryFile(oldB)] : [new MemoryFile(oldA), cut];
    assert.equal((await again(files)).inGraph, 3000, `cut at ${part}`);
  }
  assert.equal((await again()).inGraph, 5000);

  // A graph of other vectors is not used.
  const other = new MemoryFile();
  const fresh = await Store.open(device, { width: kWidth, file: other });
  await fresh.add(items(0, 5000), vectors(5000));
  assert.equal((await again([a, b], other)).inGraph, 0);
  // Nor one of a store that was cleared.
  await store.clear();
  assert.deepEqual([a.bytes.length, b.bytes.length], [0, 0]);
  assert.equal((await again()).inGraph, 0);
  device.dispose();
});
