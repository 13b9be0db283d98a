// SPDX-License-Identifier: MIT
// The package as npm makes it, or, where there is no npm, what it would have in it.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const web = fileURLToPath(new URL("..", import.meta.url));
const packed = `${web}/build/test/pack`;

/** Packs it; the answer is the folder that it would be installed as. */
export function pack() {
  rmSync(packed, { recursive: true, force: true });
  mkdirSync(packed, { recursive: true });
  const made = spawnSync("npm", ["pack", "--silent", "--pack-destination", packed], { cwd: web, encoding: "utf8" });
  if (made.status === 0) {
    execFileSync("tar", ["-xzf", `${packed}/${made.stdout.trim().split("\n").at(-1)}`, "-C", packed]);
  } else {
    for (const part of ["package.json", "README.md", "LICENSE", "dist"])
      cpSync(`${web}/${part}`, `${packed}/package/${part}`, { recursive: true });
  }
  return `${packed}/package`;
}
