// SPDX-License-Identifier: MIT
import { runAll } from "./all.ts";

onmessage = async ({ data }) => postMessage(await runAll(data));
