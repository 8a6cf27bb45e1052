import type { Random } from '#testing';
import { float32, makeCase, type CaseGenerator } from '../case.js';
import { floats, sizes, type FloatsOptions } from '../values.js';

const unary = (operator: string, onnx: { opType?: string; attributes?: Record<string, number> } = {}): CaseGenerator => (random) => {
  const dims = sizes(random, random.between(0, 5), { most: 12 });
  return makeCase(random, { operator, operands: [{ tensor: floats(random, dims) }], output: float32(dims), onnx });
};

const binary = (operator: string, options: FloatsOptions = {}): CaseGenerator => (random) => {
  const dims = sizes(random, random.between(1, 5));
  const [first, second] = broadcastPair(random, dims);
  const operands = [first, second].map((shape) => ({ tensor: floats(random, shape, options) }));
  return makeCase(random, { operator, operands, output: float32(dims) });
};

/** Two shapes that broadcast to `dims`: one may lack leading axes, either may have ones. */
function broadcastPair(random: Random, dims: readonly number[]): [number[], number[]] {
  const keepers = dims.map(() => random.between(0, 4));
  const full = dims.map((size, axis) => (keepers[axis] === 0 ? 1 : size));
  const partial = dims.map((size, axis) => (keepers[axis] === 1 ? 1 : size)).slice(keepers.lastIndexOf(0) === -1 ? random.between(0, dims.length) : 0);
  return random.between(0, 2) === 0 ? [full, partial] : [partial, full];
}

export const cases: Record<string, CaseGenerator> = {
  Add: binary('Add'),
  Sub: binary('Sub'),
  Mul: binary('Mul'),
  Div: binary('Div'),
  // Unequal zeros are the compiler's business.
  Max: binary('Max', { tame: true }),
  Min: binary('Min', { tame: true }),
  Neg: unary('Neg'),
  Abs: unary('Abs'),
  Sqrt: unary('Sqrt'),
  Exp: unary('Exp'),
  Relu: unary('Relu', { opType: 'ThresholdedRelu', attributes: { alpha: 0 } }),
};
