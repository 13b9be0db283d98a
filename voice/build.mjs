// SPDX-License-Identifier: MIT
// Checks the types and builds dist/, with the tools of web/: the npm package, and in dist/app the page, for any host of static files.
//   node voice/build.mjs [test | bench NAME | gpu DIR [all]]     bundles these instead; `gpu` writes a folder with what voice/bench/gpu.ts needs
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { application } from "../scripts/application.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const weights = fileURLToPath(new URL("../build/voice/", import.meta.url));
const { bundle, bundleForPage, library, page } = application(here);
export { bundle, bundleForPage };

const kSample = `${here}node_modules/nodejs-whisper/cpp/whisper.cpp/bindings/go/samples/jfk.wav`;

/** The models of pages, by their names there. */
export const models = { "whisper.model": `${weights}whisper.int8.safetensors`, "smollm2.model": `${weights}smollm2.gguf` };

/** Builds the page. Without weights in build/voice it has no models. */
export function buildApp(out) {
  return page(out, {
    name: "voice",
    entries: { main: "app/start.ts", "speech-worker": "app/speech-worker.ts", "chat-worker": "app/chat-worker.ts" },
    files: ["voice.css", "icon.svg", "manifest.webmanifest", "microphone-worklet.js"],
    others: { "style.css": `${here}../recall/app/style.css`, ...(existsSync(kSample) && { "sample.wav": kSample }) },
    models,
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === "test") await bundle("test/all.ts", "node_modules/.test/all.mjs");
  else if (process.argv[2] === "bench") await bundle(`bench/${process.argv[3]}.ts`, `node_modules/.bench/${process.argv[3]}.mjs`);
  else if (process.argv[2] === "gpu") {
    const folder = process.argv[3];
    mkdirSync(folder, { recursive: true });
    await bundleForPage("bench/gpu.ts", resolve(folder, "voice-gpu.mjs"));
    copyFileSync(fileURLToPath(new URL("../web/dist/compile/nereid.wasm", import.meta.url)), join(folder, "nereid.wasm"));
    const all = process.argv[4] === "all" ? ["whisper.f16.safetensors", "smollm2.gguf"] : [];
    for (const file of ["whisper.int8.safetensors", ...all]) copyFileSync(weights + file, join(folder, file));
    copyFileSync(kSample, join(folder, "jfk.wav"));
  } else {
    await library();
    await buildApp(join(here, "dist/app"));
  }
}
