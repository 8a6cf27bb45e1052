import { elementCount, type Dtype, type Tensor } from '#core/hashing';
import { integerConvAttributes, quantizeAttributes } from '#core/numerics';
import type { Random } from '#testing';
import { float32, makeCase, type Case, type CaseGenerator } from '../case.js';
import { elements, floats, sizes } from '../values.js';

type Quantized = 'uint8' | 'int8';
const EITHER: readonly Quantized[] = ['uint8', 'int8'];

/** Positive finite scales: what networks have, powers of two (ties), subnormals, the largest. */
function scales(random: Random, dims: readonly number[], { hostile = true } = {}): Tensor {
  const values = Float32Array.from({ length: elementCount(dims) }, () => {
    if (!hostile || random.between(0, 2) === 0) return 0.001 + random.next();
    return random.pick([1, 0.5, 2, 2 ** -149, 2 ** -140, 2 ** -126, 2 ** 100, (2 - 2 ** -23) * 2 ** 127, 1 / 255]);
  });
  return { dtype: 'float32', dims, data: new Uint8Array(values.buffer) };
}

/** Down to where the quotient of the scales stays finite: the compiler refuses others, whose product with 0 is NaN. */
function outputScale(random: Random): Tensor {
  const value = random.pick([0.001 + random.next(), 1, 0.5, 1 / 255, 2 ** -126, 2 ** 20, (2 - 2 ** -23) * 2 ** 127]);
  return { dtype: 'float32', dims: [], data: new Uint8Array(Float32Array.of(value).buffer) };
}

/** Floats without NaN, which the compiler keeps away, many of them at or near ties for a scale of 1 or ½. */
function inputs(random: Random, dims: readonly number[]): Tensor {
  const tensor = floats(random, dims, { tame: true });
  const values = new Float32Array(tensor.data.buffer);
  values.forEach((value, i) => {
    if (random.between(0, 2) === 0) values[i] = random.between(-520, 520) / 4;
    else if (Number.isNaN(value)) values[i] = Infinity;
  });
  return tensor;
}

/** Shape, an axis of it, and the shape of scale and zero point: a scalar, or one per place along the axis. */
function parameters(random: Random): { dims: number[]; axis: number; of: number[] } {
  const rank = random.between(0, 4);
  const dims = sizes(random, rank, { most: 40, elements: 600 });
  if (rank === 0 || random.between(0, 2) === 0) return { dims, axis: 0, of: [] };
  const axis = random.between(0, rank);
  return { dims, axis, of: [dims[axis]!] };
}

const quantizeLinear: CaseGenerator = (random) => {
  const { dims, axis, of } = parameters(random);
  const dtype = random.pick(EITHER);
  return makeCase(random, {
    operator: 'QuantizeLinear',
    attributes: quantizeAttributes({ axis }),
    operands: [{ tensor: inputs(random, dims) }, { tensor: scales(random, of), constant: true }, { tensor: elements(random, of, dtype), constant: random.between(0, 2) === 0 }],
    output: { dtype, dims },
    onnx: { attributes: { axis: BigInt(axis) } },
  });
};

const dequantizeLinear: CaseGenerator = (random) => {
  const { dims, axis, of } = parameters(random);
  const dtype: Dtype = random.pick([...EITHER, 'int32']);
  const scale = random.between(0, 2) === 0 ? floats(random, of) : scales(random, of);
  const zeroPoints = dtype === 'int32' ? [] : [{ tensor: elements(random, of, dtype), constant: random.between(0, 2) === 0 }];
  return makeCase(random, {
    operator: 'DequantizeLinear',
    attributes: quantizeAttributes({ axis }),
    operands: [{ tensor: elements(random, dims, dtype) }, { tensor: scale, constant: random.between(0, 2) === 0 }, ...zeroPoints],
    output: float32(dims),
    onnx: { attributes: { axis: BigInt(axis) } },
  });
};

/** Both sides: every element anything its type holds, the right side constant or not. */
interface Sides {
  readonly dtype: Quantized;
  readonly left: readonly number[];
  readonly right: readonly number[];
  /** Columns, or filters. */
  readonly channels: number;
  readonly output: readonly number[];
  readonly perChannelZero: boolean;
}

const byte = (random: Random, dtype: Quantized, dims: readonly number[] = []): Tensor => {
  const tensor = elements(random, dims, dtype);
  return random.between(0, 3) === 0 ? { ...tensor, data: tensor.data.fill(random.pick([0, 127, 128, 255])) } : tensor;
};

interface ProductParts {
  readonly operator: string;
  readonly attributes?: readonly bigint[];
  readonly onnx?: { attributes: Record<string, bigint | readonly bigint[]> };
}

