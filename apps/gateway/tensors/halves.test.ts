import { expect, it } from 'vitest';
import { bfloat16ToFloat32Bits, float16ToFloat32Bits, float32BitsToBfloat16, float32BitsToFloat16 } from './halves.js';

const words = new DataView(new ArrayBuffer(4));
const valueOf = (bits: number) => (words.setUint32(0, bits), words.getFloat32(0));
const bitsOf = (value: number) => (words.setFloat32(0, value), words.getUint32(0));
const ALL = Array.from({ length: 65_536 }, (_, half) => half);

/** By the definition: sign, exponent, fraction as powers of two. */
function binary16(half: number): number {
  const [sign, exponent, fraction] = [half >> 15 ? -1 : 1, (half >> 10) & 31, half & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : (fraction / 1024) * 2 ** -14);
}

it('widens every binary16 to its value', () => {
  expect(ALL.filter((half) => !Object.is(valueOf(float16ToFloat32Bits(half)), binary16(half)))).toEqual([]);
});

it('narrows what it widened to the same bits', () => {
  const isNaN16 = (half: number) => (half & 0x7fff) > 0x7c00;
  expect(ALL.filter((half) => !isNaN16(half) && float32BitsToFloat16(float16ToFloat32Bits(half)) !== half)).toEqual([]);
  const isNaNB = (half: number) => (half & 0x7fff) > 0x7f80;
  expect(ALL.filter((half) => !isNaNB(half) && float32BitsToBfloat16(bfloat16ToFloat32Bits(half)) !== half)).toEqual([]);
});

it('narrows to the nearest of two neighbours, ties to the even one', () => {
  const wrong = ALL.filter((half) => (half & 0x7fff) < 0x7bff).filter((half) => {
    const [low, high] = [binary16(half), binary16(half + 1)];
    const middle = (low + high) / 2;
    const even = half & 1 ? half + 1 : half;
    const [nearLow, nearHigh] = [bitsOf(middle) - 1, bitsOf(middle) + 1];
    return float32BitsToFloat16(bitsOf(middle)) !== even || float32BitsToFloat16(nearLow) !== half || float32BitsToFloat16(nearHigh) !== half + 1;
  });
  expect(wrong).toEqual([]);
});

it('goes to infinity from half way behind the largest, and keeps NaN', () => {
  expect([65519.996, 65520, -Infinity, NaN].map((value) => float32BitsToFloat16(bitsOf(value)))).toEqual([0x7bff, 0x7c00, 0xfc00, 0x7e00]);
  expect(float32BitsToBfloat16(bitsOf(NaN))).toBe(0x7fc0);
});
