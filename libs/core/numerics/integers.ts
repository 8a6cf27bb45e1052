import { DTYPES, type Dtype } from '#core/hashing';

const BITS_PER_BYTE = 8;

function bitsOf(dtype: Dtype): number {
  return DTYPES[dtype].size * BITS_PER_BYTE;
}

/** The integer that an element's word stands for; types without a sign as they are. */
export function integerOf(word: bigint, dtype: Dtype): bigint {
  return dtype === 'uint8' || dtype === 'bool' ? word : BigInt.asIntN(bitsOf(dtype), word);
}

/** The word of an integer, reduced modulo 2 to the number of bits. */
export function wordOf(value: bigint, dtype: Dtype): bigint {
  return BigInt.asUintN(bitsOf(dtype), value);
}

/** Quotient rounded towards zero; by zero it is zero. */
export function integerQuotient(a: bigint, b: bigint): bigint {
  return b === 0n ? 0n : a / b;
}

/** Remainder with the sign of the divisor, as ONNX's Mod with fmod 0; by zero it is zero. */
export function integerModulo(a: bigint, b: bigint): bigint {
  if (b === 0n) return 0n;
  const remainder = a % b;
  return remainder !== 0n && remainder < 0n !== b < 0n ? remainder + b : remainder;
}
