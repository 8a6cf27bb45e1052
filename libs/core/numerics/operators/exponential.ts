import { CANONICAL_NAN, F32_ONE, f32Fma, f32IsNaN, f32Lt, f32Mul, f32Sub } from '../float32.js';

// Source of the method and every constant: ONNX Runtime 1.30, onnxruntime/core/mlas/lib/compute.cpp (MlasComputeExpVector).
/** −103.9720840454: below, e^x rounds to zero. */
const LOWEST = 0xc2cff1b5;
/** 88.7762626647950: above, e^x is infinite. */
const HIGHEST = 0x42b18d72;
/** 1.5 · 2^23: adding it rounds to an integer that stands in the low bits. */
const ROUNDING_BIAS = 0x4b400000;
/** 1 / ln 2 */
const LOG2_RECIPROCAL = 0x3fb8aa3b;
/** −ln 2 in two parts. */
const LOG2_HIGH = 0xbf317200;
const LOG2_LOW = 0xb5bfbe8e;
/** Polynomial of e^r on |r| ≤ ln 2 / 2, highest power first, down to the factor of r (1). */
const POLYNOMIAL = [0x3ab4a000, 0x3c092f6e, 0x3d2aadad, 0x3e2aaa28, 0x3efffffb, F32_ONE] as const;
const SMALLEST_EXPONENT = -1056964608;
const LARGEST_EXPONENT = 1065353216;

/**
 * e^x as MLAS computes it: x = m·ln 2 + r, a polynomial in r, times 2^m in two factors so that results from the
 * subnormals to infinity come out. A fixed sequence of fused multiply-adds; NaN in, NaN out.
 */
export function exponential(x: number): number {
  if (f32IsNaN(x)) return CANONICAL_NAN;
  const clamped = f32Lt(x, LOWEST) ? LOWEST : f32Lt(HIGHEST, x) ? HIGHEST : x;
  const biased = f32Fma(clamped, LOG2_RECIPROCAL, ROUNDING_BIAS);
  const m = f32Sub(biased, ROUNDING_BIAS);
  const r = f32Fma(m, LOG2_LOW, f32Fma(m, LOG2_HIGH, clamped));

  const power = (biased << 23) | 0;
  const part = Math.max(Math.min(power, LARGEST_EXPONENT), SMALLEST_EXPONENT);
  const overflow = (power - part + LARGEST_EXPONENT) >>> 0;
  const normal = (part + LARGEST_EXPONENT) >>> 0;

  const polynomial = POLYNOMIAL.slice(1).reduce<number>((sum, factor) => f32Fma(sum, r, factor), POLYNOMIAL[0]);
  return f32Mul(f32Fma(polynomial, f32Mul(r, overflow), overflow), normal);
}
