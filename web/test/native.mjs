// SPDX-License-Identifier: MIT
// Runs the kernels of the playground's gallery natively, on the gallery's inputs, and writes the results to files for suite-gallery.ts.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { plugins } from "../build.mjs";

const nereid = "../build/bin/nereid";

const descr = { f16: "<f2", f32: "<f4", f64: "<f8", i8: "|i1", i16: "<i2", i32: "<i4", i64: "<i8" };
function npy(spec, values) {
  const header = `{'descr': '${descr[spec.dtype]}', 'fortran_order': False, 'shape': (${spec.shape.join(", ")},), }`;
  const padded = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`;
  return Buffer.concat([
    Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, padded.length & 255, padded.length >> 8]),
    Buffer.from(padded),
    Buffer.from(values.buffer, values.byteOffset, values.byteLength),
  ]);
}

/** Returns the number of kernels; 0 if the native compiler is not built. */
export async function runNatively(out) {
  rmSync(out, { recursive: true, force: true });
  if (!existsSync(nereid)) return 0;
  mkdirSync(out, { recursive: true });
  const contents =
    'export { gallery } from "./playground/gallery.ts";\nexport { evaluate, fill } from "./playground/settings.ts";\nexport { describe } from "./src/compile/index.ts";\n';
  const file = `${process.cwd()}/build/test/gallery.mjs`;
  await build({
    absWorkingDir: process.cwd(),
    stdin: { contents, resolveDir: ".", loader: "ts" },
    bundle: true,
    format: "esm",
    platform: "node",
    external: ["webgpu"],
    loader: { ".py": "text" },
    plugins,
    outfile: file,
    logLevel: "warning",
  });
  const { gallery, evaluate, fill, describe } = await import(`${pathToFileURL(file)}?${Date.now()}`);
  for (const [name, { source, settings }] of Object.entries(gallery)) {
    const { args, constants, grid } = evaluate(settings, await describe(source));
    const command = ["run", `${out}/${name}.py`, "--target", "cpu", "--grid", [...grid, 1, 1].slice(0, 3).join(",")];
    writeFileSync(`${out}/${name}.py`, source);
    for (const [constant, value] of Object.entries(constants)) command.push("-D", `${constant}=${value}`);
    Object.entries(args).forEach(([arg, value], i) => {
      if (value?.fill === undefined) return command.push("--arg", `${arg}=${value?.value ?? value}`);
      const array = `${out}/${name}.${arg}.npy`;
      writeFileSync(array, npy(value, fill(value, i + 1)));
      command.push("--arg", `${arg}=@${array}`, "--save", `${arg}=${array}`);
    });
    execFileSync(nereid, command, { stdio: "pipe" });
  }
  return Object.keys(gallery).length;
}
