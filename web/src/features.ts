// SPDX-License-Identifier: MIT
// What the engine has.

/** What an engine has, as far as kernels care. */
export interface Features {
  /** 128-bit vectors, which every kernel needs. */
  simd: boolean;
  /** Relaxed SIMD whose multiply-add rounds once. */
  relaxed: boolean;
  /** Memory that threads share; in a page this needs cross-origin isolation. */
  threads: boolean;
  /** Float16Array. */
  float16: boolean;
  /** Bytes that one memory can have. */
  maxMemory: number;
}

const bytes = (text: string) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

// i8x16.popcnt, and a function of (a, c) that gives f32x4.relaxed_madd(a, a, c).
const kSimd = "AGFzbQEAAAABBQFgAAF/AwIBAAoNAQsAQQD9D/1i/RYACw==";
const kMadd = "AGFzbQEAAAABBwFgAn19AX0DAgEABwUBAWYAAAoWARQAIAD9EyAA/RMgAf0T/YUC/R8ACw==";

// A madd may be two roundings: 1 + 2^-22 + 2^-46 less its first two terms tells.
function fuses(): boolean {
  const module = bytes(kMadd);
  if (!WebAssembly.validate(module)) return false;
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(module)).exports as { f(a: number, c: number): number };
  return f(1 + 2 ** -23, -1 - 2 ** -22) === 2 ** -46;
}

/** A memory that may grow to `maximum` bytes, or to less where the engine gives no more. */
export function newMemory(initial: number, maximum: number, shared: boolean): WebAssembly.Memory {
  const first = Math.ceil(initial / 65536);
  for (let pages = Math.max(first, Math.min(65536, Math.ceil(maximum / 65536))); ; pages = Math.max(first, pages >>> 1)) {
    try {
      return new WebAssembly.Memory({ initial: first, maximum: pages, shared });
    } catch (error) {
      if (pages <= first) throw error;
    }
  }
}

let found: Omit<Features, "maxMemory"> | undefined;

/** What decides between variants and threads; looked up once. */
export function basicFeatures(): Omit<Features, "maxMemory"> {
  return (found ??= {
    simd: WebAssembly.validate(bytes(kSimd)),
    relaxed: fuses(),
    threads: typeof SharedArrayBuffer === "function" && globalThis.crossOriginIsolated !== false,
    float16: "Float16Array" in globalThis,
  });
}

/** What this engine has. */
export function features(): Features {
  let maxMemory = 2 ** 32;
  for (; maxMemory > 65536; maxMemory /= 2) {
    try {
      new WebAssembly.Memory({ initial: 1, maximum: maxMemory / 65536, shared: basicFeatures().threads });
      break;
    } catch {
      // a smaller one may do
    }
  }
  return { ...basicFeatures(), maxMemory };
}
