// SPDX-License-Identifier: MIT
// Finds the fastest constants and schedule of a kernel by running it.
import { DeviceBuffer } from "../buffer.ts";
import type { Device } from "../device.ts";
import { NereidError } from "../errors.ts";
import { builtin, isNode, kGrain, processors } from "../platform.ts";
import type { WasmDevice } from "../wasm.ts";
import type { GpuDevice } from "../webgpu.ts";
import { recall, remember, type Store, usualStore } from "./cache.ts";
import { version } from "./compile.ts";
import { type Arguments, gridOf, hold, type JitGrid, type JitKernel } from "./jit.ts";
import { search } from "./schedules.ts";
import { launchInTurn, readInTurn, timeInTurn, writeInTurn } from "./turn.ts";
import { type Constant, launchArguments, literal, type Value } from "./values.ts";

/** Values of constexprs. */
export type Config = Readonly<Record<string, Constant>>;

export interface AutotuneOptions {
  /** The configurations to choose from. */
  configs?: readonly Config[];
  /** Or the ordered values of each constant: the search starts in the middle and moves to neighbours until none is faster. */
  space?: Readonly<Record<string, readonly Constant[]>>;
  /** The maximum number of configurations of a space to measure; default 32. */
  budget?: number;
  /** Parameters whose values distinguish problems: each combination of values is tuned separately. Buffers are distinguished by type. */
  key?: readonly string[];
  /** Selects the configurations worth measuring for these arguments. */
  keep?: (config: Config, args: Arguments) => boolean;
  /** Buffers that the kernel changes: they are restored after each measurement. Default: all buffers. */
  restore?: readonly string[];
  /** Milliseconds to measure each configuration, after the engine has optimized it; default 20. */
  time?: number;
  /** Milliseconds to search schedules of the best configuration; default 0: the compiler's schedule. */
  scheduleTime?: number;
  /**
   * Measures a configuration instead of the clock. Returns µs per launch, or any number that is smaller for a better configuration.
   * `schedule` is empty for the compiler's schedule.
   */
  measure?: (config: Config, launch: () => Promise<void>, schedule: string) => number | Promise<number>;
  /** The clock of `scheduleTime`, in ms; default: performance.now(). */
  clock?: () => number;
  /** Where to store results. Default: the Cache API. false: only in this object. */
  cache?: boolean | Store;
}

/** The time of a configuration, in µs per launch; infinite if it failed. */
export interface Measured {
  config: Config;
  time: number;
  error?: unknown;
}

interface Loaded {
  launch: () => Promise<{ done?: Promise<void> }>;
  time: (runs: number) => Promise<number[]> | undefined;
  done: () => void;
}

interface Choice {
  config: Config;
  schedule: string;
}

/** A kernel that launches with the best of several configurations. */
export function autotune(kernel: JitKernel, options: AutotuneOptions): Autotuned {
  return new Autotuned(kernel, options);
}

export class Autotuned {
  readonly #kernel: JitKernel;
  readonly #options: AutotuneOptions;
  readonly #best = new Map<string, Choice>();
  readonly #measured = new Map<string, Measured[]>();

  /** @internal */
  constructor(kernel: JitKernel, options: AutotuneOptions) {
    if (options.configs ? options.space : !options.space && !options.scheduleTime)
      throw new NereidError("wrong-argument", "pass either `configs` or `space` to autotune, not both; or `scheduleTime` without them");
    if ((options.configs ?? Object.values(options.space ?? { one: [] })).length === 0)
      throw new NereidError("wrong-argument", "`configs` or `space` is empty: pass at least one configuration");
    this.#kernel = kernel;
    this.#options = options;
  }

