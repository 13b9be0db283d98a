// SPDX-License-Identifier: MIT
// The npm package as it would be installed, in Node, with the package of Nereid: types, and a program that keeps texts in a file.
//   RECALL_DIR=build/recall node recall/test/package.mjs
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "recall-package-"));
const install = (from, name) => {
  const to = join(folder, "node_modules", name);
  mkdirSync(to, { recursive: true });
  execFileSync("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: from });
  execFileSync("sh", ["-c", `tar -xzf "${folder}"/${name}-*.tgz -C "${to}" --strip-components 1`]);
};
const program = (body) => `import { Recall } from "nereid-recall";
const recall = await Recall.open({ model: ${JSON.stringify(resolve(process.env.RECALL_DIR))}, file: ${JSON.stringify(join(folder, "texts"))}, exactUpTo: 3 });
${body}
await recall.close();
`;
const first = program(`
await recall.add([
  "The train to Lyon leaves at seven in the morning.",
  { text: "Grandma's recipe for plum cake needs six eggs.", person: "Ada" },
  { text: "Buy eggs and flour", person: "Ben" },
  { text: "The dentist moved my appointment to Friday", person: "Ada" },
]);
const [hit] = await recall.search("When does my train depart?", 1);
if (hit?.id !== 0 || !(hit.score > 0.5)) throw new Error(JSON.stringify(hit));
const ofBen = await recall.search("baking", 5, { person: "Ben" });
if (ofBen.map(({ id }) => id).join() !== "2") throw new Error(JSON.stringify(ofBen));
const [alike] = await recall.similar(1, 1);
if (alike?.id !== 2) throw new Error(JSON.stringify(alike));
await recall.built();
if (!recall.store.approximate) throw new Error("there is no graph");
await recall.delete([3]);`);
const second = program(`
if (recall.size !== 3 || recall.store.inGraph !== 4) throw new Error(\`\${recall.size} texts, \${recall.store.inGraph} in the graph\`);
const [hit] = await recall.search("When does my train depart?", 1);
if (hit?.item.text !== "The train to Lyon leaves at seven in the morning.") throw new Error(JSON.stringify(hit));`);
let failed = 0;
const step = (what, run) => {
  try {
    run();
  } catch (error) {
    ++failed;
    console.log(`FAIL ${what}: ${error.stdout ?? ""}${error.stderr ?? error.stack}`);
  }
};
try {
  install(join(root, "web"), "nereid-lang");
  install(join(root, "recall"), "nereid-recall");
  for (const [name, text] of [
    ["first.mts", first],
    ["second.mts", second],
  ]) {
    writeFileSync(join(folder, name), text);
    writeFileSync(join(folder, name.replace("mts", "mjs")), text);
  }
  const options = {
    strict: true,
    module: "nodenext",
    target: "es2022",
    lib: ["esnext", "dom"],
    noEmit: true,
    skipLibCheck: false,
    types: ["node"],
  };
  cpSync(join(root, "web/node_modules/@types"), join(folder, "node_modules/@types"), { recursive: true, dereference: true });
  cpSync(join(root, "web/node_modules/undici-types"), join(folder, "node_modules/undici-types"), { recursive: true, dereference: true });
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files: ["first.mts", "second.mts"] }));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  step("types", () => execFileSync(join(root, "web/node_modules/.bin/tsc"), ["-p", folder]));
  for (const name of ["first.mjs", "second.mjs"]) step(name, () => execFileSync(process.execPath, [join(folder, name)], { stdio: "pipe" }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${3 - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
