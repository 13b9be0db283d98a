// SPDX-License-Identifier: MIT
// Checks the types and builds dist/, with the tools of web/: the npm package, and in dist/app the page, for any host of static files.
//   node recall/build.mjs [test | page FOLDER]     with `test` bundles the tests instead; with `page` builds only the page
import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { application } from "../scripts/application.mjs";
import { models } from "../voice/build.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const weights = fileURLToPath(new URL("../build/recall/", import.meta.url));
const { bundle, bundleForPage, library, page } = application(here);
export { bundle, bundleForPage };

/** Builds the page. Without weights in build/recall it has no model, and without those in build/voice neither voice notes nor answers. */
export function buildApp(out) {
  const model = { "model.safetensors": `${weights}minilm.int8.safetensors`, "tokenizer.json": `${weights}tokenizer.json` };
  return page(out, {
    name: "recall",
    entries: {
      main: "app/start.ts",
      "search-worker": "app/search-worker.ts",
      "index-worker": "app/index-worker.ts",
      "speech-worker": "../voice/app/speech-worker.ts",
      "chat-worker": "../voice/app/chat-worker.ts",
    },
    files: ["style.css", "icon.svg", "manifest.webmanifest", "sample.txt"],
    others: Object.fromEntries(Object.entries(model).filter(([, from]) => existsSync(from))),
    large: ["model.safetensors"],
    models,
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === "gpu") {
    const folder = process.argv[3];
    await bundleForPage("bench/gpu.ts", join(folder, "recall-gpu.mjs"));
    copyFileSync(fileURLToPath(new URL("../web/dist/compile/nereid.wasm", import.meta.url)), join(folder, "nereid.wasm"));
  } else if (process.argv[2] === "test") {
    // Next to the packages that it imports.
    await bundle("test/all.ts", "node_modules/.test/all.mjs");
  } else if (process.argv[2] === "page") {
    await buildApp(process.argv[3]);
  } else {
    await library();
    await buildApp(join(here, "dist/app"));
  }
}
