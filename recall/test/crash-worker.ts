// SPDX-License-Identifier: MIT
// Writes records to a file of the browser until it hangs in the middle of a write, for crash.mjs to kill it; or reads them.
import { Log, type LogFile, openPrivateFile } from "../src/log.ts";

interface Order {
  /** The stage of the third write at which to hang; without it, records are read. */
  stage?: "before" | "half" | "written" | "flushed";
}

const hang = (stage: string) => {
  postMessage({ hangs: stage });
  for (;;);
};
const payload = (i: number) => Uint8Array.from({ length: 1000 * (i + 1) }, (_, k) => (i * 31 + k) & 255);

onmessage = async ({ data: { stage } }: MessageEvent<Order>) => {
  const file = await openPrivateFile("crash");
  let writes = 0;
  const careful: LogFile = {
    ...file,
    write: (at, bytes) => {
      const last = stage && at > 0 && ++writes === 3;
      if (last && stage === "before") hang(stage);
      const half = bytes.length >> 1;
      void file.write(at, bytes.slice(0, half));
      if (last && stage === "half") hang(stage);
      void file.write(at + half, bytes.slice(half));
      if (last && stage === "written") hang(stage);
    },
    flush: () => {
      void file.flush();
      if (writes === 3 && stage === "flushed") hang(stage);
    },
  };
  let count = 0;
  let wrong = 0;
  const log = await Log.open(careful, 4, ({ kind, payload: found }) => {
    const wanted = payload(count % 20);
    if (kind !== count++ || found.length !== wanted.length || found.some((byte, k) => byte !== wanted[k])) ++wrong;
  });
  for (let i = count; stage; ++i) await log.append(i, payload(i % 20));
  await log.close();
  postMessage({ count, wrong });
};
