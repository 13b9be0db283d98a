// SPDX-License-Identifier: MIT
// A kernel that specializes itself at launch, as Triton's do: it is compiled once per combination of argument types, of arguments divisible
// by 16 or equal to 1, and of constants.
import { DeviceBuffer } from "../buffer.ts";
import type { Device } from "../device.ts";
import { NereidError } from "../errors.ts";
import type { Grid, Kernel } from "../kernel.ts";
import { kDispose } from "../platform.ts";
import { type Artefacts, artefactsOf, describe, requestOf, type SourceOptions, textOf } from "./compile.ts";
import { held, launchInTurn } from "./turn.ts";
import { type Constant, isScalar, type KernelInfo, launchArguments, literal, signatureOf, type Value } from "./values.ts";

/** Arguments and constexprs of a launch, by name. */
export type Arguments = Readonly<Record<string, Value>>;

/** The number of programs along x, y and z, or a function that computes it from the arguments and constants of the launch. */
export type JitGrid = Grid | ((all: any) => Grid);

/** Compiler options, and the device to run on. */
export interface JitOptions extends Omit<SourceOptions, "signature" | "args"> {
  device: Device;
}

/** A launch with its specialization. @internal */
export interface Special {
  key: string;
  signature: string[];
  constants: Record<string, Constant>;
  args: Record<string, Value>;
  schedule: string;
}

/** A kernel that is compiled when it is launched. */
export function jit(source: string, options: JitOptions): JitKernel {
  return new JitKernel(source, options);
}

export class JitKernel implements Disposable {
  readonly device: Device;
  /** @internal */
  readonly options: JitOptions;
  readonly #source: string;
  readonly #kernels = new Map<string, Promise<Kernel>>();
  readonly #ready = new Map<string, Kernel>();
  #info: KernelInfo | undefined;
  #disposed = false;

  /** @internal */
  constructor(source: string, options: JitOptions) {
    this.#source = source;
    this.options = options;
    this.device = options.device;
  }

  /** The number of combinations compiled so far. */
  get compiled(): number {
    return this.#ready.size;
  }

  /** Source and options as text, as a key. @internal */
  get identity(): string {
    const { kernel, path, files, debug, schedule } = this.options;
    return JSON.stringify([
      this.#source,
      kernel,
      path,
      files,
      debug,
      schedule,
      this.options.constants && Object.entries(this.options.constants).map(([k, v]) => [k, literal(v)]),
    ]);
  }

  /**
   * Runs the kernel once for each program of the grid. The first launch of a combination compiles it; launches, reads and writes that come later
   * wait for that, so that all happens in the order of the calls.
   */
  launch(grid: JitGrid, args: Arguments): Promise<void> {
    return this.launchWith(this.options.schedule, grid, args);
  }

  /** A launch by another schedule than that of the options. @internal */
  async launchWith(schedule: string | undefined, grid: JitGrid, args: Arguments): Promise<void> {
    const info = this.#info;
    if (info) {
      const special = this.specialise(info, args, schedule);
      const kernel = this.#ready.get(special.key);
      if (kernel) return kernel.launch(gridOf(grid, args, special), launchArguments(kernel.name, kernel.parameters, special.args));
    }
    const later = hold(args);
    const compiled = this.prepareHeld(later, schedule);
    compiled.catch(() => {}); // the turn reports the error
    let done: Promise<void> | undefined;
    await this.device.queue.add(async () => {
      const [special, artefacts] = await compiled;
      const kernel = await this.loadInTurn(special, artefacts);
      ({ done } = await launchInTurn(
        this.device,
        kernel,
        gridOf(grid, later, special),
        launchArguments(kernel.name, kernel.parameters, special.args),
      ));
    });
    return done;
  }

  /** Compiles for these arguments without launching. */
  async prepare(args: Arguments): Promise<void> {
    const [special, artefacts] = await this.prepareHeld(hold(args));
    await this.device.queue.add(() => this.loadInTurn(special, artefacts).then(() => {}));
  }

