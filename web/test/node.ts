// SPDX-License-Identifier: MIT
import { test } from "node:test";
import { tests } from "./harness.ts";
import "./node-run.ts";
import "./suite.ts";

for (const { name, run } of tests) if (name.includes(process.argv[2] ?? "")) test(name, { timeout: 60000 }, () => run() as Promise<void>);