  /** Launches the kernel. The first launch of each problem first searches for the best configuration. */
  async launch(grid: JitGrid, args: Arguments): Promise<void> {
    const best = this.#best.get(this.#key(args));
    if (best) return this.#kernel.launchWith(best.schedule || undefined, grid, { ...args, ...best.config });
    const held = hold(args);
    const stored = this.#recall(args);
    let done: Promise<void> | undefined;
    await this.#kernel.device.queue.add(async () => {
      const best = this.#best.get(this.#key(held)) ?? (await stored) ?? (await this.#tune(grid, held));
      this.#best.set(this.#key(held), best);
      ({ done } = await (await this.#load(grid, { ...held, ...best.config }, best.schedule)).launch());
    });
    return done;
  }

  /** The configuration for these arguments, if one has been found. */
  best(args: Arguments): Config | undefined {
    return this.#best.get(this.#key(args))?.config;
  }

  /** The schedule for these arguments, if one has been found that is faster than the compiler's. */
  schedule(args: Arguments): string | undefined {
    return this.#best.get(this.#key(args))?.schedule || undefined;
  }

  /** The measurements for these arguments, fastest first; undefined if the result came from the store. */
  measured(args: Arguments): readonly Measured[] {
    return this.#measured.get(this.#key(args)) ?? [];
  }

  #key(args: Arguments): string {
    const one = (value: Value | undefined): string => {
      if (value instanceof DeviceBuffer) return value.dtype;
      if (Array.isArray(value)) return `(${value.map(one).join()})`;
      if (typeof value === "object" && value !== null && "type" in value) return `${value.type}:${String(value.value)}`;
      return value === undefined ? "" : literal(value as Constant);
    };
    // Types matter, too: those of all buffers.
    const types = Object.keys(args)
      .filter((name) => args[name] instanceof DeviceBuffer)
      .sort();
    return [...(this.#options.key ?? []).map((name) => one(args[name])), ...types.map((name) => one(args[name]))].join(";");
  }

  #storeKey(args: Arguments): string {
    const { configs = [{}], space, scheduleTime } = this.#options;
    const choice = !space ? configs.map(text) : Object.entries(space!).map(([name, values]) => `${name}: ${values.map(literal).join()}`);
    const machine = isNode ? `${builtin("node:os").cpus()[0]?.model} ${process.version}` : (globalThis.navigator?.userAgent ?? "");
    const { device } = this.#kernel;
    return JSON.stringify([
      "tuned",
      version,
      this.#kernel.identity,
      choice,
      !!scheduleTime,
      this.#key(args),
      machine,
      processors(),
      ...identity(device),
    ]);
  }

