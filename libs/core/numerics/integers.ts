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

/** Smallest and largest integer of a type. */
const RANGES = {
  uint8: [0n, 255n],
  int8: [-128n, 127n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
} as const satisfies Partial<Record<Dtype, readonly [bigint, bigint]>>;

/** The word of the integer of the type that is nearest to `value`. */
export function saturatedWord(value: bigint, dtype: keyof typeof RANGES): bigint {
  const [least, most] = RANGES[dtype];
  return wordOf(value < least ? least : value > most ? most : value, dtype);
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
