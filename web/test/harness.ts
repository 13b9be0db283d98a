// SPDX-License-Identifier: MIT
// A test harness that runs anywhere.
import { type ErrorCode, NereidError } from "../src/index.ts";

export const tests: { name: string; run: () => unknown }[] = [];

export function test(name: string, run: () => unknown): void {
  tests.push({ name, run });
}

const show = (value: unknown): string => {
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} ${show([...(value as unknown as Iterable<unknown>)])}`;
  if (Array.isArray(value)) return `[${value.slice(0, 50).map(show).join(", ")}${value.length > 50 ? ", ..." : ""}]`;
  if (Object.is(value, -0)) return "-0";
  return typeof value === "bigint" ? `${value}n` : typeof value === "string" ? JSON.stringify(value) : String(value);
};

export function equal(got: unknown, wanted: unknown, what = ""): void {
  const [a, b] = [show(got), show(wanted)];
  if (a !== b) throw new Error(`${what ? `${what}: ` : ""}got ${a}, wanted ${b}`);
}

export function ok(value: unknown, what: string): void {
  if (!value) throw new Error(`not so: ${what}`);
}

export function near(got: number, wanted: number, ulps: number, what: string): void {
  if (Object.is(got, wanted)) return;
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, Math.abs(wanted));
  const ulp = 2 ** (Math.max(bits.getUint32(0) >>> 20, 1) - 1075);
  if (!(Math.abs(got - wanted) <= ulps * ulp))
    throw new Error(`${what}: got ${got}, wanted ${wanted}, ${Math.abs(got - wanted) / ulp} ulps away`);
}

/** Returns the error that `run` throws, or with which its promise rejects. */
export async function fails(
  run: () => unknown,
  code: ErrorCode,
  about: { kernel?: string; argument?: string; message?: string } = {},
): Promise<NereidError> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof NereidError)) throw error;
    equal(error.code, code, error.message);
    if (about.kernel !== undefined) equal(error.kernel, about.kernel, "kernel");
    if (about.argument !== undefined) equal(error.argument, about.argument, "argument");
    ok(error.message.includes(about.message ?? ""), `"${error.message}" has "${about.message}"`);
    return error;
  }
  throw new Error(`it did not fail with ${code}`);
}

/** Rejects if the promise takes too long, so that a hang is a failure. */
export function within<T>(seconds: number, promise: Promise<T>): Promise<T> {
  return Promise.race([
    promise,
    new Promise<never>((_, reject) => {
      const timer = setTimeout(() => reject(new Error(`no end after ${seconds} s`)), seconds * 1000) as unknown as { unref?: () => void };
      timer.unref?.();
    }),
  ]);
}
