// SPDX-License-Identifier: MIT
// Weights of a model in memory of a device, from a safetensors file that recall/convert.py wrote.
import type { Device, DeviceBuffer } from "nereid-lang";

export interface Weights {
  readonly tensors: Readonly<Record<string, DeviceBuffer>>;
  readonly metadata: Readonly<Record<string, string>>;
}

const kTypes: Record<string, "f32" | "f16" | "i8"> = { F32: "f32", F16: "f16", I8: "i8" };
const kArrays = { f32: Float32Array, f16: Uint16Array, i8: Int8Array };

/** Copies all tensors to the device. */
export function loadWeights(device: Device, file: ArrayBuffer): Weights {
  const fail = (why: string) => new Error(`this is not a file of recall/convert.py: ${why}`);
  const view = new DataView(file);
  const size = file.byteLength >= 8 ? Number(view.getBigUint64(0, true)) : 0;
  if (size < 2 || 8 + size > file.byteLength) throw fail(`it has ${file.byteLength} bytes`);
  const { __metadata__: metadata = {}, ...header } = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, size))) as Record<
    string,
    any
  >;
  const tensors: Record<string, DeviceBuffer> = {};
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [begin, end],
    },
  ] of Object.entries(header)) {
    const type = kTypes[dtype];
    if (!type) throw fail(`\`${name}\` is ${dtype}`);
    if (8 + size + end > file.byteLength) throw fail(`it ends before \`${name}\``);
    const array = kArrays[type];
    tensors[name] = device.buffer(type, shape, new array(file, 8 + size + begin, (end - begin) / array.BYTES_PER_ELEMENT)) as DeviceBuffer;
  }
  return { tensors, metadata };
}
