// SPDX-License-Identifier: MIT
// Starts the page.
import { controlled } from "../../recall/app/controlled.ts";

await controlled();
await import("./main.ts");
