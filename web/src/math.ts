// SPDX-License-Identifier: MIT
// f64 functions that kernels import, with the semantics of C.

// a[0] + a[1] x + ...
const horner = (x: number, a: readonly number[]) => a.reduceRight((sum, c) => sum * x + c, 0);

// erf and erfc follow Sun's fdlibm (s_erf.c): its intervals and rational approximations, each within 1 ulp.
const kErx = 8.45062911510467529297e-1;
const kPP = [
  1.28379167095512558561e-1, -3.2504210724700149937e-1, -2.84817495755985104766e-2, -5.77027029648944159157e-3, -2.37630166566501626084e-5,
];
const kQQ = [
  1, 3.97917223959155352819e-1, 6.50222499887672944485e-2, 5.08130628187576562776e-3, 1.32494738004321644526e-4, -3.9602282787753681232e-6,
];
const kPA = [
  -2.36211856075265944077e-3, 4.14856118683748331666e-1, -3.72207876035701323847e-1, 3.18346619901161753674e-1, -1.10894694282396677476e-1,
  3.54783043256182359371e-2, -2.166375594868790843e-3,
];
const kQA = [
  1, 1.06420880400844228286e-1, 5.40397917702171048937e-1, 7.18286544141962662868e-2, 1.26171219808761642112e-1, 1.36370839120290507362e-2,
  1.1984499846799107417e-2,
];
const kRA = [
  -9.86494403484714822705e-3, -6.93858572707181764372e-1, -1.05586262253232909814e1, -6.23753324503260060396e1, -1.62396669462573470355e2,
  -1.84605092906711035994e2, -8.12874355063065934246e1, -9.81432934416914548592,
];
const kSA = [
  1, 1.96512716674392571292e1, 1.376577541435190426e2, 4.34565877475229228821e2, 6.45387271733267880336e2, 4.29008140027567833386e2,
  1.08635005541779435134e2, 6.57024977031928170135, -6.04244152148580987438e-2,
];
const kRB = [
  -9.86494292470009928597e-3, -7.99283237680523006574e-1, -1.77579549177547519889e1, -1.60636384855821916062e2, -6.37566443368389627722e2,
  -1.02509513161107724954e3, -4.83519191608651397019e2,
];
const kSB = [
  1, 3.03380607434824582924e1, 3.25792512996573918826e2, 1.53672958608443695994e3, 3.19985821950859553908e3, 2.55305040643316442583e3,
  4.74528541206955367215e2, -2.24409524465858183362e1,
];
const kWord = new DataView(new ArrayBuffer(8));

const small = (x: number) => horner(x * x, kPP) / horner(x * x, kQQ); // erf(x) = x + x small(x), |x| < 0.84375
const middle = (x: number) => horner(x - 1, kPA) / horner(x - 1, kQA); // erf(x) = erx + middle(x), to 1.25
// erfc(x) for x from 1.25 on: exp(-x²) with x² in two parts.
function tail(x: number): number {
  const s = 1 / (x * x);
  const ratio = x < 1 / 0.35 ? horner(s, kRA) / horner(s, kSA) : horner(s, kRB) / horner(s, kSB);
  kWord.setFloat64(0, x);
  kWord.setUint32(4, 0);
  const z = kWord.getFloat64(0);
  return (Math.exp(-z * z - 0.5625) * Math.exp((z - x) * (z + x) + ratio)) / x;
}

function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 0.84375) return a < 2 ** -28 ? x + x * 1.28379167095512586316e-1 : x + x * small(x);
  if (!(a < 6)) return a >= 6 ? Math.sign(x) : NaN;
  return Math.sign(x) * (a < 1.25 ? kErx + middle(a) : 1 - tail(a));
}

function erfc(x: number): number {
  const a = Math.abs(x);
  if (a < 0.84375) return x < 0.25 ? 1 - (x + x * small(x)) : 0.5 - (x - 0.5 + x * small(x));
  if (a < 1.25) return x > 0 ? 1 - kErx - middle(a) : 1 + (kErx + middle(a));
  if (!(a < 28)) return a >= 28 ? (x > 0 ? 0 : 2) : NaN;
  return x > 0 ? tail(a) : x < -6 ? 2 : 2 - tail(a);
}

// x as mantissa * 2^exponent, both integers.
function parts(x: number): [bigint, number] {
  kWord.setFloat64(0, x);
  const bits = kWord.getBigUint64(0);
  const field = Number((bits >> 52n) & 0x7ffn);
  const mantissa = (bits & 0xfffffffffffffn) | (field ? 0x10000000000000n : 0n);
  return [x < 0 ? -mantissa : mantissa, Math.max(field, 1) - 1075];
}

// x * y + z, rounded once, in arbitrary-precision integers.
function fma(x: number, y: number, z: number): number {
  const product = x * y;
  if (x === 0 || y === 0 || !Number.isFinite(x) || !Number.isFinite(y)) return product + z;
  if (!Number.isFinite(z)) return z; // the product may have overflowed
  if (z === 0) return product;
  const [mx, ex] = parts(x);
  const [my, ey] = parts(y);
  const [mz, ez] = parts(z);
  const least = Math.min(ex + ey, ez);
  const sum = ((mx * my) << BigInt(ex + ey - least)) + (mz << BigInt(ez - least));
  let magnitude = sum < 0n ? -sum : sum;
  const drop = Math.max(magnitude.toString(2).length - 53, -1074 - least, 0);
  if (drop > 0) {
    const rest = magnitude & ((1n << BigInt(drop)) - 1n);
    const half = 1n << BigInt(drop - 1);
    magnitude >>= BigInt(drop);
    if (rest > half || (rest === half && (magnitude & 1n) === 1n)) magnitude += 1n;
  }
  const rounded = Number(magnitude) * 2 ** (least + drop);
  return sum < 0n ? -rounded : rounded;
}

/** The functions that a kernel may import, by name. */
export const math = {
  exp: Math.exp,
  exp2: (x: number) => 2 ** x,
  expm1: Math.expm1,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  atan2: Math.atan2,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  erf,
  erfc,
  cbrt: Math.cbrt,
  // C: 1 to any power is 1, even to NaN, and so is -1 to an infinity.
  pow: (x: number, y: number) => (x === 1 || (x === -1 && (y === Infinity || y === -Infinity)) ? 1 : x ** y),
  fmod: (x: number, y: number) => x % y,
  fma,
};
