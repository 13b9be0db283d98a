// SPDX-License-Identifier: MIT
// Recordings as numbers. Pages use the decoder of the browser; this reads WAV files, for Node and for tests.
import { kRate } from "./whisper.ts";

/** The samples of a WAV file (PCM of 8, 16, 24 or 32 bits, or floats), as one channel with 16,000 samples per second. */
export function readWav(file: ArrayBuffer): Float32Array {
  const view = new DataView(file);
  const text = (at: number) => String.fromCharCode(...new Uint8Array(file, at, 4));
  if (file.byteLength < 12 || text(0) !== "RIFF" || text(8) !== "WAVE") throw new Error("this is not a WAV file");
  let [channels, rate, bits, format] = [1, kRate, 16, 1];
  for (let at = 12; at + 8 <= file.byteLength;) {
    const size = view.getUint32(at + 4, true);
    if (text(at) === "fmt ") {
      format = view.getUint16(at + 8, true);
      channels = view.getUint16(at + 10, true);
      rate = view.getUint32(at + 12, true);
      bits = view.getUint16(at + 22, true);
      if (format === 0xfffe) format = view.getUint16(at + 32, true);
    }
    if (text(at) === "data") {
      const bytes = bits / 8;
      const count = Math.floor(Math.min(size, file.byteLength - at - 8) / bytes / channels);
      const out = new Float32Array(count);
      const one = (p: number) => {
        if (format === 3) return bits === 64 ? view.getFloat64(p, true) : view.getFloat32(p, true);
        if (bits === 8) return (view.getUint8(p) - 128) / 128;
        if (bits === 16) return view.getInt16(p, true) / 32768;
        if (bits === 24) return ((view.getInt8(p + 2) << 16) | view.getUint16(p, true)) / 8388608;
        return view.getInt32(p, true) / 2147483648;
      };
      for (let i = 0; i < count; ++i) {
        let sum = 0;
        for (let c = 0; c < channels; ++c) sum += one(at + 8 + (i * channels + c) * bytes);
        out[i] = sum / channels;
      }
      return resample(out, rate, kRate);
    }
    at += 8 + size + (size & 1);
  }
  throw new Error("the WAV file has no samples");
}

/** The same sound with another number of samples per second, by a windowed sinc. */
export function resample(samples: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return samples;
  const cut = Math.min(1, to / from);
  const reach = 16 / cut;
  const out = new Float32Array(Math.round((samples.length * to) / from));
  for (let i = 0; i < out.length; ++i) {
    const centre = (i * from) / to;
    let [sum, weights] = [0, 0];
    for (let j = Math.ceil(centre - reach); j <= centre + reach; ++j) {
      const x = (j - centre) * cut;
      const weight = (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)) * (0.5 + 0.5 * Math.cos((Math.PI * (j - centre)) / reach));
      weights += weight;
      sum += weight * (samples[j] ?? 0);
    }
    out[i] = sum / weights;
  }
  return out;
}
