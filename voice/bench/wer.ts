// SPDX-License-Identifier: MIT
// Word error rates on the prompts that voice/bench/prompts.py wrote, of this implementation and of faster-whisper on the same files.
// Texts that FOLDER/nereid.PRECISION.BEAMS.json has from an earlier run are not computed again.
//   scripts/voice.sh bench wer FOLDER [PRECISION] [BEAMS] [THREADS]
import { createReadStream, existsSync, readFileSync, writeFileSync } from "node:fs";
import { open } from "nereid-lang";
import { readWav, Whisper } from "../src/index.ts";

const [folder = "", precision = "int8", beams = "1", threads = "2"] = process.argv.slice(2);
const read = (path: string) => JSON.parse(readFileSync(path, "utf8")) as Record<string, string>;

/** Words without punctuation and case; numbers and abbreviations that Whisper likes to write become words. */
export function words(text: string): string[] {
  const kDigits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
  return text
    .toLowerCase()
    .replace(/[‘’]/g, "'")
    .replace(/\[[^\]]*\]|\([^)]*\)/g, " ")
    .replace(/\bi'm\b/g, "i am")
    .replace(/\b(\w+)'ll\b/g, "$1 will")
    .replace(/\bcan't\b/g, "cannot")
    .replace(/\b\d+\b/g, (n) => kDigits[Number(n)] ?? n)
    .replace(/#/g, " pound ")
    .replace(/\*/g, " star ")
    .replace(/'/g, "")
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean);
}

/** The least number of words that are replaced, missing or surplus. */
export function distance(a: readonly string[], b: readonly string[]): number {
  let row = b.map((_, j) => j + 1);
  row.unshift(0);
  for (const [i, x] of a.entries()) {
    const next = [i + 1];
    for (const [j, y] of b.entries()) next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (x === y ? 0 : 1)));
    row = next;
  }
  return row.at(-1)!;
}

const wanted = read(`${folder}/transcripts.json`);
const known = `${folder}/nereid.${precision}.${beams}.json`;
const found: Record<string, string> = existsSync(known) ? read(known) : {};
if (!existsSync(known)) {
  const device = await open({ device: "wasm", threads: Number(threads) });
  const whisper = await Whisper.load(device, createReadStream(`${process.env["VOICE_DIR"]}/whisper.${precision}.safetensors`));
  let [seconds, busy] = [0, 0];
  for (const name of Object.keys(wanted)) {
    const file = readFileSync(`${folder}/${name}.wav`);
    const samples = readWav(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength) as ArrayBuffer);
    const start = performance.now();
    found[name] = (await whisper.transcribe(samples, { beams: Number(beams) })).text;
    busy += (performance.now() - start) / 1000;
    seconds += samples.length / 16000;
  }
  writeFileSync(known, JSON.stringify(found, null, 1));
  console.log(`${seconds.toFixed(0)} s of speech, ${busy.toFixed(0)} s to transcribe`);
}
const names = Object.keys(wanted);
const total = names.reduce((sum, name) => sum + words(wanted[name]!).length, 0);
const rate = (texts: Record<string, string>) =>
  (100 * names.reduce((sum, name) => sum + distance(words(wanted[name]!), words(texts[name]!)), 0)) / total;
console.log(`${names.length} prompts, ${total} words`);
console.log(`nereid ${precision}, ${beams} beams: word error rate ${rate(found).toFixed(2)} %`);
const peer = `${folder}/faster-whisper.${beams}.json`;
if (existsSync(peer)) {
  const texts = read(peer);
  const equal = names.filter((name) => words(texts[name]!).join(" ") === words(found[name]!).join(" ")).length;
  console.log(
    `faster-whisper float32, ${beams} beams: word error rate ${rate(texts).toFixed(2)} %; ${equal} of ${names.length} texts have the same words`,
  );
}
process.exit();
