import type { Dtype, Tensor } from '#core/hashing';
import type { Random } from '#testing';
import { float32, makeCase, type CaseGenerator } from '../case.js';
import { elements, floats, sizes, type FloatsOptions } from '../values.js';

const unary = (operator: string, onnx: { opType?: string; attributes?: Record<string, number> } = {}): CaseGenerator => (random) => {
  const dims = sizes(random, random.between(0, 5), { most: 12 });
  return makeCase(random, { operator, operands: [{ tensor: floats(random, dims) }], output: float32(dims), onnx });
};

/** Relu of anything but −0, on which machines differ. */
const rectify: CaseGenerator = (random) => {
  const dims = sizes(random, random.between(0, 5), { most: 12 });
  const tensor = floats(random, dims);
  const words = new Uint32Array(tensor.data.buffer);
  words.forEach((word, i) => void (word === 0x80000000 && (words[i] = 0)));
  return makeCase(random, { operator: 'Rectify', operands: [{ tensor }], output: float32(dims), onnx: { opType: 'Relu' } });
};

interface BinaryOptions extends FloatsOptions {
  /** One of these; float32 if left out. */
  readonly dtypes?: readonly Dtype[];
  /** Integer divisors must be constants other than 0 and −1; machines stop at those. */
  readonly divides?: boolean;
}

const NUMBERS = ['float32', 'float32', 'int32', 'int64'] as const;

const binary = (operator: string, { dtypes = ['float32'], divides = false, ...options }: BinaryOptions = {}): CaseGenerator => (random) => {
  const dims = sizes(random, random.between(1, 5));
  const dtype = random.pick(dtypes);
  const operands = broadcastPair(random, dims).map((shape, slot) => {
    if (dtype === 'float32') return { tensor: floats(random, shape, options) };
    const tensor = elements(random, shape, dtype);
    return divides && slot === 1 ? { tensor: divisors(tensor), constant: true } : { tensor };
  });
  return makeCase(random, { operator, operands, output: { dtype, dims } });
};

/** 7 for every 0 and −1. */
function divisors(tensor: Tensor): Tensor {
  const words = tensor.dtype === 'int32' ? new Int32Array(tensor.data.buffer) : new BigInt64Array(tensor.data.buffer);
  words.forEach((value, i) => {
    if (value == 0 || value == -1) words[i] = typeof value === 'bigint' ? 7n : 7;
  });
  return tensor;
}

/** Two shapes that broadcast to `dims`: one may lack leading axes, either may have ones. */
export function broadcastPair(random: Random, dims: readonly number[]): [number[], number[]] {
  const keepers = dims.map(() => random.between(0, 4));
  const full = dims.map((size, axis) => (keepers[axis] === 0 ? 1 : size));
  const partial = dims.map((size, axis) => (keepers[axis] === 1 ? 1 : size)).slice(keepers.lastIndexOf(0) === -1 ? random.between(0, dims.length) : 0);
  return random.between(0, 2) === 0 ? [full, partial] : [partial, full];
}

export const cases: Record<string, CaseGenerator> = {
  Add: binary('Add', { dtypes: NUMBERS }),
  Sub: binary('Sub', { dtypes: NUMBERS }),
  Mul: binary('Mul', { dtypes: NUMBERS }),
  Div: binary('Div', { dtypes: NUMBERS, divides: true }),
  Mod: binary('Mod', { dtypes: ['int32', 'int64'], divides: true }),
  PRelu: binary('PRelu'),
  // Unequal zeros are the compiler's business.
  Max: binary('Max', { positiveZeros: true, dtypes: NUMBERS }),
  Min: binary('Min', { positiveZeros: true, dtypes: NUMBERS }),
  Neg: unary('Neg'),
  Abs: unary('Abs'),
  Sqrt: unary('Sqrt'),
  Exp: unary('Exp'),
  Tanh: unary('Tanh'),
  Sigmoid: unary('Sigmoid'),
  Erf: unary('Erf'),
  Floor: unary('Floor'),
  Ceil: unary('Ceil'),
  Round: unary('Round'),
  Relu: unary('Relu', { opType: 'ThresholdedRelu', attributes: { alpha: 0 } }),
  Rectify: rectify,
};
