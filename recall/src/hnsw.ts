// SPDX-License-Identifier: MIT
// A graph of neighbours for approximate search (HNSW), by the kernels of hnsw.py, on a WebAssembly device. It grows by batches of nodes, whose programs run
// on all threads; between batches it can be searched and saved.
import type { DeviceBuffer, WasmBuffer, WasmDevice } from "nereid-lang";
import { jit, type JitKernel } from "nereid-lang/compile";
import source from "../kernels/hnsw.py";
import { crc32, Log, type LogFile } from "./log.ts";

/** Vectors of int8 with a scale each, in rows of `depth` numbers, a multiple of 32. */
export interface Vectors {
  vectors: DeviceBuffer;
  scales: DeviceBuffer;
}

export interface HnswOptions {
  /** Links of a node: twice as many on the lowest layer. Default: 16. */
  links?: number;
  /** The length of the list of a search that inserts a node: more take longer, and make a better graph. Default: 48. */
  effort?: number;
}

const kBatch = 2048; // nodes at most
const kPart = 64; // a batch has at most one part in so many of the graph: its nodes do not find each other
const kCandidates = 128; // for the links of a node whose row is full
const kSnapshot = 3; // kind of record

type I32 = WasmBuffer<"i32">;

export class Hnsw {
  readonly device: WasmDevice;
  readonly depth: number;
  readonly links: number;
  readonly effort: number;
  readonly workers: number;
  readonly #kernels: { search: JitKernel; insert: JitKernel; link: JitKernel };
  #capacity = 0;
  #count = 0;
  #upperCount = 0; // rows of `#upper` in use
  #vectors: Vectors;
  #lower!: I32;
  #upper!: I32;
  #rows!: I32;
  #layers!: I32;
  #visited!: DeviceBuffer;
  readonly #state: I32;
  readonly #epochs: I32;
  readonly #todo: I32;
  readonly #scores: DeviceBuffer;
  readonly #values: DeviceBuffer;
  readonly #ids: I32;
  readonly #back: { targets: I32; rows: I32; offsets: I32; sources: I32 };
  #slots = new Int32Array(0); // of rows of links, while links back are collected
  #batches = 1; // the size of the next batch; grows to what fits into the time asked for

  constructor(device: WasmDevice, depth: number, vectors: Vectors, { links = 16, effort = 48 }: HnswOptions = {}) {
    if (depth % 32 !== 0) throw new RangeError(`depth must be a multiple of 32 (got ${depth})`);
    this.device = device;
    this.depth = depth;
    this.links = links;
    this.effort = effort;
    // Several per thread: they take different times.
    this.workers = device.threads > 1 ? 2 * device.threads : 1;
    this.#vectors = vectors;
    const compiled = (kernel: string) => jit(source, { path: "hnsw.py", device, kernel });
    this.#kernels = { search: compiled("hnsw_search"), insert: compiled("hnsw_insert"), link: compiled("hnsw_link") };
    const i32 = (size: number) => device.buffer("i32", [size]);
    this.#state = i32(2);
    this.#epochs = i32(this.workers);
    this.#todo = i32(this.workers * 2 * links);
    this.#scores = device.buffer("f32", [this.workers * 2 * links]);
    const list = this.workers * Math.max(effort, kCandidates);
    this.#values = device.buffer("f32", [list]);
    this.#ids = i32(list);
    const edges = kBatch * links;
    this.#back = { targets: i32(edges), rows: i32(edges), offsets: i32(edges + 1), sources: i32(edges) };
    this.#reserve(1024);
  }

  /** The number of nodes. */
  get count(): number {
    return this.#count;
  }

  /** The bytes of memory. */
  get bytes(): number {
    return [this.#lower, this.#upper, this.#rows, this.#layers].reduce((sum, { size }) => sum + 4 * size, this.#visited.size);
  }

  /** Changes where the vectors are. */
  move(vectors: Vectors): void {
    this.#vectors = vectors;
  }

  /** The buffers change when nodes are added: arguments are for the next search only if this number is the same. */
  get version(): number {
    return this.#capacity;
  }

  /** The kernel of a search and its arguments without `q_ptr`, `values_ptr`, `ids_ptr`, `queries` and `ef`. */
  search(): { run: JitKernel; args: Record<string, any> } {
    return {
      run: this.#kernels.search,
      args: {
        v_ptr: this.#vectors.vectors,
        scale_ptr: this.#vectors.scales,
        links_ptr: this.#lower,
        upper_ptr: this.#upper,
        rows_ptr: this.#rows,
        state_ptr: this.#state,
        ...this.#scratch(),
      },
    };
  }

  #scratch() {
    return {
      todo_ptr: this.#todo,
      scores_ptr: this.#scores,
      visited_ptr: this.#visited,
      epochs_ptr: this.#epochs,
      capacity: this.#capacity,
      M0: 2 * this.links,
      M: this.links,
      depth: this.depth,
      D: 16,
    };
  }