  get #store(): Store | undefined {
    const { cache } = this.#options;
    return cache === false ? undefined : typeof cache === "object" ? cache : usualStore();
  }

  async #recall(args: Arguments): Promise<Choice | undefined> {
    const store = this.#store;
    const parts = store && (await recall(store, this.#storeKey(args)));
    if (!parts) return undefined;
    const [wanted, schedule = ""] = parts.map((part) => new TextDecoder().decode(part));
    const config = this.#all().find((config) => text(config) === wanted);
    return config && { config, schedule };
  }

  // All configurations, also those of a space.
  #all(): Config[] {
    const { configs = [{}], space } = this.#options;
    if (!space) return [...configs];
    return Object.entries(space).reduce<Config[]>(
      (all, [name, values]) => all.flatMap((config) => values.map((value) => ({ ...config, [name]: value }))),
      [{}],
    );
  }

  // The argument values of this launch. A schedule that is only tried is not stored.
  async #load(grid: JitGrid, all: Record<string, Value>, schedule = "", isTrial = false): Promise<Loaded> {
    const { device } = this.#kernel;
    const [special, artefacts] = await this.#kernel.prepareHeld(all, schedule || undefined, isTrial ? false : undefined);
    const stays = !isTrial || this.#kernel.isLoaded(special);
    const kernel = await this.#kernel.loadInTurn(special, artefacts);
    const args = launchArguments(kernel.name, kernel.parameters, special.args);
    const programs = gridOf(grid, all, special);
    return {
      launch: () => launchInTurn(device, kernel, programs, args),
      time: (runs) => timeInTurn(device, kernel, programs, args, runs),
      done: () => stays || this.#kernel.unload(special),
    };
  }

  async #tune(grid: JitGrid, held: Record<string, Value>): Promise<Choice> {
    const { configs = [{}], space, keep, restore, budget = 32 } = this.#options;
    const buffers = (value: Value): DeviceBuffer[] =>
      Array.isArray(value) ? value.flatMap(buffers) : value instanceof DeviceBuffer ? [value] : [];
    const changed = Object.entries(held).flatMap(([name, value]) => ((restore?.includes(name) ?? true) ? buffers(value) : []));
    const saved = await Promise.all(changed.map(readInTurn));
    const results = new Map<string, Measured>();
    let fastest = Infinity;
    const restored = () => Promise.all(changed.map((buffer, i) => writeInTurn(buffer, saved[i]!)));
    const measure = async (config: Config): Promise<number> => {
      const known = results.get(text(config));
      if (known) return known.time;
      const result: Measured = { config, time: Infinity };
      results.set(text(config), result);
      if (keep && !keep(config, held)) return Infinity;
      try {
        result.time = await this.#time(grid, held, config, fastest);
        fastest = Math.min(fastest, result.time);
      } catch (error) {
        result.error = error; // the configuration may not suit this problem, or not compile
      }
      await restored();
      return result.time;
    };
    if (space) await climb(space, budget, measure);
    else for (const config of configs) await measure(config);
    const measured = [...results.values()].filter((r) => r.time < Infinity || r.error !== undefined).sort((a, b) => a.time - b.time);
    this.#measured.set(this.#key(held), measured);
    const best = measured[0];
    if (!best) throw new NereidError("wrong-argument", "no configuration is left: `keep` rejects all of them");
    if (best.time === Infinity) throw best.error;
    const schedule = await this.#schedule(grid, held, best.config, restored);
    const store = this.#store;
    if (store)
      void remember(
        store,
        this.#storeKey(held),
        [text(best.config), schedule].map((part) => new TextEncoder().encode(part)),
      );
    return { config: best.config, schedule };
  }

  // The fastest schedule of a configuration; empty if it is the compiler's.
  async #schedule(grid: JitGrid, held: Record<string, Value>, config: Config, restored: () => Promise<unknown>): Promise<string> {
    const { scheduleTime = 0, clock = () => performance.now() } = this.#options;
    if (!scheduleTime) return "";
    const end = clock() + scheduleTime;
    const time = async (schedule: string, fastest: number) => {
      try {
        return await this.#time(grid, held, config, fastest, schedule, true);
      } catch (error) {
        if (schedule) return Infinity; // decisions that are legal alone but not together
        throw error;
      } finally {
        await restored();
      }
    };
    return search(
      {
        schedule: (decisions) => this.#kernel.scheduleOf({ ...held, ...config }, decisions),
        candidates: (decisions) => this.#kernel.scheduleOf({ ...held, ...config }, decisions, "candidates"),
      },
      time,
      () => clock() < end,
    );
  }

  // Returns µs per launch. Engines recompile code that runs often, so this runs until it gets no faster; much slower configurations are
  // stopped early.
  async #time(
    grid: JitGrid,
    held: Record<string, Value>,
    config: Config,
    fastest: number,
    schedule = "",
    isTrial = false,
  ): Promise<number> {
    const loaded = await this.#load(grid, { ...held, ...config }, schedule, isTrial);
    try {
      return await this.#measure(loaded, config, fastest, schedule);
    } finally {
      loaded.done();
    }
  }

  async #measure({ launch, time }: Loaded, config: Config, fastest: number, schedule: string): Promise<number> {
    if (this.#options.measure) return this.#options.measure(config, async () => (await launch()).done, schedule);
    const wanted = this.#options.time ?? 20;
    const middle = (times: number[]) => times.sort((a, b) => a - b)[times.length >> 1]!;
    const byClock = time(1);
    if (byClock) {
      await byClock;
      const first = middle((await time(5))!);
      // Browsers round a GPU's time to steps of 100 µs; shorter launches are timed together, as below.
      if (first % 100 || first > 2000) {
        if (first > 2 * fastest) return first;
        return middle((await time(Math.max(5, Math.min(1000, Math.ceil((wanted * 1e3) / first)))))!);
      }
    }
    // As many launches as the clock needs to measure them.
    const batch = async (count: number) => {
      const start = performance.now();
      let done: Promise<void> | undefined;
      for (let i = 0; i < count; ++i) ({ done } = await launch());
      await done;
      return ((performance.now() - start) * 1e3) / count;
    };
    await (
      await launch()
    ).done;
    let count = 1;
    let best = await batch(count);
    while (best * count < Math.max(20 * kGrain, 500)) best = await batch((count *= 4));
    const begin = performance.now();
    for (let calm = 0; calm < 3 && performance.now() - begin < 15 * wanted;) {
      const now = await batch(count);
      calm = now > best * 0.97 ? calm + 1 : 0;
      if (performance.now() - begin < wanted) calm = 0;
      best = Math.min(best, now);
      if (calm && best > 2 * fastest) return best;
    }
    const times: number[] = [];
    for (const end = performance.now() + wanted; times.length < 5 || performance.now() < end;) times.push(await batch(count));
    return middle(times);
  }
}

