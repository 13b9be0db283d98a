// SPDX-License-Identifier: MIT
// Checks the types and builds dist/, with the tools of web/: the npm package, and in dist/app the page, for any host of static files.
//   node voice/build.mjs [test]     with `test` or `bench NAME`, bundles these instead
import { fileURLToPath } from "node:url";
import { application } from "../scripts/application.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const { bundle, library } = application(here);
export { bundle };

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === "test") await bundle("test/all.ts", "node_modules/.test/all.mjs");
  else if (process.argv[2] === "bench") await bundle(`bench/${process.argv[3]}.ts`, `node_modules/.bench/${process.argv[3]}.mjs`);
  else await library();
}