function integer(random: Random, { dtype, left, right, channels, output, perChannelZero }: Sides, parts: ProductParts): Case {
  const bZero = perChannelZero && random.between(0, 2) === 0 ? [channels] : [];
  const constant = random.between(0, 2) === 0;
  return makeCase(random, {
    ...parts,
    operands: [{ tensor: byte(random, dtype, left) }, { tensor: byte(random, dtype, right), constant }, { tensor: byte(random, dtype) }, { tensor: byte(random, dtype, bZero), constant: true }],
    output: { dtype: 'int32', dims: output },
  });
}

function linear(random: Random, { dtype, left, right, channels, output, perChannelZero }: Sides, { biased, ...parts }: ProductParts & { biased: boolean }): Case {
  const constant = true;
  const bScale = (biased || perChannelZero) && random.between(0, 2) === 0 ? [channels] : [];
  const bZero = perChannelZero && bScale.length === 1 ? bScale : [];
  const bias = biased && random.between(0, 2) === 0 ? [{ tensor: elements(random, [channels], 'int32'), constant }] : [];
  const scale = (dims: readonly number[] = []): { tensor: Tensor; constant: boolean } => ({ tensor: scales(random, dims, { hostile: false }), constant });
  return makeCase(random, {
    ...parts,
    operands: [
      { tensor: byte(random, dtype, left) }, scale(), { tensor: byte(random, dtype), constant },
      { tensor: byte(random, dtype, right), constant }, scale(bScale), { tensor: byte(random, dtype, bZero), constant },
      { tensor: outputScale(random), constant }, { tensor: byte(random, dtype), constant },
      ...bias,
    ],
    output: { dtype, dims: output },
  });
}

function matrices(random: Random): Sides {
  const [m, n, k] = [random.pick([1, 2, 3, 7]), random.pick([1, 2, 5, 16, 33, 70]), random.pick([1, 2, 3, 17, 64, 129, 300])];
  const stack = Array.from({ length: random.between(0, 3) }, () => random.between(1, 4));
  const right = stack.length > 0 && random.between(0, 2) === 0 ? [...stack, k, n] : [k, n];
  return { dtype: random.pick(EITHER), left: [...stack, m, k], right, channels: n, output: [...stack, m, n], perChannelZero: right.length === 2 };
}

function convolution(random: Random): Sides & { attributes: bigint[]; onnx: ProductParts['onnx'] } {
  for (;;) {
    const pair = (from: number, to: number): [number, number] => [random.between(from, to), random.between(from, to)];
    const [size, kernel, strides, dilations] = [pair(1, 9), pair(1, 5), pair(1, 3), random.pick([[1, 1], [1, 1], [2, 1]] as const)];
    const pads = random.between(0, 2) === 0 ? ([0, 0, 0, 0] as const) : ([...pair(0, 3), ...pair(0, 3)] as const);
    const [groups, channels, filters] = [random.pick([1, 1, 2, 5, 16]), random.pick([1, 1, 2, 3, 20]), random.pick([1, 1, 2, 7])];
    const output = [0, 1].map((axis) => Math.floor((size[axis]! + pads[axis]! + pads[axis + 2]! - dilations[axis]! * (kernel[axis]! - 1) - 1) / strides[axis]!) + 1);
    if (output.some((extent) => extent < 1)) continue;
    const images = random.between(1, 3);
    const window = { kernel_shape: kernel.map(BigInt), strides: strides.map(BigInt), pads: pads.map(BigInt), dilations: dilations.map(BigInt), group: BigInt(groups) };
    return {
      dtype: random.pick(EITHER),
      left: [images, channels * groups, ...size],
      right: [filters * groups, channels, ...kernel],
      channels: filters * groups,
      output: [images, filters * groups, ...output],
      perChannelZero: false,
      attributes: integerConvAttributes({ strides, pads, dilations, groups }),
      onnx: { attributes: window },
    };
  }
}

const convInteger: CaseGenerator = (random) => {
  const { attributes, onnx, ...sides } = convolution(random);
  return integer(random, sides, { operator: 'ConvInteger', attributes, ...(onnx && { onnx }) });
};

const qLinearConv: CaseGenerator = (random) => {
  const { attributes, onnx, ...sides } = convolution(random);
  return linear(random, sides, { operator: 'QLinearConv', attributes, ...(onnx && { onnx }), biased: true });
};

export const cases: Record<string, CaseGenerator> = {
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  MatMulInteger: (random) => integer(random, matrices(random), { operator: 'MatMulInteger' }),
  ConvInteger: convInteger,
  QLinearMatMul: (random) => linear(random, matrices(random), { operator: 'QLinearMatMul', biased: false }),
  QLinearConv: qLinearConv,
};
