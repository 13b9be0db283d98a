// SPDX-License-Identifier: MIT
// The page of chromium-run.mjs: runs jobs whose files it fetches from the server.
import { Jobs } from "../src/jobs.ts";

const lines: string[] = [];
const query = new URL(location.href).searchParams;
const variant = query.get("variant") as "strict" | "relaxed" | null;
const jobs = new Jobs((line) => lines.push(line), { threads: Number(query.get("threads")), ...(variant && { variant }) });
const address = (folder: string, file: string) => `/job?folder=${encodeURIComponent(folder)}&file=${file}`;
(globalThis as { runJob?: (folder: string) => Promise<string[]> }).runJob = async (name) => {
  await jobs.run({
    name,
    read: async (file) => new Uint8Array(await (await fetch(address(name, file), { cache: "no-store" })).arrayBuffer()),
    write: async (file, bytes) => void (await fetch(address(name, file), { method: "PUT", body: bytes })),
  });
  return lines.splice(0);
};
