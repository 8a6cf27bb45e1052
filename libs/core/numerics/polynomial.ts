import { f32Fma } from './float32.js';

/** Horner's scheme with fused multiply-adds, highest coefficient first. Coefficients and x are float32 bits. */
export function horner(coefficients: readonly number[], x: number): number {
  return coefficients.slice(1).reduce<number>((sum, coefficient) => f32Fma(sum, x, coefficient), coefficients[0]!);
}