  /** Frees the code of all combinations, after all earlier launches. */
  dispose(): void {
    this.#disposed = true;
    for (const kernel of this.#ready.values()) kernel.dispose();
    this.#ready.clear();
    this.#kernels.clear();
  }

  [kDispose](): void {
    this.dispose();
  }

  /** @internal */
  async info(): Promise<KernelInfo> {
    return (this.#info ??= await describe(this.#source, this.options));
  }

  /** @internal */
  specialise(info: KernelInfo, all: Arguments, schedule = this.options.schedule): Special {
    if (this.#disposed) throw new NereidError("disposed", "the kernel was disposed and cannot be launched", { kernel: info.name });
    if (typeof all !== "object" || all === null)
      throw new NereidError("wrong-argument", "pass the arguments as an object by name: { x, n: 5 }", { kernel: info.name });
    const constants: Record<string, Constant> = { ...this.options.constants };
    const args: Record<string, Value> = {};
    const isConstant = new Set(info.parameters.filter((p) => p.constexpr).map((p) => p.name));
    for (const name in all) {
      if (isConstant.has(name)) constants[name] = all[name] as Constant;
      else {
        args[name] = all[name]!;
        delete constants[name]; // the value passed to the launch takes precedence
      }
    }
    const signature = signatureOf(info, args, constants);
    const key = `${signature.join()};${info.parameters.map(({ name }) => (Object.hasOwn(constants, name) ? `${name}=${literal(constants[name]!)}` : "")).join()}${schedule ? `;${schedule}` : ""}`;
    return { key, signature, constants, args, schedule: schedule ?? "" };
  }

  /** @internal */
  async prepareHeld(args: Arguments, schedule?: string, cache = this.options.cache): Promise<[Special, Artefacts]> {
    const special = this.specialise(await this.info(), args, schedule);
    return [special, await this.artefacts(special, cache)];
  }

  /** The schedule for these arguments, or its candidates; `random SEED` draws one. @internal */
  async scheduleOf(args: Arguments, schedule?: string, stage = "schedule"): Promise<string> {
    const special = this.specialise(await this.info(), args, schedule);
    const options = { ...this.options, constants: special.constants, schedule: special.schedule, print: () => {} };
    return textOf(requestOf(`emit ${stage}.${this.device.kind}`, this.#source, options, special.signature), options);
  }

  /** @internal */
  artefacts(special: Special, cache = this.options.cache): Promise<Artefacts> {
    const options = { ...this.options, constants: special.constants, schedule: special.schedule, cache };
    return artefactsOf(requestOf(`compile ${this.device.target}`, this.#source, options, special.signature), options);
  }

  /** Must run in a turn of the device's queue. @internal */
  async loadInTurn(special: Special, { manifest, files }: Artefacts): Promise<Kernel> {
    let loading = this.#kernels.get(special.key);
    if (!loading) {
      loading = this.device.loadOne(manifest.artefacts[0]!, async (file) => files[file]!.slice(), true);
      this.#kernels.set(special.key, loading);
      loading.catch(() => this.#kernels.delete(special.key));
    }
    const kernel = await loading;
    if (!this.#disposed) this.#ready.set(special.key, kernel);
    return kernel;
  }

  /** @internal */
  isLoaded(special: Special): boolean {
    return this.#ready.has(special.key);
  }

  /** Frees the code of one combination. @internal */
  unload(special: Special): void {
    this.#ready.get(special.key)?.dispose();
    this.#ready.delete(special.key);
    this.#kernels.delete(special.key);
  }
}

/** The current arguments: a buffer that is disposed before the launch's turn stays valid for it. @internal */
export function hold(args: Arguments): Record<string, Value> {
  const one = (value: Value): Value => (Array.isArray(value) ? value.map(one) : value instanceof DeviceBuffer ? held(value) : value);
  return Object.fromEntries(Object.entries(args).map(([name, value]) => [name, one(value)]));
}

/** @internal */
export function gridOf(grid: JitGrid, args: Arguments, special: Special): Grid {
  if (typeof grid !== "function") return grid;
  return grid(
    Object.fromEntries(
      Object.entries({ ...special.constants, ...args }).map(([name, value]) => [name, isScalar(value) ? value.value : value]),
    ),
  );
}

/** Ceiling division: the number of blocks of this size that cover `n`. */
export const cdiv = (n: number, block: number): number => Math.ceil(n / block);
