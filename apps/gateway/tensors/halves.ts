/** 16-bit floats in and out of float32. Widening is exact; narrowing rounds to nearest, ties to even (IEEE 754-2019, 4.3.1). */

const CANONICAL_NAN = 0x7fc00000;

/** Bits of the float32 with the value of a binary16 (IEEE 754-2019, table 3.5); every NaN becomes 0x7fc00000. */
export function float16ToFloat32Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 31) return fraction === 0 ? (sign | 0x7f800000) >>> 0 : CANONICAL_NAN;
  if (exponent > 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  if (fraction === 0) return sign >>> 0;
  // Subnormal: the leading bit moves to where float32 has its hidden one.
  const shift = Math.clz32(fraction) - 21;
  return (sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13)) >>> 0;
}

/** Bits of the binary16 nearest to a float32. */
export function float32BitsToFloat16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return 0x7e00;
  // From 65520 on, the nearest is infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) return sign | roundedShift(magnitude - (112 << 23), 13);
  if (magnitude <= 0x33000000) return sign;
  const shift = 126 - (magnitude >>> 23);
  return sign | roundedShift((magnitude & 0x7fffff) | 0x800000, shift);
}

/** Bits of the float32 with the value of a bfloat16, its upper half; every NaN becomes 0x7fc00000. */
export function bfloat16ToFloat32Bits(half: number): number {
  const bits = (half << 16) >>> 0;
  return (bits & 0x7fffffff) > 0x7f800000 ? CANONICAL_NAN : bits;
}

/** Bits of the bfloat16 nearest to a float32. */
export function float32BitsToBfloat16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fc0;
  return ((bits >>> 16) & 0x8000) | roundedShift(bits & 0x7fffffff, 16);
}

/** value / 2^shift, to nearest, ties to even. */
function roundedShift(value: number, shift: number): number {
  const half = 2 ** (shift - 1);
  const quotient = Math.floor(value / (2 * half));
  const rest = value - quotient * 2 * half;
  return rest > half || (rest === half && quotient % 2 === 1) ? quotient + 1 : quotient;
}
