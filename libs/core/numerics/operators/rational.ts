import { CANONICAL_NAN, F32_ZERO, f32Add, f32Div, f32IsNaN, f32Lt, f32Mul } from '../float32.js';
import { horner } from '../polynomial.js';

// Source of the method and every constant: ONNX Runtime 1.30, onnxruntime/core/mlas/lib/tanh.cpp and logistic.cpp.

/** An odd rational function x·P(x²)/Q(x²) on [−bound, bound], beyond which x counts as the bound. */
interface Rational {
  readonly bound: number;
  /** Highest power first. */
  readonly numerator: readonly number[];
  readonly denominator: readonly number[];
}

const SIGN = 0x80000000;
const HALF = 0x3f000000;

const TANH: Rational = {
  bound: 0x41100000, // 9
  numerator: [0xa59f25c0, 0x2a61337e, 0xaebd37ff, 0x335c0041, 0x3779434a, 0x3a270ded, 0x3ba059dc],
  denominator: [0x35a0d3d8, 0x38f895d6, 0x3b14aa05, 0x3ba059dd],
};

const LOGISTIC: Rational = {
  bound: 0x41900000, // 18
  numerator: [0x2e403551, 0x33f84ecb, 0x387f413b, 0x3c0b7d58, 0x3e7e3f32],
  denominator: [0x2b2bc4f5, 0x31c5f27b, 0x36d317dd, 0x3adf153f, 0x3def3e18, 0x3f7e3f34],
};

function evaluate({ bound, numerator, denominator }: Rational, argument: number): number {
  const negative = bound + SIGN;
  const x = f32Lt(argument, negative) ? negative : f32Lt(bound, argument) ? bound : argument;
  const square = f32Mul(x, x);
  return f32Div(f32Mul(horner(numerator, square), x), horner(denominator, square));
}

/** tanh x as MLAS computes it; NaN in, NaN out. */
export function hyperbolicTangent(x: number): number {
  return f32IsNaN(x) ? CANONICAL_NAN : evaluate(TANH, x);
}

/**
 * 1/(1 + e^−x) as MLAS computes it on x86: a rational function plus a half, not below +0; NaN in, NaN out. Above 17.48 a few
 * results are one step above 1, which MLAS cuts off on ARM; the compiler keeps such arguments away.
 */
export function logistic(x: number): number {
  if (f32IsNaN(x)) return CANONICAL_NAN;
  const value = f32Add(evaluate(LOGISTIC, x), HALF);
  return f32Lt(F32_ZERO, value) ? value : F32_ZERO;
}
