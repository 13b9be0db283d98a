// SPDX-License-Identifier: MIT
// Searches by Recall and by other libraries, alternately, in one page. search.mjs opens it.
import { open } from "nereid-lang";
import { Store } from "../src/index.ts";

const parameters = new URL(location.href).searchParams;
const count = Number(parameters.get("count"));
const width = Number(parameters.get("width"));
const names = parameters.get("engines")!.split(",");
const efforts = parameters.get("efforts")!.split(",").filter(Boolean).map(Number);
const queryCount = Number(parameters.get("queries"));
const k = 10;

interface Engine {
  name: string;
  build(all: Float32Array): Promise<void>;
  /** For engines that trade time for recall. */
  set?(effort: number): void;
  search(query: Float32Array): number[] | Promise<number[]>;
}

const row = (all: Float32Array, i: number) => all.subarray(i * width, (i + 1) * width);

function ours(threads: number, graph: boolean): Engine {
  let store: Store;
  let effort = 128;
  return {
    name: `Recall ${graph ? "graph" : "exact"}, ${threads} thread${threads > 1 ? "s" : ""}`,
    async build(all) {
      store = await Store.open(await open({ device: "wasm", threads }), { width });
      for (let at = 0; at < count; at += 4096) {
        const end = Math.min(count, at + 4096);
        await store.add(Array(end - at).fill({ text: "" }), all.subarray(at * width, end * width));
      }
      if (graph) await store.buildGraph(undefined, 200);
    },
    ...(graph && { set: (value: number) => void (effort = value) }),
    search: async (query) => (await store.search(query, k, {}, { exact: !graph, effort })).map(({ id }) => id),
  };
}

function hnswlib(): Engine {
  let index: any;
  return {
    name: "hnswlib-wasm",
    async build(all) {
      const { loadHnswlib } = await import(/* @vite-ignore */ "/modules/hnswlib-wasm/dist/hnswlib.js" as string);
      const library = await loadHnswlib();
      index = new library.HierarchicalNSW("ip", width, "");
      index.initIndex(count, 16, 200, 100);
      for (let at = 0; at < count; at += 1000) {
        const part = Array.from({ length: Math.min(1000, count - at) }, (_, i) => row(all, at + i));
        index.addItems(part, true);
      }
    },
    set: (effort) => index.setEfSearch(effort),
    search: (query) => index.searchKnn(query, k, undefined).neighbors,
  };
}

function edgevec(): Engine {
  let index: any;
  const ids = new Map<number, number>();
  return {
    name: "EdgeVec (l2)",
    async build(all) {
      const { default: init, EdgeVec, EdgeVecConfig } = await import(/* @vite-ignore */ "/modules/edgevec/edgevec.js" as string);
      await init();
      const config = new EdgeVecConfig(width);
      config.metric = "l2"; // its cosine and dot return the farthest vectors
      config.m = 16;
      config.ef_construction = 200;
      index = new EdgeVec(config);
      for (let i = 0; i < count; ++i) ids.set(index.insert(row(all, i).slice()), i);
    },
    search: (query) => (index.search(query, k) as { id: number }[]).map(({ id }) => ids.get(id)!),
  };
}

function sqlite(): Engine {
  let db: any;
  return {
    name: "sqlite-vec-wasm",
    async build(all) {
      const { default: init } = await import(/* @vite-ignore */ "/modules/sqlite-vec-wasm/dist/sqlite3.mjs" as string);
      const sqlite3 = await init();
      db = new sqlite3.oo1.DB(":memory:");
      db.exec(`create virtual table v using vec0(e float[${width}])`);
      db.exec("begin");
      const insert = db.prepare("insert into v(rowid, e) values (?, ?)");
      for (let i = 0; i < count; ++i) insert.bind([i, row(all, i).slice().buffer]).stepReset();
      insert.finalize();
      db.exec("commit");
    },
    search: (query) => db.selectValues("select rowid from v where e match ? order by distance limit ?", [query.slice().buffer, k]),
  };
}

function best(scores: Float32Array): number[] {
  const found: number[] = [];
  let least = -Infinity;
  for (let i = 0; i < scores.length; ++i) {
    if (scores[i]! <= least) continue;
    let at = found.length;
    while (at > 0 && scores[found[at - 1]!]! < scores[i]!) --at;
    found.splice(at, 0, i);
    if (found.length > k) found.pop();
    if (found.length === k) least = scores[found[k - 1]!]!;
  }
  return found;
}

function fastDotProduct(): Engine {
  let rows: Float32Array[];
  let dot: (a: Float32Array[], b: Float32Array[]) => Float32Array;
  return {
    name: "fast-dotproduct",
    async build(all) {
      const library = await import(/* @vite-ignore */ "/modules/fast-dotproduct/dist/index.mjs" as string);
      await library.initWasm();
      dot = library.dotProductWasm;
      rows = Array.from({ length: count }, (_, i) => row(all, i).slice());
    },
    search: (query) => best(dot(Array(count).fill(query), rows)),
  };
}

const engines: Record<string, () => Engine> = {
  "exact-1": () => ours(1, false),
  "exact-2": () => ours(2, false),
  "graph-1": () => ours(1, true),
  "graph-2": () => ours(2, true),
  hnswlib,
  edgevec,
  sqlite,
  dot: fastDotProduct,
};

async function bench() {
  const answer = await fetch(parameters.get("data")!);
  const all = new Float32Array(await answer.arrayBuffer());
  // The vectors behind those that are searched.
  const queries = Array.from({ length: queryCount }, (_, q) => row(all, count + q).slice());
  const truth = queries.map((query) => {
    const scores = new Float32Array(count);
    for (let i = 0; i < count; ++i) {
      let sum = 0;
      for (let d = 0; d < width; ++d) sum += all[i * width + d]! * query[d]!;
      scores[i] = sum;
    }
    return new Set(best(scores));
  });
  const rows: object[] = [];
  const built: { engine: Engine; seconds: number }[] = [];
  for (const name of names) {
    const engine = engines[name]!();
    const start = performance.now();
    await engine.build(all);
    built.push({ engine, seconds: (performance.now() - start) / 1000 });
    console.log(`${engine.name}: built in ${built.at(-1)!.seconds.toFixed(1)} s`);
  }
  for (const effort of efforts.length ? efforts : [0]) {
    const used = built.filter(({ engine }) => effort === (efforts[0] ?? 0) || engine.set);
    const times = used.map(() => [] as number[]);
    const found = used.map(() => 0);
    for (const { engine } of used) engine.set?.(effort);
    for (let round = 0; round < 2; ++round)
      // the first compiles
      for (const [q, query] of queries.entries())
        for (const [e, { engine }] of used.entries()) {
          const start = performance.now();
          const ids = await engine.search(query);
          if (round === 0) continue;
          times[e]!.push(performance.now() - start);
          found[e]! += ids.filter((id) => truth[q]!.has(Number(id))).length;
        }
    for (const [e, { engine, seconds }] of used.entries()) {
      const sorted = times[e]!.sort((a, b) => a - b);
      rows.push({
        engine: engine.name,
        seconds,
        effort: engine.set ? effort : undefined,
        recall: found[e]! / queryCount / k,
        ms: sorted[sorted.length >> 1]!,
        least: sorted[0]!,
      });
    }
  }
  return rows;
}

Object.assign(globalThis, { results: await bench().catch((error) => String(error.stack ?? error)) });
