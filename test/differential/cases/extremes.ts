import type { Dtype, Tensor } from '#core/hashing';
import { argMaxAttributes, reduceMaxAttributes } from '#core/numerics';
import type { Random } from '#testing';
import { makeCase, type CaseGenerator } from '../case.js';
import { elements, floats, sizes } from '../values.js';

const DTYPES = ['float32', 'float32', 'float32', 'int32', 'int8', 'uint8'] as const;

/** No NaN and no −0, the compiler keeps them away; few different values in every other tensor, so that there are ties. */
function tame(random: Random, dims: readonly number[], dtype: Dtype): Tensor {
  if (dtype !== 'float32') return elements(random, dims, dtype);
  const tensor = floats(random, dims, { tame: true });
  const values = new Float32Array(tensor.data.buffer);
  if (random.between(0, 2) === 0) values.forEach((_, i) => (values[i] = random.between(0, 4)));
  return tensor;
}

/** Along one axis, short or long, with other axes around it. */
function shape(random: Random): { dims: number[]; axis: number } {
  const dims = sizes(random, random.between(1, 5), { most: 20 });
  const axis = random.between(0, dims.length);
  return { dims: random.between(0, 4) === 0 ? dims.map((size, i) => (i === axis ? random.between(30, 300) : Math.min(size, 3))) : dims, axis };
}

const reduce = (operator: string): CaseGenerator => (random) => {
  const { dims, axis } = shape(random);
  const dtype = random.pick([...DTYPES, 'int64'] as const);
  return makeCase(random, {
    operator,
    attributes: reduceMaxAttributes({ axis }),
    operands: [{ tensor: tame(random, dims, dtype) }],
    output: { dtype, dims: dims.with(axis, 1) },
    onnx: { attributes: { axes: [BigInt(axis)], keepdims: 1n } },
  });
};

const position = (operator: string): CaseGenerator => (random) => {
  const { dims, axis } = shape(random);
  const last = random.between(0, 2) === 1;
  return makeCase(random, {
    operator,
    attributes: argMaxAttributes({ axis, last }),
    operands: [{ tensor: tame(random, dims, random.pick(DTYPES)) }],
    output: { dtype: 'int64', dims: dims.with(axis, 1) },
    onnx: { attributes: { axis: BigInt(axis), keepdims: 1n, select_last_index: last ? 1n : 0n } },
  });
};

export const cases: Record<string, CaseGenerator> = { ReduceMax: reduce('ReduceMax'), ReduceMin: reduce('ReduceMin'), ArgMax: position('ArgMax'), ArgMin: position('ArgMin') };
