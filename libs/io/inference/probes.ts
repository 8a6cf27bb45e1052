import { canonicalizeNaNs, DTYPES, elementCount, type Tensor } from '#core/hashing';
import type { NamedHeader } from '#core/onnx';

/** Numbers below a bound from a seed (mulberry32, public domain by Tommy Ettinger). */
export function seeded(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
}

/** Bit patterns that kernels are known to treat differently: zeros, subnormals, infinities, NaN, the largest and smallest. */
const SPECIAL = [0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0x3f800000, 0xbf800000];

/** Bytes that fill up the integers at which kernels saturate or overflow: 0, −1 or 255; the lowest and highest of a sign come from the last byte. */
const FILLERS = [0x00, 0xff] as const;

/**
 * Ordinary: float inputs from −128 to 255 with all their bits in use, so that every sum rounds and its order shows; integers
 * of 8 bits over their whole range, longer ones from −256 to 767, so that indices are inside and outside.
 * Hostile: one float in eight is a special value or random bits; half of the integers are an end of their range, the others random bits.
 */
export function probe({ dtype, dims }: NamedHeader, random: (bound: number) => number, hostile: boolean): Tensor {
  const data = new Uint8Array(elementCount(dims) * DTYPES[dtype].size);
  if (dtype === 'bool') return { dtype, dims, data: data.map(() => random(2)) };
  if (dtype !== 'float32') return { dtype, dims, data: integers(data, { size: DTYPES[dtype].size, random, hostile }) };
  const view = new DataView(data.buffer);
  for (let at = 0; at < data.length; at += 4) {
    if (hostile && random(8) === 0) view.setUint32(at, random(2) === 0 ? SPECIAL[random(SPECIAL.length)]! : random(2 ** 32), true);
    else view.setFloat32(at, (random(2 ** 32) / 2 ** 32) * 383 - 128, true);
  }
  return canonicalizeNaNs({ dtype, dims, data });
}

function integers(data: Uint8Array, { size, random, hostile }: { size: number; random: (bound: number) => number; hostile: boolean }): Uint8Array {
  for (let at = 0; at < data.length; at += size) {
    if (hostile && random(2) === 0) {
      data.fill(FILLERS[random(2)]!, at, at + size);
      if (random(2) === 0) data[at + size - 1]! ^= 0x80;
    } else if (hostile || size === 1) {
      for (let byte = at; byte < at + size; byte++) data[byte] = random(256);
    } else new DataView(data.buffer).setInt32(at, random(1024) - 256, true);
    if (size === 8 && !hostile) data.fill(data[at + 3]!, at + 4, at + 8);
  }
  return data;
}

/** Distinct element numbers: the first, the last, and `count` − 2 drawn ones. */
export function sample(length: number, count: number, random: (bound: number) => number): number[] {
  const chosen = new Set([0, length - 1]);
  for (let i = 2; i < count; i++) chosen.add(random(length));
  return [...chosen];
}
