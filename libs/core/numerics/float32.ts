/**
 * Binary32 arithmetic (IEEE 754-2019), round to nearest even, on bit patterns held as unsigned 32-bit integers.
 * Every NaN given back is CANONICAL_NAN. The same functions exist in contracts/src/libraries/Float32.sol.
 *
 * WHY doubles suffice: sum, difference, product, quotient and square root of binary32 numbers, rounded to double and
 * then to float, equal the direct rounding, as 53 ≥ 2·24 + 2 (Figueroa, "When is double rounding innocuous?", 1995).
 * The fused multiply-add needs one step more, see f32Fma.
 */

export const CANONICAL_NAN = 0x7fc00000;
export const F32_ZERO = 0;
export const F32_ONE = 0x3f800000;
export const F32_INFINITY = 0x7f800000;

const SIGN = 0x80000000;

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);
const double = new Float64Array(1);
/** Low word first: every platform that Node runs on is little-endian. */
const doubleBits = new Uint32Array(double.buffer);

/** The number that `bits` stand for. */
export function f32ToNumber(bits: number): number {
  floatBits[0] = bits;
  return float[0]!;
}

/** Bits of `value` rounded to nearest even. */
export function f32FromNumber(value: number): number {
  if (Number.isNaN(value)) return CANONICAL_NAN;
  float[0] = value;
  return floatBits[0]!;
}

export function f32IsNaN(a: number): boolean {
  return (a & ~SIGN) > F32_INFINITY;
}

/** Any NaN becomes CANONICAL_NAN; all else stays. */
export function f32Canonical(a: number): number {
  return f32IsNaN(a) ? CANONICAL_NAN : a;
}

export function f32Add(a: number, b: number): number {
  return f32FromNumber(f32ToNumber(a) + f32ToNumber(b));
}

export function f32Sub(a: number, b: number): number {
  return f32FromNumber(f32ToNumber(a) - f32ToNumber(b));
}

export function f32Mul(a: number, b: number): number {
  return f32FromNumber(f32ToNumber(a) * f32ToNumber(b));
}

export function f32Div(a: number, b: number): number {
  return f32FromNumber(f32ToNumber(a) / f32ToNumber(b));
}

export function f32Sqrt(a: number): number {
  return f32FromNumber(Math.sqrt(f32ToNumber(a)));
}

/** a·b + c with a single rounding. */
export function f32Fma(a: number, b: number, c: number): number {
  // The product of two 24-bit significands is exact in a double, and no exponent of one leaves its range.
  return roundedSum(f32ToNumber(a) * f32ToNumber(b), f32ToNumber(c));
}

/** p + c rounded once to binary32: the double sum is rounded to odd, after which rounding again does no harm (Boldo and Melquiond, 2008). */
function roundedSum(p: number, c: number): number {
  const sum = p + c;
  // Knuth's TwoSum: sum + error is exactly p + c. With infinities error is NaN and the sum stands.
  const back = sum - p;
  const error = p - (sum - back) + (c - back);
  if (error !== 0 && Number.isFinite(sum)) return f32FromNumber(towardsOdd(sum, error));
  return f32FromNumber(sum);
}

/** The neighbour of an even `sum` in the direction of `error`, or `sum` if its last bit is 1 already. */
function towardsOdd(sum: number, error: number): number {
  double[0] = sum;
  if (doubleBits[0]! & 1) return sum;
  if (sum < 0 === error < 0) {
    doubleBits[0]! += 1;
  } else {
    if (doubleBits[0] === 0) doubleBits[1]! -= 1;
    doubleBits[0]! -= 1;
  }
  return double[0];
}

/** −a: flips the sign of everything but NaN. */
export function f32Neg(a: number): number {
  return f32Canonical((a ^ SIGN) >>> 0);
}

export function f32Abs(a: number): number {
  return f32Canonical(a & ~SIGN);
}

/** Comparisons are false if either side is NaN, and +0 equals −0. */
export function f32Eq(a: number, b: number): boolean {
  return f32ToNumber(a) === f32ToNumber(b);
}

export function f32Lt(a: number, b: number): boolean {
  return f32ToNumber(a) < f32ToNumber(b);
}

export function f32Le(a: number, b: number): boolean {
  return f32ToNumber(a) <= f32ToNumber(b);
}

/** Rounds to an integral value, ties to even, sign kept. */
export function f32RoundEven(a: number): number {
  const value = f32ToNumber(a);
  // From 2^23 on every float is integral. Below, adding and taking away 2^23 in binary32 rounds to an integer.
  if (!(Math.abs(value) < 2 ** 23)) return f32Canonical(a);
  const rounded = Math.fround(Math.fround(Math.abs(value) + 2 ** 23) - 2 ** 23);
  return (f32FromNumber(rounded) | (a & SIGN)) >>> 0;
}

/** Largest integral value not above a; −0 stays −0. */
export function f32Floor(a: number): number {
  return f32FromNumber(Math.floor(f32ToNumber(a)));
}

/** Smallest integral value not below a; results in (−1, 0) are −0. */
export function f32Ceil(a: number): number {
  return f32FromNumber(Math.ceil(f32ToNumber(a)));
}

/** Rounds a signed 32-bit integer. */
export function f32FromI32(value: number): number {
  return f32FromNumber(value);
}

/** Rounds a signed 64-bit integer, once. */
export function f32FromI64(value: bigint): number {
  const high = Number(BigInt.asIntN(64, value) >> 32n) * 2 ** 32;
  return roundedSum(high, Number(BigInt.asUintN(32, value)));
}

const MAX_I32 = 2 ** 31 - 1;
const MAX_I64 = 2n ** 63n - 1n;

/** To a signed 32-bit integer, towards zero; out of range saturates, NaN is the largest. */
export function f32ToI32Truncated(a: number): number {
  return saturateI32(Math.trunc(f32ToNumber(a)));
}

/** To a signed 32-bit integer, ties to even; out of range saturates, NaN is the largest. */
export function f32ToI32Even(a: number): number {
  return saturateI32(f32ToNumber(f32RoundEven(a)));
}

function saturateI32(integral: number): number {
  if (Number.isNaN(integral)) return MAX_I32;
  return Math.max(-MAX_I32 - 1, Math.min(MAX_I32, integral)) + 0;
}

/** To a signed 64-bit integer, towards zero; out of range saturates, NaN is the largest. */
export function f32ToI64Truncated(a: number): bigint {
  const integral = Math.trunc(f32ToNumber(a));
  if (!(integral < 2 ** 63)) return MAX_I64;
  return integral <= -(2 ** 63) ? -MAX_I64 - 1n : BigInt(integral);
}

/** The larger of two; +0 is above −0, any NaN gives NaN (IEEE 754-2019 maximum). */
export function f32Max(a: number, b: number): number {
  return f32FromNumber(Math.max(f32ToNumber(a), f32ToNumber(b)));
}

/** The smaller of two; −0 is below +0, any NaN gives NaN (IEEE 754-2019 minimum). */
export function f32Min(a: number, b: number): number {
  return f32FromNumber(Math.min(f32ToNumber(a), f32ToNumber(b)));
}
