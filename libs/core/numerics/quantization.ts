import { f32Div, f32FromI64, f32Mul, f32RoundEven, f32ToI64Truncated } from './float32.js';
import { integerOf, saturatedWord } from './integers.js';

/** Types of quantised tensors. */
export const QUANTIZED = ['uint8', 'int8'] as const;
export type Quantized = (typeof QUANTIZED)[number];

/**
 * The word of a float32 rounded to an integer, ties to even, plus the zero point's word, brought into the type's range
 * (onnx/docs/Operators.md, QuantizeLinear). NaN is the largest; machines differ there, so the compiler keeps it away.
 */
export function quantized(bits: number, zeroPoint: bigint, dtype: Quantized): bigint {
  return saturatedWord(f32ToI64Truncated(f32RoundEven(bits)) + integerOf(zeroPoint, dtype), dtype);
}

/** Words of the scales of two factors and of their product. */
export interface Scales {
  readonly a: bigint;
  readonly b: bigint;
  readonly y: bigint;
}

/** An int32 sum's word as quantised: sum · (a · b / y), each step rounded to float32, then as `quantized`. */
export function requantized(sum: bigint, { a, b, y }: Scales, { zeroPoint, dtype }: { zeroPoint: bigint; dtype: Quantized }): bigint {
  const factor = f32Div(f32Mul(Number(a), Number(b)), Number(y));
  return quantized(f32Mul(f32FromI64(integerOf(sum, 'int32')), factor), zeroPoint, dtype);
}
