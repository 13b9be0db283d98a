// SPDX-License-Identifier: MIT
import { runAll } from "./all.ts";

const query = new URL(location.href).searchParams;
postMessage(await runAll(query.get("only") ?? "", query.has("webgpu")));
