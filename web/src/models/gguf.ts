// SPDX-License-Identifier: MIT
// Weights of a GGUF file. Those in groups of 32 numbers stay packed: a kernel brings them into another order, a part at a time.
import type { DeviceBuffer } from "../buffer.ts";
import type { Device } from "../device.ts";
import { NereidError } from "../errors.ts";
import { Blocks, blockFormats, packBlocks } from "../kernels/packed.ts";
import { ByteStream, type Source } from "./stream.ts";

export interface GgufWeights {
  /** Buffers of f32 and f16, with the first axis first, and matrices in groups. */
  readonly tensors: Readonly<Record<string, DeviceBuffer | Blocks>>;
  /** Numbers, texts, and arrays of them. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

interface Entry {
  name: string;
  shape: number[];
  type: number;
  offset: number;
}

const kFloats: Record<number, "f32" | "f16"> = { 0: "f32", 1: "f16" };
const kGroups: Record<number, "q4_0" | "q4_1" | "q8_0"> = { 2: "q4_0", 3: "q4_1", 8: "q8_0" };
const kPart = 1 << 21; // bytes that wait to be packed

/** The name of the matrix that a tensor is a part of, and its place among the parts. */
export type Joined = (name: string) => readonly [name: string, place: number] | undefined;

/**
 * Copies tensors to the device while the file arrives. Matrices that `joined` gives the same name become one, with the columns of the result one after the
 * other.
 */
export async function loadGguf(device: Device, source: Source, joined: Joined = () => undefined): Promise<GgufWeights> {
  const file = new ByteStream(source);
  const made: (DeviceBuffer | Blocks)[] = [];
  const wrong = (why: string) => new NereidError("wrong-argument", `this GGUF file cannot be read: ${why}`);
  try {
    const { metadata, entries } = await header(file, wrong);
    const tensors: Record<string, DeviceBuffer | Blocks> = {};
    const alignment = Number(metadata["general.alignment"] ?? 32);
    const begin = Math.ceil(file.position / alignment) * alignment;
    // The columns of a joined matrix that come before a tensor, and all of them.
    const columns = new Map<string, number>();
    const before = new Map<Entry, number>();
    const nameOf = ({ name }: Entry) => joined(name)?.[0] ?? name;
    const placeOf = ({ name }: Entry) => joined(name)?.[1] ?? 0;
    for (const entry of [...entries].sort((a, b) => placeOf(a) - placeOf(b))) {
      const key = nameOf(entry);
      before.set(entry, columns.get(key) ?? 0);
      columns.set(key, (columns.get(key) ?? 0) + (entry.shape[0] ?? 1));
    }
    for (const entry of [...entries].sort((a, b) => a.offset - b.offset)) {
      const { name, shape, type, offset } = entry;
      await file.skip(begin + offset - file.position);
      const floats = kFloats[type];
      const format = kGroups[type];
      if (floats) {
        const buffer = device.buffer(floats, shape) as DeviceBuffer;
        made.push(buffer);
        tensors[name] = buffer;
        await file.into(buffer);
      } else if (format) {
        const [rows, depth] = shape as [number, number];
        if (shape.length !== 2 || depth % 32) throw wrong(`\`${name}\` has the shape [${shape.join(", ")}]`);
        const key = nameOf(entry);
        let blocks = tensors[key] as Blocks | undefined;
        if (!blocks) {
          blocks = new Blocks(device, format, columns.get(key)!, depth);
          made.push(blocks);
          tensors[key] = blocks;
        }
        if (!(blocks instanceof Blocks) || blocks.format !== format || blocks.depth !== depth || before.get(entry)! % blocks.width)
          throw wrong(`\`${name}\` cannot be joined with others`);
        const bytes = (depth / 32) * (blockFormats[format].head + blockFormats[format].bytes);
        const most = Math.max(1, Math.floor(kPart / bytes / blocks.width)) * blocks.width;
        for (let row = 0; row < rows; row += most) {
          const count = Math.min(most, rows - row);
          const raw = device.buffer("u8", count * bytes) as DeviceBuffer;
          try {
            await file.into(raw);
            await packBlocks(raw, blocks, before.get(entry)! + row, count);
          } finally {
            raw.dispose();
          }
        }
      } else {
        throw wrong(`\`${name}\` has type ${type}; types 0 (F32), 1 (F16), 2 (Q4_0), 3 (Q4_1) and 8 (Q8_0) are supported`);
      }
    }
    return { tensors, metadata };
  } catch (error) {
    for (const one of made) one.dispose();
    throw error;
  } finally {
    await file.close();
  }
}

const kNumbers: Record<number, [bytes: number, read: (view: DataView, at: number) => number | boolean]> = {
  0: [1, (view, at) => view.getUint8(at)],
  1: [1, (view, at) => view.getInt8(at)],
  2: [2, (view, at) => view.getUint16(at, true)],
  3: [2, (view, at) => view.getInt16(at, true)],
  4: [4, (view, at) => view.getUint32(at, true)],
  5: [4, (view, at) => view.getInt32(at, true)],
  6: [4, (view, at) => view.getFloat32(at, true)],
  7: [1, (view, at) => view.getUint8(at) !== 0],
  10: [8, (view, at) => Number(view.getBigUint64(at, true))],
  11: [8, (view, at) => Number(view.getBigInt64(at, true))],
  12: [8, (view, at) => view.getFloat64(at, true)],
};

// Pieces of the file are kept until the header is complete.
async function header(
  file: ByteStream,
  wrong: (why: string) => NereidError,
): Promise<{ metadata: Record<string, unknown>; entries: Entry[] }> {
  let bytes = new Uint8Array(1 << 16);
  let [length, at] = [0, 0];
  let view = new DataView(bytes.buffer);
  const need = async (count: number) => {
    if (count > 1 << 28) throw wrong(`a value of its header has ${count} bytes`);
    while (length < at + count) {
      if (at + count > bytes.length) {
        const larger = new Uint8Array(2 * Math.max(bytes.length, at + count));
        larger.set(bytes.subarray(0, length));
        bytes = larger;
        view = new DataView(bytes.buffer);
      }
      // No more than needed: the tensors follow.
      const part = await file.some(at + count - length);
      bytes.set(part, length);
      length += part.length;
    }
  };
  const number = async (type: number) => {
    const kind = kNumbers[type];
    if (!kind) throw wrong(`its header has values of type ${type}`);
    if (length < at + kind[0]) await need(kind[0]);
    at += kind[0];
    return kind[1](view, at - kind[0]);
  };
  const decoder = new TextDecoder();
  const text = async () => {
    const count = (await number(10)) as number;
    if (length < at + count) await need(count);
    at += count;
    return decoder.decode(bytes.subarray(at - count, at));
  };
  const value = async (type: number): Promise<unknown> => {
    if (type === 8) return text();
    if (type !== 9) return number(type);
    const [element, count] = [(await number(4)) as number, (await number(10)) as number];
    const out: unknown[] = [];
    for (let i = 0; i < count; ++i) out.push(await value(element));
    return out;
  };
  if ((await number(4)) !== 0x46554747) throw wrong("it does not begin with GGUF");
  const version = (await number(4)) as number;
  if (version !== 2 && version !== 3) throw wrong(`its version is ${version}; 2 and 3 are supported`);
  const [tensors, values] = [(await number(10)) as number, (await number(10)) as number];
  const metadata: Record<string, unknown> = {};
  for (let i = 0; i < values; ++i) {
    const key = await text();
    metadata[key] = await value((await number(4)) as number);
  }
  const entries: Entry[] = [];
  for (let i = 0; i < tensors; ++i) {
    const name = await text();
    const shape: number[] = [];
    for (let axes = (await number(4)) as number; axes > 0; --axes) shape.unshift((await number(10)) as number);
    entries.push({ name, shape, type: (await number(4)) as number, offset: (await number(10)) as number });
  }
  return { metadata, entries };
}
