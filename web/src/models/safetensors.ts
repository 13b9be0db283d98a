// SPDX-License-Identifier: MIT
// Weights of a safetensors file.
import type { DeviceBuffer } from "../buffer.ts";
import type { Device } from "../device.ts";
import { NereidError } from "../errors.ts";
import { ByteStream, type Source } from "./stream.ts";

export interface Weights {
  readonly tensors: Readonly<Record<string, DeviceBuffer>>;
  readonly metadata: Readonly<Record<string, string>>;
}

const kTypes: Record<string, "f32" | "f16" | "i8" | "u8" | "i32"> = { F32: "f32", F16: "f16", I8: "i8", U8: "u8", I32: "i32" };

/** Copies all tensors to the device while the file arrives. */
export async function loadSafetensors(device: Device, source: Source): Promise<Weights> {
  const file = new ByteStream(source);
  const tensors: Record<string, DeviceBuffer> = {};
  const wrong = (why: string) => new NereidError("wrong-argument", `this is not a safetensors file of a model: ${why}`);
  try {
    const size = Number(new DataView((await file.bytes(8)).buffer).getBigUint64(0, true));
    if (size < 2 || size > 1 << 28) throw wrong(`its header would have ${size} bytes`);
    const { __metadata__: metadata = {}, ...header } = JSON.parse(new TextDecoder().decode(await file.bytes(size))) as Record<string, any>;
    const inOrder = Object.entries(header).sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0]);
    for (const [name, { dtype, shape, data_offsets: offsets }] of inOrder) {
      const type = kTypes[dtype];
      if (!type) throw wrong(`\`${name}\` is ${dtype}`);
      await file.skip(8 + size + offsets[0] - file.position);
      const buffer = device.buffer(type, shape) as DeviceBuffer;
      tensors[name] = buffer;
      if (buffer.size * buffer.type.bytes !== offsets[1] - offsets[0]) throw wrong(`\`${name}\` has another size than its shape`);
      await file.into(buffer);
    }
    return { tensors, metadata };
  } catch (error) {
    for (const buffer of Object.values(tensors)) buffer.dispose();
    throw error;
  } finally {
    await file.close();
  }
}
