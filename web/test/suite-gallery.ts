// SPDX-License-Identifier: MIT
// Compiles and runs the whole gallery of the playground, and so all of examples/, and compares the results with native runs (native.mjs).
import { gallery } from "../playground/gallery.ts";
import { readNpy } from "../playground/npy.ts";
import { run } from "../playground/run.ts";
import { evaluate } from "../playground/settings.ts";
import { describe } from "../src/compile/index.ts";
import { type Device, open } from "../src/index.ts";
import { equal, ok, test, within } from "./harness.ts";

const native = async (name: string, array: string) => readNpy(await (await fetch(`native/${name}.${array}.npy`)).arrayBuffer());

async function asNatively(name: string, device: Device): Promise<void> {
  try {
    const { source, settings, allowed = 0 } = gallery[name]!;
    const info = await describe(source);
    const { ran } = await run(source, info.name, device, evaluate(settings, info), { cache: false });
    ok(
      ran.arrays.some((a) => a.changed),
      "something is written",
    );
    for (const { name: array, shape, after } of ran.arrays) {
      const { values, shape: wanted } = await native(name, array);
      equal(shape, wanted, array);
      let [most, worst] = [0, 0];
      for (let i = 0; i < values.length; ++i) {
        most = Math.max(most, Math.abs(Number(values[i])));
        const apart = Math.abs(Number(values[i]) - after[i]!);
        if (!Object.is(Number(values[i]), after[i]) && !(apart <= worst)) worst = apart;
      }
      ok(worst <= allowed * most, `${array}: at most ${worst} of ${most} away`);
    }
  } finally {
    device.dispose();
  }
}

if ((await fetch("native/softmax.x_ptr.npy")).ok)
  for (const name of Object.keys(gallery)) {
    test(`gallery: ${name} as natively`, async () => within(60, asNatively(name, await open({ device: "wasm" }))));
    test(`WebGPU gallery: ${name} as natively`, async () => within(60, asNatively(name, await open({ device: "webgpu" }))));
  }