  /** Inserts nodes up to `count`, for about so many milliseconds. Returns the number of nodes. */
  async extend(count: number, milliseconds = Infinity): Promise<number> {
    const end = performance.now() + milliseconds;
    this.#reserve(count);
    if (this.#count === 0 && count > 0) this.#append(1);
    while (this.#count < count && performance.now() < end) {
      const first = this.#count;
      const last = Math.min(count, first + Math.max(1, Math.min(this.#batches, kBatch, Math.floor(first / kPart))));
      const start = performance.now();
      this.#append(last);
      await this.#kernels.insert.launch(this.workers, {
        v_ptr: this.#vectors.vectors,
        scale_ptr: this.#vectors.scales,
        links_ptr: this.#lower,
        upper_ptr: this.#upper,
        rows_ptr: this.#rows,
        layers_ptr: this.#layers,
        state_ptr: this.#state,
        values_ptr: this.#values,
        ids_ptr: this.#ids,
        ...this.#scratch(),
        first,
        last,
        ef: this.effort,
      });
      for (const upper of [false, true]) await this.#linkBack(first, last, upper);
      const layers = this.#layers.view;
      const state = this.#state.view;
      for (let node = first; node < last; ++node) if (layers[node]! > state[1]!) state.set([node, layers[node]!]);
      this.#count = last;
      const took = performance.now() - start;
      // A quarter of the time asked for, so that searches come in between.
      if (took < milliseconds / 4) this.#batches = Math.min(kBatch, Math.ceil(1.5 * (last - first)));
      else this.#batches = Math.max(16, Math.floor((last - first) / 2));
    }
    return this.#count;
  }

  // Draws layers of nodes, and gives them rows above.
  #append(last: number): void {
    const [rows, layers] = [this.#rows.view, this.#layers.view];
    for (let node = this.#count; node < last; ++node) {
      layers[node] = layerOf(node, this.links);
      rows[node] = this.#upperCount;
      this.#upperCount += layers[node]!;
    }
    if (this.#count === 0) this.#state.view.set([0, layers[0]!]);
    if (this.#count === 0) this.#count = 1;
  }

  // Links from the chosen neighbours of nodes to these nodes.
  async #linkBack(first: number, last: number, upper: boolean): Promise<void> {
    const width = upper ? this.links : 2 * this.links;
    const [links, rows, layers] = [(upper ? this.#upper : this.#lower).view, this.#rows.view, this.#layers.view];
    const top = this.#state.view[1]!;
    const edges: number[] = []; // row, target, source
    for (let node = first; node < last; ++node)
      for (let layer = upper ? 1 : 0; layer <= (upper ? Math.min(layers[node]!, top) : 0); ++layer) {
        const from = upper ? rows[node]! + layer - 1 : node;
        for (let at = from * width; at < (from + 1) * width && links[at]! >= 0; ++at) {
          const target = links[at]!;
          edges.push(upper ? rows[target]! + layer - 1 : target, target, node);
        }
      }
    if (edges.length === 0) return;
    // Sorted by row, by counting.
    const { targets, rows: targetRows, offsets, sources } = this.#back;
    const [targetView, rowView, offsetView, sourceView] = [targets.view, targetRows.view, offsets.view, sources.view];
    let count = 0;
    const counts: number[] = [];
    for (let e = 0; e < edges.length; e += 3) {
      const row = edges[e]!;
      if (this.#slots[row] === -1) {
        targetView[count] = edges[e + 1]!;
        rowView[count] = row;
        counts.push(0);
        this.#slots[row] = count++;
      }
      ++counts[this.#slots[row]!]!;
    }
    offsetView[0] = 0;
    for (let t = 0; t < count; ++t) {
      offsetView[t + 1] = offsetView[t]! + counts[t]!;
      counts[t] = offsetView[t]!;
    }
    for (let e = 0; e < edges.length; e += 3) sourceView[counts[this.#slots[edges[e]!]!]!++] = edges[e + 2]!;
    for (let t = 0; t < count; ++t) this.#slots[rowView[t]!] = -1;
    await this.#kernels.link.launch(this.workers, {
      v_ptr: this.#vectors.vectors,
      scale_ptr: this.#vectors.scales,
      links_ptr: upper ? this.#upper : this.#lower,
      targets_ptr: targets,
      rows_ptr: targetRows,
      offsets_ptr: offsets,
      sources_ptr: sources,
      values_ptr: this.#values,
      ids_ptr: this.#ids,
      targets: count,
      most: kCandidates,
      M: width,
      depth: this.depth,
      D: 16,
    });
  }

  #reserve(count: number): void {
    if (count <= this.#capacity) return;
    const capacity = Math.ceil((this.#capacity ? 1.25 * count : count) / 1024) * 1024;
    let upper = 0;
    for (let node = 0; node < capacity; ++node) upper += layerOf(node, this.links);
    const grown = (old: I32 | undefined, size: number, fill: number): I32 => {
      const buffer = this.device.buffer("i32", [size]);
      if (fill) buffer.view.fill(fill);
      if (old) buffer.view.set(old.view);
      old?.dispose();
      return buffer;
    };
    this.#lower = grown(this.#lower, capacity * 2 * this.links, -1);
    this.#upper = grown(this.#upper, Math.max(1, upper) * this.links, -1);
    this.#rows = grown(this.#rows, capacity, 0);
    this.#layers = grown(this.#layers, capacity, 0);
    this.#visited?.dispose();
    this.#visited = this.device.buffer("u8", [this.workers * capacity]) as DeviceBuffer;
    this.#epochs.view.fill(0);
    this.#slots = new Int32Array(Math.max(capacity, upper)).fill(-1);
    this.#capacity = capacity;
  }

  /** Removes all nodes. */
  clear(): void {
    this.#lower.view.fill(-1);
    this.#upper.view.fill(-1);
    this.#count = this.#upperCount = 0;
    this.#batches = 1;
  }

  // Links belong to these vectors only; scales tell vectors apart.
  #fingerprint(count: number): number {
    const scales = (this.#vectors.scales as WasmBuffer<"f32">).view.slice(0, count);
    return crc32(new Uint8Array(scales.buffer));
  }

  /** Overwrites a file with the graph. */
  async save(file: LogFile): Promise<void> {
    await file.truncate(0);
    const log = await Log.open(file, this.depth, () => {});
    const lower = this.#lower.view.subarray(0, this.#count * 2 * this.links);
    const upper = this.#upper.view.subarray(0, this.#upperCount * this.links);
    const [node, layer] = this.#state.view;
    const words = new Int32Array(8 + lower.length + upper.length);
    words.set([this.#count, this.links, node!, layer!, this.#fingerprint(this.#count), lower.length, upper.length]);
    words.set(lower, 8);
    words.set(upper, 8 + lower.length);
    await log.append(kSnapshot, new Uint8Array(words.buffer));
  }

  /** Reads a graph of at most `count` nodes that was saved, unless the one here is larger. Returns whether there was one for these vectors. */
  async load(file: LogFile, count: number): Promise<boolean> {
    let words: Int32Array | undefined;
    await Log.open(file, this.depth, ({ kind, payload }) => {
      if (kind === kSnapshot) words = new Int32Array(payload.buffer, payload.byteOffset, payload.byteLength >> 2);
    }).catch(() => {}); // a graph of other vectors: it is made again
    if (!words) return false;
    const [nodes, links, node, layer, fingerprint, lower, upper] = words as unknown as number[];
    if (nodes! <= this.#count || nodes! > count || links !== this.links || words.length !== 8 + lower! + upper!) return false;
    if (fingerprint !== this.#fingerprint(nodes!) >> 0) return false;
    this.clear();
    this.#reserve(nodes!);
    this.#append(nodes!);
    this.#lower.view.set(words.subarray(8, 8 + lower!));
    this.#upper.view.set(words.subarray(8 + lower!));
    this.#state.view.set([node!, layer!]);
    this.#count = nodes!;
    return true;
  }

  dispose(): void {
    for (const kernel of Object.values(this.#kernels)) kernel.dispose();
    const { targets, rows, offsets, sources } = this.#back;
    const scratch = [this.#state, this.#epochs, this.#todo, this.#scores, this.#values, this.#ids, targets, rows, offsets, sources];
    for (const buffer of [this.#lower, this.#upper, this.#rows, this.#layers, this.#visited, ...scratch]) buffer.dispose();
  }
}

/** The highest layer of a node: each has one in `links` of those below. The same node is always on the same layer. */
function layerOf(node: number, links: number): number {
  let h = Math.imul(node + 1, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  const uniform = (((h ^ (h >>> 16)) >>> 0) + 0.5) / 2 ** 32;
  return Math.min(12, Math.floor(-Math.log(uniform) / Math.log(links)));
}
