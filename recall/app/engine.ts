// SPDX-License-Identifier: MIT
// The parts of both workers: a device and the model. All files come from the folder of the page.
import type { WasmDevice } from "nereid-lang";
import { address, openDevice } from "../../voice/app/device.ts";
import { Encoder } from "../src/index.ts";

export { openDevice };

/** Fetches the model; `progress` receives the part of it that has arrived. */
export async function openEncoder(device: WasmDevice, progress: (part: number) => void = () => {}): Promise<Encoder> {
  const tokenizer = fetch(address("tokenizer.json")).then((answer) => answer.json());
  const answer = await fetch(address("model.safetensors"));
  if (!answer.ok || !answer.body) throw new Error(`the model cannot be loaded: status ${answer.status}`);
  const size = Number(answer.headers.get("Content-Length")) || 23.5e6;
  const parts: Uint8Array[] = [];
  let count = 0;
  for (const reader = answer.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    count += value.length;
    progress(Math.min(1, count / size));
  }
  return new Encoder({ device, weights: await new Blob(parts as BlobPart[]).arrayBuffer(), tokenizer: await tokenizer });
}

/** A number for a message, to find out whether it is known already. */
export function hashOf({
  text,
  person = "",
  time = 0,
  source = "",
}: {
  text: string;
  person?: string | undefined;
  time?: number | undefined;
  source?: string | undefined;
}): number {
  let [a, b] = [0x9e3779b9, 0x85ebca6b];
  for (const part of [text, person, String(time), source])
    for (let i = 0; i <= part.length; ++i) {
      const c = i < part.length ? part.charCodeAt(i) : 0x1f;
      a = Math.imul(a ^ c, 0x01000193);
      b = Math.imul(b ^ (c + i), 0x5bd1e995) ^ (b >>> 13);
    }
  return (a >>> 0) * 2 ** 21 + ((b >>> 0) & 0x1fffff);
}
