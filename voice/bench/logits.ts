// SPDX-License-Identifier: MIT
// The language model beside llama.cpp, from the files of voice/bench/llama.py (with unpacked weights: exact): the most probable tokens, logits, and greedy answers.
//   scripts/voice.sh bench logits FOLDER [BITS] [llama | exact]
import { createReadStream, readFileSync } from "node:fs";
import { open } from "nereid-lang";
import { LanguageModel } from "../src/index.ts";

const [folder = "", bits = "8", peerName = "llama"] = process.argv.slice(2);
const peer = JSON.parse(readFileSync(`${folder}/${peerName}.json`, "utf8")) as {
  tokens: number[];
  text: string;
  best: number[];
  margin: number[];
  prompts: { prompt: string; ids: number[]; answer: number[]; margin: number[] }[];
};
const file = readFileSync(`${folder}/${peerName}.f32`);
const logits = new Float32Array(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength));
const device = await open({ device: "wasm", threads: 2 });
const model = await LanguageModel.load(device, createReadStream(`${process.env["VOICE_DIR"]}/smollm2.gguf`), {
  bits: bits === "16" ? 16 : 8,
});
const ours = model.tokenizer.encode(peer.text).slice(0, peer.tokens.length);
console.log(`tokens of the text: ${ours.every((token, i) => token === peer.tokens[i]) ? "equal" : "different"}`);
const conversation = model.conversation();
const differ: string[] = [];
let [sum, count, most] = [0, 0, 0];
const entries = model.tokenizer.tokens.length;
await model.logits(conversation, peer.tokens, (found, position) => {
  let best = 0;
  found.forEach((x, i) => (best = x > found[best]! ? i : best));
  if (best !== peer.best[position]) differ.push(`${position} (margin ${peer.margin[position]!.toFixed(3)})`);
  if (position % 10) return;
  const wanted = logits.subarray((position / 10) * entries, (position / 10 + 1) * entries);
  found.forEach((x, i) => {
    const difference = Math.abs(x - wanted[i]!);
    sum += difference;
    most = Math.max(most, difference);
    ++count;
  });
});
const share = 100 * (1 - differ.length / peer.tokens.length);
console.log(`most probable token: ${share.toFixed(1)} % of ${peer.tokens.length} agree; different at ${differ.join(", ") || "none"}`);
console.log(`logits: mean difference ${(sum / count).toFixed(4)}, largest ${most.toFixed(3)}`);
let equal = 0;
for (const { prompt, ids, answer } of peer.prompts) {
  const own = model.chat([{ role: "user", content: prompt }]);
  if (own.join() !== ids.join()) console.log(`${prompt}: other tokens`);
  const found: number[] = [];
  conversation.cut(0);
  for await (const token of model.generate(conversation, ids, { temperature: 0, tokens: 64 })) found.push(token);
  const at = found.findIndex((token, i) => token !== answer[i]);
  if (at < 0 && found.length === answer.length) {
    ++equal;
    continue;
  }
  const part = (tokens: readonly number[]) => JSON.stringify(model.tokenizer.decode(tokens.slice(at, at + 6)));
  console.log(`${prompt} differs at token ${at}: ${part(found)} instead of ${part(answer)}`);
}
console.log(`greedy answers: ${equal} of ${peer.prompts.length} are equal`);
process.exit();