// Identifies the device among those of this machine.
function identity(device: Device): unknown[] {
  if (device.kind === "wasm") return [(device as WasmDevice).variant, (device as WasmDevice).threads];
  const { vendor, architecture, device: model, description } = (device as GpuDevice).info;
  return [vendor, architecture, model, description];
}

const text = (config: Config): string =>
  Object.keys(config)
    .sort()
    .map((name) => `${name}=${literal(config[name]!)}`)
    .join();

// From the middle of the space, moves to a faster neighbour until there is none. A neighbour differs by one step in one constant, or by
// opposite steps in two.
async function climb(
  space: Readonly<Record<string, readonly Constant[]>>,
  budget: number,
  measure: (config: Config) => Promise<number>,
): Promise<void> {
  const names = Object.keys(space);
  const at = names.map((name) => (space[name]!.length - 1) >> 1);
  const config = (place: number[]): Config => Object.fromEntries(names.map((name, i) => [name, space[name]![place[i]!]!]));
  const tried = new Set<string>();
  const time = async (place: number[]): Promise<number> => {
    if (!place.every((p, i) => p >= 0 && p < space[names[i]!]!.length)) return Infinity;
    if (!tried.has(place.join())) {
      if (tried.size >= budget) return Infinity;
      tried.add(place.join());
    }
    return measure(config(place));
  };
  const steps: number[][] = [];
  for (let i = 0; i < names.length; ++i) for (const d of [1, -1]) steps.push(names.map((_, k) => (k === i ? d : 0)));
  for (let i = 0; i < names.length; ++i)
    for (let j = 0; j < names.length; ++j) if (i !== j) steps.push(names.map((_, k) => (k === i ? 1 : k === j ? -1 : 0)));
  let current = await time(at);
  // If the middle does not work, start at the first configuration that does.
  for (const place of current < Infinity ? [] : allPlaces(names.map((name) => space[name]!.length))) {
    current = await time(place);
    if (current < Infinity) {
      at.splice(0, at.length, ...place);
      break;
    }
    if (tried.size >= budget) return;
  }
  for (let moved = true; moved && tried.size < budget;) {
    moved = false;
    for (const step of steps) {
      const place = at.map((p, i) => p + step[i]!);
      const t = await time(place);
      if (t < current) {
        current = t;
        at.splice(0, at.length, ...place);
        moved = true;
      }
    }
  }
}

function allPlaces(sizes: number[]): number[][] {
  return sizes.reduce<number[][]>((all, size) => all.flatMap((place) => Array.from({ length: size }, (_, i) => [...place, i])), [[]]);
}
