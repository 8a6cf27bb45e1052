import { canonicalizeNaNs, DTYPES, elementCount, type Dtype, type Tensor } from '#core/hashing';
import type { Random } from '#testing';

/** What elements a tensor gets: what networks have, the whole range of exponents, every third a special value, or zeros of both signs. */
export type Style = 'plain' | 'wide' | 'special' | 'zeros';

export const STYLES: readonly Style[] = ['plain', 'plain', 'wide', 'wide', 'special', 'special', 'zeros'];

/** Zeros, smallest and largest subnormals and normals, one and its neighbours, ties, the largest integers, infinities, NaN. */
const SPECIAL = [
  0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x807fffff, 0x00800000, 0x80800000, 0x00800001, 0x3f800000, 0xbf800000,
  0x3f7fffff, 0x3f800001, 0x3f000000, 0xbf000000, 0x33800000, 0x33800001, 0x34000000, 0x4b000000, 0x4b7fffff, 0x4b800000, 0xcb800000,
  0x5f000000, 0x7f000000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0x42b17218, 0xc2cff1b5, 0x42b18d72,
  // Where polynomials change or arguments are cut: Erf, Tanh, Sigmoid.
  0x3f6c0000, 0xbf6c0001, 0x407b3333, 0xc07b3334, 0x41100000, 0xc1100001, 0x41900000, 0xc1900001,
];

export interface FloatsOptions {
  readonly style?: Style;
  /** Leaves out NaN and −0, which some operators never see. */
  readonly tame?: boolean;
  /** Leaves out −0 only. */
  readonly positiveZeros?: boolean;
}

/** A float32 tensor of random elements. */
export function floats(random: Random, dims: readonly number[], { style = random.pick(STYLES), tame = false, positiveZeros = false }: FloatsOptions = {}): Tensor {
  const words = Uint32Array.from({ length: elementCount(dims) }, () => word(random, style));
  if (tame) words.forEach((bits, i) => (words[i] = (bits & 0x7fffffff) > 0x7f800000 || bits === 0x80000000 ? 0x3fc00000 : bits));
  if (positiveZeros) words.forEach((bits, i) => (words[i] = bits === 0x80000000 ? 0 : bits));
  return canonicalizeNaNs({ dtype: 'float32', dims, data: new Uint8Array(words.buffer) });
}

function word(random: Random, style: Style): number {
  if (style === 'special' && random.between(0, 3) === 0) return random.pick(SPECIAL);
  if (style === 'zeros') return random.between(0, 8) === 0 ? 0 : 0x80000000;
  if (style === 'plain' || style === 'special') return bitsOf((random.next() + random.next() + random.next() - 1.5) * 2);
  return Math.floor(random.next() * 2 ** 32);
}

function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!;
}

/** Random sizes, each from 1 to `most`, at most `elements` in all. */
export function sizes(random: Random, rank: number, { most = 7, elements = 4096 } = {}): number[] {
  const dims = Array.from({ length: rank }, () => random.between(1, most + 1));
  while (elementCount(dims) > elements) dims[random.between(0, rank)] = 1;
  return dims;
}

/** A tensor of any type: floats as above, else every other element small, the rest the smallest, the largest, or anything. */
export function elements(random: Random, dims: readonly number[], dtype: Dtype): Tensor {
  if (dtype === 'float32') return floats(random, dims);
  const { size } = DTYPES[dtype];
  const data = new Uint8Array(elementCount(dims) * size);
  const view = new DataView(data.buffer);
  for (let at = 0; at < data.length; at += size) writeInteger(view, { at, size, value: dtype === 'bool' ? BigInt(random.between(0, 2)) : integer(random, BigInt(8 * size)) });
  return { dtype, dims, data };
}

function integer(random: Random, bits: bigint): bigint {
  if (random.between(0, 2) === 0) return BigInt(random.between(-4, 5));
  return random.pick([0n, (1n << (bits - 1n)) - 1n, 1n << (bits - 1n), BigInt.asUintN(64, BigInt(Math.floor(random.next() * 2 ** 52)) * 0x9e3779b97f4a7c15n)]);
}

function writeInteger(view: DataView, { at, size, value }: { at: number; size: 1 | 4 | 8; value: bigint }): void {
  if (size === 1) view.setUint8(at, Number(BigInt.asUintN(8, value)));
  else if (size === 4) view.setUint32(at, Number(BigInt.asUintN(32, value)), true);
  else view.setBigUint64(at, BigInt.asUintN(64, value), true);
}

/** Kinds of values that operators treat in ways of their own. `overflow` is a result beyond the largest float, of finite operands. */
export type ValueKind = 'zero' | 'negative zero' | 'subnormal' | 'infinity' | 'NaN' | 'tie' | 'least or largest integer' | 'overflow';

/** Special kind of an element; a tie lies halfway between two integers. */
export function kindOf(word: bigint, dtype: Dtype): ValueKind | undefined {
  if (word === 0n) return 'zero';
  if (dtype !== 'float32') return isEnd(word, dtype) ? 'least or largest integer' : undefined;
  const bits = Number(word);
  const magnitude = bits & 0x7fffffff;
  if (magnitude === 0) return 'negative zero';
  if (magnitude < 0x00800000) return 'subnormal';
  if (magnitude >= 0x7f800000) return magnitude === 0x7f800000 ? 'infinity' : 'NaN';
  return Math.abs(new Float32Array(Uint32Array.of(bits).buffer)[0]!) % 1 === 0.5 ? 'tie' : undefined;
}

function isEnd(word: bigint, dtype: Exclude<Dtype, 'float32'>): boolean {
  if (dtype === 'bool') return false;
  const bits = BigInt(8 * DTYPES[dtype].size);
  const low = BigInt.asUintN(Number(bits), word);
  return dtype === 'uint8' ? low === 0xffn : low === 1n << (bits - 1n) || low === (1n << (bits - 1n)) - 1n;
}
