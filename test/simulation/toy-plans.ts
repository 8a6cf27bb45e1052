import { DTYPES, elementCount, type Dtype, type Tensor, type TensorHeader } from '#core/hashing';
import type { Descriptor, OperandRef } from '#core/numerics';
import { tensorOf, TOY_CODES, type ToyPlan } from '#core/trace';
import type { Random } from '#testing';

/** Shapes that matter to the game: one chunk, several rounds of chunks, chains of one, of a few, and of more than 256 steps. */
const SHAPES: readonly (readonly number[])[] = [[3], [8], [2, 5], [9, 4], [40], [2, 20], [300], [2, 300], [1, 700]];
const LARGE = 3;

export function randomTensor(random: Random, { dtype, dims }: TensorHeader): Tensor {
  const bits = BigInt(DTYPES[dtype].size * 8);
  const word = () => BigInt.asUintN(Number(bits), (BigInt(random.between(0, 2 ** 31)) << 32n) | BigInt(random.between(0, 2 ** 31)));
  return tensorOf({ dtype, dims }, Array.from({ length: elementCount(dims) }, word));
}

/** A random model of the four toy operators, with its inputs; sometimes deep, sometimes with wide tensors or long sums. */
export function randomPlan(random: Random): ToyPlan {
  const dtype = random.pick<Dtype>(['int32', 'int64', 'uint8', 'float32']);
  const dims = random.pick(random.next() < 0.8 ? SHAPES.slice(0, -LARGE) : SHAPES);
  const header = { dtype, dims };
  const inputs = Array.from({ length: random.between(1, 4) }, () => randomTensor(random, header));
  const initializers = Array.from({ length: random.between(0, 4) }, () => randomTensor(random, header));
  const refs: OperandRef[] = [
    ...inputs.map((_, index) => ({ kind: 'input' as const, index, ...header })),
    ...initializers.map((_, index) => ({ kind: 'initializer' as const, index, ...header })),
  ];
  const values: Descriptor[] = [];
  const count = random.pick([1, 2, 3, 5, 8, 13, elementCount(dims) > 100 ? 4 : 70]);
  while (values.length < count) {
    const made = randomDescriptor(random, refs);
    refs.push({ kind: 'value', index: values.length, ...made.output });
    values.push(made);
  }
  const outputs = [refs.at(-1)!, ...Array.from({ length: random.between(0, 3) }, () => random.pick(refs))];
  return { inputs, initializers, values, outputs };
}

function randomDescriptor(random: Random, refs: readonly OperandRef[]): Descriptor {
  // WHY: mostly recent operands, so that a fault early on reaches the output.
  const a = random.next() < 0.6 ? refs.at(-1)! : random.pick(refs);
  const same = refs.filter((r) => r.dims.join() === a.dims.join());
  const canSum = a.dims.length > 0 && a.dims.at(-1)! > 0;
  const op = random.pick(canSum ? Object.values(TOY_CODES) : [TOY_CODES.add, TOY_CODES.mul, TOY_CODES.copy]);
  const operands = op === TOY_CODES.add || op === TOY_CODES.mul ? [a, random.pick(same)] : [a];
  const dims = op === TOY_CODES.sum ? a.dims.slice(0, -1) : a.dims;
  return { op, outputIndex: 0, output: { dtype: a.dtype, dims }, operands, attributes: [] };
}
