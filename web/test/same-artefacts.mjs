// SPDX-License-Identifier: MIT
// Compiles the kernels of tests/differential/same_artefacts.py with the package, and compares files, manifest, errors and stages with the
// native compiler's.
import { isDeepStrictEqual } from "node:util";
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { compileArtefacts, CompileError, emit } from "../dist/compile/index.js";

// Constants are Python literals in the job.
const options = ({ path, kernel, signature, constants }) => ({
  path,
  kernel,
  signature,
  constants: Object.fromEntries(Object.entries(constants).map(([name, python]) => [name, { python }])),
  files: Object.fromEntries(
    readdirSync(dirname(path))
      .filter((name) => name.endsWith(".py") && name !== basename(path))
      .map((name) => [join(dirname(path), name), readFileSync(join(dirname(path), name), "utf8")]),
  ),
  cache: false,
  print: () => {},
});

async function problem(job) {
  const source = readFileSync(job.path, "utf8");
  let made;
  try {
    made = await compileArtefacts(source, options(job));
  } catch (error) {
    if (!(error instanceof CompileError)) return `fails with ${error.stack}`;
    if (error.message !== job.error?.trimEnd()) return `says\n${error.message}\ninstead of\n${job.error ?? "nothing"}`;
    const [first] = error.diagnostics;
    const place = first.line === undefined ? "" : `${first.file}:${first.line}:${first.column}: `;
    return error.message.startsWith(`${place}error: ${first.text} [${first.id}]`) && error.message.includes(first.hint)
      ? undefined
      : `has other diagnostics: ${JSON.stringify(first)}`;
  }
  if (job.error) return `compiles, but should say\n${job.error}`;
  const { artefacts } = JSON.parse(readFileSync(join(job.folder, "manifest.json"), "utf8"));
  if (!isDeepStrictEqual(made.manifest.artefacts, artefacts)) return "another manifest";
  for (const [name, bytes] of Object.entries(made.files)) {
    const wanted = readFileSync(join(job.folder, name));
    if (!wanted.equals(bytes)) return `${name}: ${bytes.length} bytes that are not the ${wanted.length}`;
  }
  for (const [stage, text] of Object.entries(job.stages))
    if ((await emit(source, { ...options(job), stage })) !== text) return `another text of stage ${stage}`;
}

let [passed, failed] = [0, 0];
for (const job of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  const wrong = await problem(job);
  if (wrong) console.log(`FAIL ${basename(job.path)}:${job.kernel}\n     ${wrong}`);
  if (wrong) ++failed;
  else ++passed;
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
