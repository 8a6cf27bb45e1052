import { DTYPES, type Dtype, type Tensor } from '#core/hashing';
import type { Random } from '#testing';
import { makeCase, type CaseGenerator } from '../case.js';
import { elements, floats, sizes } from '../values.js';
import { broadcastPair } from './elementwise.js';

const NUMBERS = ['float32', 'float32', 'int32', 'int64'] as const;

const predicate = (operator: string, dtypes: readonly Dtype[]): CaseGenerator => (random) => {
  const dims = sizes(random, random.between(1, 5));
  const dtype = random.pick(dtypes);
  const operands = broadcastPair(random, dims).map((shape) => ({ tensor: elements(random, shape, dtype) }));
  return makeCase(random, { operator, operands, output: { dtype: 'bool', dims } });
};

const not: CaseGenerator = (random) => {
  const dims = sizes(random, random.between(0, 5));
  return makeCase(random, { operator: 'Not', operands: [{ tensor: elements(random, dims, 'bool') }], output: { dtype: 'bool', dims } });
};

const where: CaseGenerator = (random) => {
  const dims = sizes(random, random.between(1, 4));
  const dtype = random.pick([...NUMBERS, 'uint8'] as const);
  const [first, second] = broadcastPair(random, dims);
  const [condition, x, y] = random.pick([[first, second, dims], [dims, first, second], [second, dims, first], [first, dims, second]] as const);
  const operands = [elements(random, condition, 'bool'), withoutMinusZero(elements(random, x, dtype)), withoutMinusZero(elements(random, y, dtype))];
  return makeCase(random, { operator: 'Where', operands: operands.map((tensor) => ({ tensor })), output: { dtype, dims } });
};

/** The sign of −0 is lost in some shapes; the compiler keeps it away. */
function withoutMinusZero(tensor: Tensor): Tensor {
  if (tensor.dtype !== 'float32') return tensor;
  const words = new Uint32Array(tensor.data.buffer);
  words.forEach((bits, i) => (words[i] = bits === 0x80000000 ? 0 : bits));
  return tensor;
}

const ANY = ['float32', 'int32', 'int64', 'uint8', 'int8', 'bool'] as const;
/** Largest magnitude of floats that fit after they are cut; unsigned types have no negative ones. */
const ROOM: Partial<Record<Dtype, number>> = { uint8: 255.99, int8: 127.99, int32: 2147483520, int64: 2 ** 62 };

const cast: CaseGenerator = (random) => {
  const dims = sizes(random, random.between(0, 4), { most: 12 });
  const from = random.pick(ANY);
  const to = random.pick(ANY.filter((dtype) => dtype !== from));
  const tensor = from === 'float32' ? fitting(random, floats(random, dims), to) : elements(random, dims, from);
  return makeCase(random, { operator: 'Cast', operands: [{ tensor }], output: { dtype: to, dims }, onnx: { attributes: { to: BigInt(DTYPES[to].code) } } });
};

/** Floats outside the integer type's range are cast by machine; the compiler keeps them away. */
function fitting(random: Random, tensor: Tensor, to: Dtype): Tensor {
  const room = ROOM[to];
  if (room === undefined) return tensor;
  const values = new Float32Array(tensor.data.buffer);
  values.forEach((value, i) => {
    const kept = Number.isNaN(value) || Math.abs(value) > room || random.between(0, 4) === 0 ? (random.next() * 2 - 1) * room : value;
    values[i] = to === 'uint8' ? Math.abs(kept) : kept;
  });
  return tensor;
}

export const cases: Record<string, CaseGenerator> = {
  Less: predicate('Less', NUMBERS),
  LessOrEqual: predicate('LessOrEqual', NUMBERS),
  Equal: predicate('Equal', [...NUMBERS, 'bool']),
  And: predicate('And', ['bool']),
  Or: predicate('Or', ['bool']),
  Xor: predicate('Xor', ['bool']),
  Not: not,
  Where: where,
  Cast: cast,
};
