// SPDX-License-Identifier: MIT
// Files for the tests: weights and a recording.
import { createReadStream, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readWav } from "../src/index.ts";

export const folder = process.env["VOICE_DIR"]!;

export const weights = (name: string) => createReadStream(`${folder}/${name}`);

/** A sentence of John F. Kennedy, 11 s, of whisper.cpp. */
export function jfk(): Float32Array {
  const root = fileURLToPath(new URL(".", import.meta.resolve("nodejs-whisper/package.json")));
  const file = readFileSync(`${root}cpp/whisper.cpp/bindings/go/samples/jfk.wav`);
  return readWav(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength) as ArrayBuffer);
}
