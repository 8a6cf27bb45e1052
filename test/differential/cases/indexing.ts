import { elementCount, type Tensor } from '#core/hashing';
import { cumSumAttributes, gatherAttributes, padAttributes, type PadMode } from '#core/numerics';
import type { Random } from '#testing';
import { makeCase, type CaseGenerator } from '../case.js';
import { floats, sizes } from '../values.js';
import { anything } from './movement.js';

/** Indices from the whole range that ONNX allows: from −size to size − 1. */
function indicesInto(random: Random, size: number, dims: readonly number[]): Tensor {
  const values = Array.from({ length: elementCount(dims) }, () => random.between(-size, size));
  if (random.between(0, 3) === 0) return { dtype: 'int32', dims, data: new Uint8Array(Int32Array.from(values).buffer) };
  return { dtype: 'int64', dims, data: new Uint8Array(BigInt64Array.from(values, BigInt).buffer) };
}

const gather: CaseGenerator = (random) => {
  const data = anything(random, sizes(random, random.between(1, 4), { most: 9 }));
  const axis = random.between(0, data.dims.length);
  const indices = indicesInto(random, data.dims[axis]!, sizes(random, random.between(0, 3), { most: 5 }));
  return makeCase(random, {
    operator: 'Gather',
    attributes: gatherAttributes({ axis }),
    operands: [{ tensor: data, constant: random.between(0, 2) === 0 }, { tensor: indices }],
    output: { dtype: data.dtype, dims: [...data.dims.slice(0, axis), ...indices.dims, ...data.dims.slice(axis + 1)] },
    onnx: { attributes: { axis: BigInt(axis) } },
  });
};

const gatherElements: CaseGenerator = (random) => {
  const data = anything(random, sizes(random, random.between(1, 4), { most: 9 }));
  const axis = random.between(0, data.dims.length);
  const dims = data.dims.map((size, i) => (i === axis ? random.between(1, 9) : random.between(1, size + 1)));
  const indices = indicesInto(random, data.dims[axis]!, dims);
  return makeCase(random, {
    operator: 'GatherElements',
    attributes: gatherAttributes({ axis }),
    operands: [{ tensor: data }, { tensor: indices, constant: random.between(0, 2) === 0 }],
    output: { dtype: data.dtype, dims },
    onnx: { attributes: { axis: BigInt(axis) } },
  });
};

const expand: CaseGenerator = (random) => {
  const dims = sizes(random, random.between(1, 5), { most: 6 });
  const from = dims.map((size) => (random.between(0, 2) === 0 ? 1 : size)).slice(random.between(0, dims.length));
  const tensor = anything(random, from);
  return makeCase(random, { operator: 'Expand', operands: [{ tensor }], output: { dtype: tensor.dtype, dims }, onnx: { shapeInputs: [dims] } });
};

const tile: CaseGenerator = (random) => {
  const tensor = anything(random, sizes(random, random.between(1, 5), { most: 4 }));
  const repeats = tensor.dims.map(() => random.between(1, 4));
  const dims = tensor.dims.map((size, axis) => size * repeats[axis]!);
  return makeCase(random, { operator: 'Tile', operands: [{ tensor }], output: { dtype: tensor.dtype, dims }, onnx: { shapeInputs: [repeats] } });
};

const pad: CaseGenerator = (random) => {
  const mode = random.pick(['constant', 'edge', 'reflect'] as const satisfies readonly PadMode[]);
  const tensor = anything(random, sizes(random, random.between(1, 5), { most: 5 }));
  const least = (size: number): number => random.between(0, mode === 'reflect' ? size : 4);
  const [begins, ends] = [tensor.dims.map(least), tensor.dims.map(least)];
  const constant = mode === 'constant' ? anything(random, [], tensor.dtype) : undefined;
  return makeCase(random, {
    operator: 'Pad',
    attributes: padAttributes({ begins, mode, word: constant ? wordOf(constant) : 0n }),
    operands: [{ tensor }],
    output: { dtype: tensor.dtype, dims: tensor.dims.map((size, axis) => begins[axis]! + size + ends[axis]!) },
    onnx: { attributes: { mode }, shapeInputs: [[...begins, ...ends], ...(constant ? [constant] : [])] },
  });
};

function wordOf({ data }: Tensor): bigint {
  const bytes = new Uint8Array(8);
  bytes.set(data);
  return new DataView(bytes.buffer).getBigUint64(0, true);
}

const resize: CaseGenerator = (random) => {
  const tensor = anything(random, sizes(random, random.between(1, 6), { most: 5 }), random.pick(['float32', 'int32', 'int8', 'uint8']));
  const scales = tensor.dims.map(() => random.between(1, 4));
  return makeCase(random, {
    operator: 'Resize',
    operands: [{ tensor }],
    output: { dtype: tensor.dtype, dims: tensor.dims.map((size, axis) => size * scales[axis]!) },
    onnx: {
      attributes: { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
      shapeInputs: [float32s([]), float32s(scales)],
    },
  });
};

function float32s(values: readonly number[]): Tensor {
  return { dtype: 'float32', dims: [values.length], data: new Uint8Array(Float32Array.from(values).buffer) };
}

const cumSum: CaseGenerator = (random) => {
  const dims = sizes(random, random.between(1, 4), { most: 12 });
  const tensor = random.between(0, 2) === 0 ? floats(random, dims) : anything(random, dims, random.pick(['int32', 'int64']));
  const axis = random.between(0, dims.length);
  const [exclusive, reverse] = [random.between(0, 2) === 1, random.between(0, 2) === 1];
  return makeCase(random, {
    operator: 'CumSum',
    attributes: cumSumAttributes({ axis, exclusive, reverse }),
    operands: [{ tensor }],
    output: { dtype: tensor.dtype, dims },
    onnx: { attributes: { exclusive: exclusive ? 1n : 0n, reverse: reverse ? 1n : 0n }, shapeInputs: [[axis]] },
  });
};

export const cases: Record<string, CaseGenerator> = { Gather: gather, GatherElements: gatherElements, Expand: expand, Tile: tile, Pad: pad, Resize: resize, CumSum: cumSum };
