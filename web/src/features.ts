// SPDX-License-Identifier: MIT
// Detects features of the engine.

/** The features of the engine that matter to kernels. */
export interface Features {
  /** 128-bit vectors, which every kernel requires. */
  simd: boolean;
  /** Relaxed SIMD with a fused multiply-add. */
  relaxed: boolean;
  /** Memory shared by threads; in a page this requires cross-origin isolation. */
  threads: boolean;
  /** Float16Array. */
  float16: boolean;
  /** The maximum size of a memory in bytes. */
  maxMemory: number;
}

const bytes = (text: string) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

// i8x16.popcnt, and a function of (a, c) that gives f32x4.relaxed_madd(a, a, c).
const kSimd = "AGFzbQEAAAABBQFgAAF/AwIBAAoNAQsAQQD9D/1i/RYACw==";
const kMadd = "AGFzbQEAAAABBwFgAn19AX0DAgEABwUBAWYAAAoWARQAIAD9EyAA/RMgAf0T/YUC/R8ACw==";

// A madd may round twice: 1 + 2^-22 + 2^-46 minus its first two terms reveals it.
function fuses(): boolean {
  const module = bytes(kMadd);
  if (!WebAssembly.validate(module)) return false;
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(module)).exports as { f(a: number, c: number): number };
  return f(1 + 2 ** -23, -1 - 2 ** -22) === 2 ** -46;
}

/** A memory that may grow to `maximum` bytes, or to less if the engine does not allow that. */
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

/** The features that decide between variants and threads; determined once. */
export function basicFeatures(): Omit<Features, "maxMemory"> {
  return (found ??= {
    simd: WebAssembly.validate(bytes(kSimd)),
    relaxed: fuses(),
    threads: typeof SharedArrayBuffer === "function" && globalThis.crossOriginIsolated !== false,
    float16: "Float16Array" in globalThis,
  });
}

/** Returns the features of this engine. */
export function features(): Features {
  let maxMemory = 2 ** 32;
  for (; maxMemory > 65536; maxMemory /= 2) {
    try {
      new WebAssembly.Memory({ initial: 1, maximum: maxMemory / 65536, shared: basicFeatures().threads });
      break;
    } catch {
      // a smaller one may succeed
    }
  }
  return { ...basicFeatures(), maxMemory };
}
