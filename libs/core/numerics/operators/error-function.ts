import { CANONICAL_NAN, F32_ONE, f32Abs, f32Fma, f32IsNaN, f32Lt, f32Mul, f32Neg, f32Sub } from '../float32.js';
import { horner } from '../polynomial.js';

// Source of the method and every constant: ONNX Runtime 1.30, onnxruntime/core/mlas/lib/erf.cpp.
const SIGN = 0x80000000;
/** 3.925: from here on the result is ±1. */
const UPPER = 0x407b3333;
/** 0.921875: up to here a polynomial, above 1 − e^−p. */
const SPLIT = 0x3f6c0000;
/** erf(a)/a − 1 in a², highest power first. */
const SMALL = [0xba1d0d41, 0x3ba39fa4, 0xbcdb45e9, 0x3de70d23, 0xbec09370, 0x3e0375d3] as const;
/** p(a)/a − 1 in a, where erf(a) = 1 − e^−p(a). */
const BIG = [0x37911480, 0xb9c8e966, 0x3b7e899b, 0xbcc6b180, 0x3ddaae58, 0x3f228550, 0x3e03ce86] as const;
/** 1.5 · 2^23: adding it rounds to an integer that stands in the low bits. */
const ROUNDING_BIAS = 0x4b400000;
const LOG2_RECIPROCAL = 0x3fb8aa3b;
const LOG2_HIGH = 0xbf317200;
const LOG2_LOW = 0xb5bfbe8e;
/** e^r on |r| ≤ ln 2 / 2, highest power first. */
const EXPONENTIAL = [0x3ab54c6d, 0x3c093965, 0x3d2aad10, 0x3e2aaa17, 0x3efffffb, F32_ONE, F32_ONE] as const;

/** erf x as MLAS computes it; NaN in, NaN out. */
export function errorFunction(x: number): number {
  if (f32IsNaN(x)) return CANONICAL_NAN;
  const magnitude = f32Abs(x);
  const value = f32Lt(SPLIT, magnitude) ? big(f32Lt(UPPER, magnitude) ? UPPER : magnitude) : f32Fma(horner(SMALL, f32Mul(magnitude, magnitude)), magnitude, magnitude);
  return (value | (x & SIGN)) >>> 0;
}

/** 1 − e^−p(a), with an exponential of its own: p(a) stays below 17, so the power of two is a normal number. */
function big(a: number): number {
  const exponent = f32Neg(f32Fma(horner(BIG, a), a, a));
  const biased = f32Fma(LOG2_RECIPROCAL, exponent, ROUNDING_BIAS);
  const m = f32Sub(biased, ROUNDING_BIAS);
  const r = f32Fma(m, LOG2_LOW, f32Fma(m, LOG2_HIGH, exponent));
  const powerOfTwo = ((biased << 23) + F32_ONE) >>> 0;
  return f32Sub(F32_ONE, f32Mul(horner(EXPONENTIAL, r), powerOfTwo));
}
