// SPDX-License-Identifier: MIT
// Downloads that break off, are damaged, or continue what is stored.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { type Checksums, download, type DownloadOptions, type Store } from "nereid-lang/models";

const kChunk = 1000;
const content = Uint8Array.from({ length: 4321 }, (_, i) => (i * 7919) >> 3);
const sums: Checksums = {
  size: content.length,
  chunk: kChunk,
  hashes: Array.from({ length: 5 }, (_, k) =>
    createHash("sha256")
      .update(content.subarray(k * kChunk, (k + 1) * kChunk))
      .digest("hex"),
  ),
};

function memory(bytes = new Uint8Array(0)): Store & { bytes: Uint8Array; closed: boolean } {
  return {
    bytes,
    closed: false,
    size() {
      return this.bytes.length;
    },
    read(at, length) {
      return this.bytes.slice(at, at + length) as Uint8Array<ArrayBuffer>;
    },
    write(at, part) {
      const all = new Uint8Array(Math.max(this.bytes.length, at + part.length));
      all.set(this.bytes);
      all.set(part, at);
      this.bytes = all;
    },
    close() {
      this.closed = true;
    },
  };
}

interface Host {
  ranges?: boolean;
  /** Bytes after which each answer breaks off. */
  breaks?: number[];
  /** Changes a byte of the n-th answer. */
  damage?: (n: number, bytes: Uint8Array) => void;
}

// Downloads from a host like this: the content, and the ranges that were asked for.
async function fetched(host: Host, options: DownloadOptions): Promise<{ bytes: Uint8Array; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, answer) => {
    const range = request.headers.range ?? "";
    const from = host.ranges ? Number(/bytes=(\d+)-/.exec(range)?.[1] ?? 0) : 0;
    const part = content.slice(from);
    host.damage?.(asked.length, part);
    asked.push(range);
    answer.writeHead(from ? 206 : 200, { "Content-Length": part.length });
    const end = host.breaks?.shift() ?? Infinity;
    answer.write(part.subarray(0, end), () => (end < part.length ? setTimeout(() => answer.destroy(), 20) : answer.end()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const out: number[] = [];
    for await (const bytes of download(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, sums, { wait: 1, ...options }))
      out.push(...bytes);
    return { bytes: Uint8Array.from(out), asked };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("a file arrives and is stored", async () => {
  const store = memory();
  const seen: number[] = [];
  const { bytes, asked } = await fetched({}, { store, progress: (n) => seen.push(n) });
  assert.deepEqual(bytes, content);
  assert.deepEqual(store.bytes, content);
  assert.deepEqual([store.closed, asked, seen], [true, [""], [1000, 2000, 3000, 4000, 4321]]);
});

for (const ranges of [true, false])
  test(`a broken download is continued, ${ranges ? "by the rest of the file" : "from a host that always sends all"}`, async () => {
    const { bytes, asked } = await fetched({ ranges, breaks: [2500, ranges ? 700 : 3100] }, { store: memory() });
    assert.deepEqual(bytes, content);
    assert.deepEqual(asked, ["", "bytes=2000-", ranges ? "bytes=2000-" : "bytes=3000-"]);
  });

test("a second visit reads the store, and fetches what is missing or damaged there", async () => {
  const whole = memory(content.slice());
  const again = await fetched({ ranges: true }, { store: whole });
  assert.deepEqual([again.bytes, again.asked], [content, []]);
  const part = memory(content.slice(0, 3400));
  part.bytes[1200]! ^= 1;
  const seen: [number, number][] = [];
  const { bytes, asked } = await fetched({ ranges: true }, { store: part, progress: (...all) => seen.push(all) });
  assert.deepEqual([bytes, part.bytes, asked], [content, content, ["bytes=1000-"]]);
  assert.deepEqual(seen[1], [2000, 1000]);
});

test("a damaged chunk is fetched again; if it stays damaged, it is an error and not passed on", async () => {
  const flip = (at: number) => (n: number, bytes: Uint8Array) => n === 0 && (bytes[at]! ^= 1);
  const { bytes, asked } = await fetched({ ranges: true, damage: flip(2100) }, {});
  assert.deepEqual([bytes, asked], [content, ["", "bytes=2000-"]]);
  const store = memory();
  const always = (_: number, part: Uint8Array) => (part[part.length - 1]! ^= 1);
  await assert.rejects(fetched({ ranges: true, damage: always }, { store, attempts: 2 }), /chunk 4 of .* has another checksum/);
  assert.deepEqual([store.bytes, store.closed], [content.slice(0, 4000), true]);
});

test("cancelling keeps what has arrived", async () => {
  const store = memory();
  const stop = new AbortController();
  await assert.rejects(fetched({}, { store, signal: stop.signal, progress: (n) => n >= 2000 && stop.abort() }), { name: "AbortError" });
  assert.ok(store.closed && store.bytes.length >= 2000);
  assert.deepEqual((await fetched({ ranges: true }, { store })).bytes, content);
});
