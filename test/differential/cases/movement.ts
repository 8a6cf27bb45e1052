import { DTYPES, elementCount, type Dtype, type Tensor } from '#core/hashing';
import { concatAttributes, sliceAttributes, transposeAttributes } from '#core/numerics';
import type { Random } from '#testing';
import { makeCase, type CaseGenerator } from '../case.js';
import { floats, sizes } from '../values.js';

/** Movement takes any type. */
export function anything(random: Random, dims: readonly number[], dtype: Dtype = random.pick(TYPES)): Tensor {
  if (dtype === 'float32') return floats(random, dims);
  const data = random.bytes(elementCount(dims) * DTYPES[dtype].size);
  return { dtype, dims, data: dtype === 'bool' ? data.map((byte) => byte & 1) : data };
}

export const TYPES = ['float32', 'float32', 'int32', 'int64', 'uint8', 'int8', 'bool'] as const;

const reshape: CaseGenerator = (random) => {
  const dims = sizes(random, 3);
  const output = random.pick([[dims[0]! * dims[1]!, dims[2]!], [elementCount(dims)], [1, ...dims], [dims[2]!, 1, dims[0]!, dims[1]!]]);
  const tensor = anything(random, dims);
  return makeCase(random, { operator: 'Reshape', operands: [{ tensor }], output: { dtype: tensor.dtype, dims: output }, onnx: { shapeInputs: [output] } });
};

const transpose: CaseGenerator = (random) => {
  const tensor = anything(random, sizes(random, random.between(1, 5)));
  const permutation = shuffled(random, tensor.dims.map((_, axis) => axis));
  return makeCase(random, {
    operator: 'Transpose',
    attributes: transposeAttributes({ permutation }),
    operands: [{ tensor }],
    output: { dtype: tensor.dtype, dims: permutation.map((axis) => tensor.dims[axis]!) },
    onnx: { attributes: { perm: permutation.map(BigInt) } },
  });
};

function shuffled(random: Random, axes: number[]): number[] {
  return axes.map((axis) => ({ axis, key: random.next() })).sort((a, b) => a.key - b.key).map(({ axis }) => axis);
}

const concat: CaseGenerator = (random) => {
  const dims = sizes(random, random.between(1, 4));
  const axis = random.between(0, dims.length);
  const dtype = random.pick(TYPES);
  const parts = Array.from({ length: random.between(1, 5) }, () => anything(random, dims.with(axis, random.between(1, 6)), dtype));
  const joined = parts.reduce((sum, part) => sum + part.dims[axis]!, 0);
  return makeCase(random, {
    operator: 'Concat',
    attributes: concatAttributes({ axis }),
    operands: parts.map((tensor) => ({ tensor })),
    output: { dtype, dims: dims.with(axis, joined) },
    onnx: { attributes: { axis: BigInt(axis) } },
  });
};

const slice: CaseGenerator = (random) => {
  const tensor = anything(random, sizes(random, random.between(1, 5), { most: 9 }));
  const starts = tensor.dims.map((size) => random.between(0, size));
  const steps = tensor.dims.map(() => random.between(1, 4));
  const kept = tensor.dims.map((size, axis) => random.between(1, Math.floor((size - 1 - starts[axis]!) / steps[axis]!) + 2));
  const ends = starts.map((start, axis) => start + (kept[axis]! - 1) * steps[axis]! + 1);
  return makeCase(random, {
    operator: 'Slice',
    attributes: sliceAttributes({ starts, steps }),
    operands: [{ tensor }],
    output: { dtype: tensor.dtype, dims: kept },
    onnx: { shapeInputs: [starts, ends, starts.map((_, axis) => axis), steps] },
  });
};

export const cases: Record<string, CaseGenerator> = { Reshape: reshape, Transpose: transpose, Concat: concat, Slice: slice };
