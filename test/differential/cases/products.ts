import { batchMatMulAttributes, convTransposeAttributes, f32FromNumber, gemmAttributes } from '#core/numerics';
import type { Random } from '#testing';
import { blockSize, PACKED_BLOCK } from '../../../libs/core/onnx/canonical/blocks.js';
import { float32, makeCase, type CaseGenerator } from '../case.js';
import { floats, STYLES } from '../values.js';

interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transA: boolean;
  readonly transB: boolean;
}

/** Sizes of a product. A single row on the left lies as a column, a single column on the right as a row: see docs/numerics.md. */
function product(random: Random, constant: boolean): Product {
  const [m, n] = [random.pick([1, 2, 3, 7]), random.pick([1, 2, 5, 16, 17, 33, 70, 140])];
  const k = random.pick([1, 2, 17, 64, 128, 129, 200, 256, 257, 300, 513]);
  const either = (): boolean => random.between(0, 2) === 1;
  return { m, n, k, transA: (m === 1 && !constant) || either(), transB: (n === 1 && !constant) || either() };
}

const leftDims = ({ m, k, transA }: Product): number[] => (transA ? [k, m] : [m, k]);
const rightDims = ({ n, k, transB }: Product): number[] => (transB ? [n, k] : [k, n]);

const batchMatMul: CaseGenerator = (random) => {
  const p = product(random, false);
  const stack = Array.from({ length: random.between(1, 3) }, () => random.between(2, 4));
  const broadcast = stack.map((size) => (random.between(0, 3) === 0 ? 1 : size)).slice(random.between(0, 2));
  const stacks = random.between(0, 2) === 0 ? [stack, broadcast] : [broadcast, stack];
  const style = random.pick(STYLES);
  const operands = [{ tensor: floats(random, [...stacks[0]!, ...leftDims(p)], { style }) }, { tensor: floats(random, [...stacks[1]!, ...rightDims(p)], { style }), constant: random.between(0, 3) === 0 }];
  const plain = !p.transA && !p.transB;
  return makeCase(random, {
    operator: 'BatchMatMul',
    attributes: batchMatMulAttributes({ ...p, block: blockSize(p.n, p.k, p.transA) }),
    operands,
    output: float32([...stack, p.m, p.n]),
    onnx: plain ? { opType: 'MatMul' } : { opType: 'FusedMatMul', domain: 'com.microsoft', attributes: { transA: p.transA ? 1n : 0n, transB: p.transB ? 1n : 0n } },
  });
};

const gemm: CaseGenerator = (random) => {
  const constant = random.between(0, 2) === 1;
  const p = product(random, constant);
  const [alpha, beta] = [random.pick([1, 1, 0.5, -1.7]), random.pick([1, 1, 0.3, -2])];
  const style = random.pick(STYLES);
  const addend = random.pick([undefined, [p.n], [p.m, p.n], [p.m, 1], [1, p.n], []]);
  return makeCase(random, {
    operator: 'Gemm',
    attributes: gemmAttributes({ ...p, block: constant ? PACKED_BLOCK : blockSize(p.n, p.k, p.transA), alpha: f32FromNumber(alpha), beta: f32FromNumber(beta) }),
    operands: [
      { tensor: floats(random, leftDims(p), { style }) },
      { tensor: floats(random, rightDims(p), { style }), constant },
      ...(addend ? [{ tensor: floats(random, addend, { style }), constant: random.between(0, 2) === 1 }] : []),
    ],
    output: float32([p.m, p.n]),
    onnx: { attributes: { transA: p.transA ? 1n : 0n, transB: p.transB ? 1n : 0n, alpha, beta } },
  });
};

interface Spread {
  readonly size: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
}

/** At least two input positions; the output is not empty. */
function spread(random: Random): Spread & { readonly output: readonly [number, number] } {
  const pair = (from: number, to: number): [number, number] => [random.between(from, to), random.between(from, to)];
  for (;;) {
    const [size, kernel, strides, dilations] = [pair(1, 6), pair(1, 5), pair(1, 4), random.pick([[1, 1], [1, 1], [2, 1]] as const)];
    const pads = random.between(0, 2) === 0 ? ([0, 0, 0, 0] as const) : ([...pair(0, 3), ...pair(0, 3)] as const);
    const output = [0, 1].map((axis) => strides[axis]! * (size[axis]! - 1) + dilations[axis]! * (kernel[axis]! - 1) + 1 - pads[axis]! - pads[axis + 2]!) as [number, number];
    if (size[0] * size[1] > 1 && output.every((extent) => extent >= 1)) return { size, kernel, strides, dilations, pads, output };
  }
}

const convTranspose: CaseGenerator = (random) => {
  const { size, kernel, strides, dilations, pads, output } = spread(random);
  const [groups, channels, filters] = [random.pick([1, 1, 2, 3]), random.pick([1, 2, 3, 8, 40, 128]), random.pick(kernel[0] * kernel[1] === 1 ? [2, 3] : [1, 2, 3])];
  const images = random.between(1, 3);
  const style = random.pick(STYLES);
  const bias = random.between(0, 2) === 0 ? [floats(random, [filters * groups], { style })] : [];
  const constants = [floats(random, [channels * groups, filters, ...kernel], { style }), ...bias];
  return makeCase(random, {
    operator: 'ConvTranspose',
    attributes: convTransposeAttributes({ strides, pads: [pads[0], pads[1]], dilations, groups }),
    operands: [{ tensor: floats(random, [images, channels * groups, ...size], { style }) }, ...constants.map((tensor) => ({ tensor, constant: true }))],
    output: float32([images, filters * groups, ...output]),
    onnx: { attributes: { kernel_shape: kernel.map(BigInt), strides: strides.map(BigInt), pads: pads.map(BigInt), dilations: dilations.map(BigInt), group: BigInt(groups) } },
  });
};

export const cases: Record<string, CaseGenerator> = { BatchMatMul: batchMatMul, Gemm: gemm, ConvTranspose: convTranspose };
