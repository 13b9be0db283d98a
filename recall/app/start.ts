// SPDX-License-Identifier: MIT
// Starts the page.
import { controlled } from "./controlled.ts";

await controlled();
await import("./main.ts");
