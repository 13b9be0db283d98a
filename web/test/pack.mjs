// SPDX-License-Identifier: MIT
// The package as npm packs it, or, without npm, the files it would contain.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const web = fileURLToPath(new URL("..", import.meta.url));
const packed = `${web}/build/test/pack`;

/** Packs it; returns the folder in which it would be installed. */
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
