// SPDX-License-Identifier: MIT
// A model that is opened again after its device was lost.
import type { Device } from "nereid-lang";

interface Opened<M> {
  device: Device;
  model: M;
}

/** Opens a device and a model when they are first used, and again if the device was lost. */
export class Session<M extends Disposable> {
  readonly #open: () => Promise<Opened<M>>;
  #opened: Promise<Opened<M>> | undefined;

  constructor(open: () => Promise<Opened<M>>) {
    this.#open = open;
  }

  /** Runs a function with the model. If the device is lost meanwhile, it runs once more, with a new one. */
  async use<T>(run: (model: M) => Promise<T>): Promise<T> {
    for (let again = false; ; again = true) {
      const opened = this.#opened ?? (this.#opened = this.#open());
      try {
        const { model } = await opened;
        return await run(model);
      } catch (error) {
        const device = await opened.then(
          ({ device }) => device,
          () => undefined,
        );
        const lost = !device || device.disposed || (device as { lost?: boolean }).lost === true || isLost(error);
        if (lost && this.#opened === opened) {
          this.#opened = undefined;
          if (device && !device.disposed) device.dispose();
        }
        if (!lost || !device || again) throw error;
      }
    }
  }

  /** Frees the memory of both, until the next use. */
  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    const found = await opened?.catch(() => undefined);
    found?.model[Symbol.dispose]();
    if (found && !found.device.disposed) found.device.dispose();
  }
}

const isLost = (error: unknown) => ["lost-device", "lost-worker"].includes((error as { code?: string }).code ?? "");
