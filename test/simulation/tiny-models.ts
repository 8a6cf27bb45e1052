import { elementCount, type Tensor, type TensorHeader } from '#core/hashing';
import { matMulAttributes, operatorByCode, operatorByName, type Descriptor, type OperandRef } from '#core/numerics';
import { tensorOf, type ToyPlan } from '#core/trace';
import type { Random } from '#testing';

const float32 = (dims: readonly number[]): TensorHeader => ({ dtype: 'float32', dims });

function randomFloats(random: Random, dims: readonly number[]): Tensor {
  const values = Float32Array.from({ length: elementCount(dims) }, () => random.next() * 4 - 2);
  return tensorOf(float32(dims), [...new Uint32Array(values.buffer)].map(BigInt));
}

function ref(kind: OperandRef['kind'], index: number, dims: readonly number[]): OperandRef {
  return { kind, index, ...float32(dims) };
}

function value(operator: string, operands: readonly OperandRef[], made: { dims: readonly number[]; attributes?: readonly bigint[] }): Descriptor {
  return { op: operatorByName(operator).code, outputIndex: 0, output: float32(made.dims), operands, attributes: made.attributes ?? [] };
}

/**
 * A tiny network of real operators with random weights: a product (sometimes long enough for two rounds of partial sums)
 * between elementwise layers of random number, and a reshape. One of its outputs is the input itself, sometimes.
 */
export function randomTinyPlan(random: Random): ToyPlan {
  const inner = random.pick([3, 20, 300, 600]);
  const [rows, columns] = [random.between(1, 4), random.pick([1, 5, 12, 70])];
  const wide = [rows, inner];
  const made = [rows, columns];
  const values: Descriptor[] = [];
  const push = (descriptor: Descriptor): OperandRef => {
    values.push(descriptor);
    return ref('value', values.length - 1, descriptor.output.dims);
  };
  let at = push(value('Add', [ref('input', 0, wide), ref('initializer', 1, [1, inner])], { dims: wide }));
  at = push(value('MatMul', [at, ref('initializer', 0, [inner, columns])], { dims: made, attributes: matMulAttributes({ block: random.pick([64, 256]) }) }));
  for (let left = random.pick([1, 3, 8, 30]); left > 0; left--) {
    const [operator, count] = random.pick([['Relu', 1], ['Mul', 2], ['Sub', 2], ['Sqrt', 1]] as const);
    at = push(value(operator, count === 1 ? [at] : [at, ref('value', random.between(1, values.length), made)], { dims: made }));
  }
  at = push(value('Reshape', [at], { dims: [rows * columns] }));
  return {
    inputs: [randomFloats(random, wide)],
    initializers: [randomFloats(random, [inner, columns]), randomFloats(random, [1, inner])],
    values,
    outputs: [at, ...(random.next() < 0.5 ? [ref('input', 0, wide), ref('initializer', 1, [1, inner])] : [])],
    operatorOf: (code) => operatorByCode(code),
  };
}
