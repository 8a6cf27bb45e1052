import { describe, expect, it } from 'vitest';
import { compileModel, loadCanonical } from '#core/onnx';
import { openSession, selfTest } from '#io/inference';
import { floats, int64s, noise, sourceModel, type Attributes, type SourceModel } from './building.js';
import { maxDifference, plainRuntime } from './plain-runtime.js';

/**
 * The order in which ONNX Runtime's kernels round, one shape per path: reference = runtime on ordinary and hostile
 * inputs, and the canonical form close to what the source model gives under default options.
 */
const SEED = 20261121;

interface Case {
  readonly name: string;
  readonly model: SourceModel;
}

const conv = (x: number[], w: number[], out: number[], attributes: Attributes = {}, bias = true): Case => ({
  name: `Conv [${x}] with [${w}] ${JSON.stringify(attributes)}${bias ? '' : ' without bias'}`,
  model: {
    inputs: { x },
    constants: { w: noise(w, 1), ...(bias && { b: noise([w[0]!], 2) }) },
    nodes: [{ op: 'Conv', inputs: bias ? ['x', 'w', 'b'] : ['x', 'w'], output: 'y', attributes }],
    outputs: { y: out },
  },
});

const matMul = (a: number[], b: number[]): Case => ({
  name: `MatMul [${a}] by [${b}]`,
  model: { inputs: { a }, constants: { b: noise(b, 3) }, nodes: [{ op: 'MatMul', inputs: ['a', 'b'], output: 'y' }], outputs: { y: [...a.slice(0, -1), b[1]!] } },
});

/** A product, a row added to it, and a Relu: what an execution form joins. */
const dense = (m: number, k: number, n: number): Case => ({
  name: `MatMul, Add and Relu of [${m}, ${k}] by [${k}, ${n}]`,
  model: {
    inputs: { a: [m, k] },
    constants: { b: noise([k, n], 3), c: noise([n], 4) },
    nodes: [{ op: 'MatMul', inputs: ['a', 'b'], output: 'p' }, { op: 'Add', inputs: ['c', 'p'], output: 's' }, { op: 'Relu', inputs: ['s'], output: 'y' }],
    outputs: { y: [m, n] },
  },
});

const unary = (op: string, x: number[], out: number[], attributes: Attributes = {}, opset = 17): Case => ({
  name: `${op} [${x}] ${JSON.stringify(attributes)}, operator set ${opset}`,
  model: { opset, inputs: { x }, nodes: [{ op, inputs: ['x'], output: 'y', attributes }], outputs: { y: out } },
});

const CASES: readonly Case[] = [
  conv([1, 1, 28, 28], [8, 1, 5, 5], [1, 8, 28, 28], { auto_pad: 'SAME_UPPER' }, false),
  conv([1, 8, 14, 14], [16, 8, 5, 5], [1, 16, 14, 14], { pads: [2, 2, 2, 2] }),
  conv([1, 3, 31, 31], [6, 3, 7, 7], [1, 6, 13, 13], { strides: [2, 2] }),
  conv([1, 300, 3, 3], [5, 300, 1, 1], [1, 5, 3, 3]),
  conv([1, 140, 5, 5], [40, 140, 3, 3], [1, 40, 3, 3]),
  conv([1, 64, 20, 20], [4, 64, 1, 1], [1, 4, 20, 20]),
  conv([1, 16, 9, 9], [8, 16, 3, 3], [1, 8, 9, 9], { dilations: [2, 2], pads: [2, 2, 2, 2] }),
  conv([2, 12, 8, 8], [6, 4, 3, 3], [2, 6, 6, 6], { group: 3 }),
  conv([1, 40, 1, 7], [5, 40, 1, 3], [1, 5, 1, 5]),
  conv([1, 33, 4, 4], [2, 33, 3, 3], [1, 2, 2, 2]),
  conv([1, 20, 6, 6], [3, 20, 3, 3], [1, 3, 3, 3], { auto_pad: 'SAME_LOWER', strides: [2, 2] }),
  ...[[1, 256], [1, 1000], [2, 257], [5, 255], [17, 513], [3, 4]].map(([m, k]) => matMul([m!, k!], [k!, 10])),
  matMul([2, 3, 300], [300, 2]),
  matMul([1, 700], [700, 33]),
  matMul([1, 1000], [1000, 1]),
  matMul([5, 300], [300, 1]),
  ...[[1, 30, 32], [16, 256, 10], [3, 257, 5], [1, 700, 33], [4, 20, 1]].map(([m, k, n]) => dense(m!, k!, n!)),
  ...['MaxPool', 'AveragePool'].flatMap((op) => [
    unary(op, [1, 2, 9, 9], [1, 2, 4, 4], { kernel_shape: [2, 2], strides: [2, 2] }),
    unary(op, [1, 3, 40, 41], [1, 3, 38, 39], { kernel_shape: [3, 3] }),
    unary(op, [1, 3, 40, 41], [1, 3, 20, 21], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
    unary(op, [1, 2, 12, 12], [1, 2, 6, 6], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }),
    unary(op, [1, 2, 5, 30], [1, 2, 1, 13], { kernel_shape: [5, 5], strides: [1, 2] }),
    unary(op, [1, 1, 7, 7], [1, 1, 3, 4], { kernel_shape: [3, 2], strides: [2, 2], pads: [0, 1, 0, 0] }),
    unary(op, [1, 1, 13, 6], [1, 1, 4, 3], { kernel_shape: [2, 4], strides: [4, 1] }),
  ]),
  unary('MaxPool', [2, 1, 13, 13], [2, 1, 4, 4], { kernel_shape: [3, 3], strides: [3, 3] }),
  unary('MaxPool', [1, 1, 12, 13], [1, 1, 4, 4], { kernel_shape: [3, 3], strides: [2, 3], dilations: [2, 2] }),
  unary('AveragePool', [1, 3, 10, 10], [1, 3, 5, 5], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1 }),
  unary('AveragePool', [1, 3, 10, 10], [1, 3, 1, 1], { kernel_shape: [10, 10] }),
  unary('GlobalAveragePool', [2, 5, 15, 15], [2, 5, 1, 1]),
  unary('GlobalAveragePool', [1, 5, 33, 33], [1, 5, 1, 1]),
  unary('Softmax', [3, 1000], [3, 1000]),
  unary('Softmax', [1, 4, 3, 5], [1, 4, 3, 5], { axis: 1 }),
  unary('Softmax', [2, 3, 4], [2, 3, 4], { axis: 1 }, 11),
  unary('Relu', [1, 37], [1, 37]),
  unary('Exp', [5, 41], [5, 41]),
  unary('Transpose', [2, 3, 4, 5], [5, 3, 2, 4], { perm: [3, 1, 0, 2] }),
  unary('Flatten', [2, 3, 4], [2, 12]),
  unary('ReduceMax', [4, 33], [4, 1], { axes: [1] }),
  unary('ReduceMax', [4, 33], [4], { axes: [-1], keepdims: 0 }),
  unary('Identity', [3], [3]),
  {
    name: 'Gemm with transposed weights, alpha and beta',
    model: {
      inputs: { x: [3, 20] },
      constants: { w: noise([7, 20], 4), c: noise([7], 5) },
      nodes: [{ op: 'Gemm', inputs: ['x', 'w', 'c'], output: 'y', attributes: { transB: 1, alpha: { float: 0.5 }, beta: { float: 2 } } }],
      outputs: { y: [3, 7] },
    },
  },
  {
    name: 'Split into unequal parts',
    model: {
      inputs: { x: [2, 9, 4] },
      constants: { sizes: int64s([2, 3, 4]) },
      nodes: [
        { op: 'Exp', inputs: ['x'], output: 'e' },
        { op: 'Split', inputs: ['e', 'sizes'], output: 'a', furtherOutputs: ['b', 'c'], attributes: { axis: 1 } },
        { op: 'Concat', inputs: ['c', 'a', 'b'], output: 'y', attributes: { axis: 1 } },
      ],
      outputs: { y: [2, 9, 4] },
    },
  },
  {
    name: 'BatchNormalization',
    model: {
      inputs: { x: [2, 4, 5, 5] },
      constants: { s: noise([4], 6), b: noise([4], 7), m: noise([4], 8), v: { ...noise([4], 9), data: new Uint8Array(Float32Array.of(1, 2, 0.5, 3).buffer) } },
      nodes: [{ op: 'BatchNormalization', inputs: ['x', 's', 'b', 'm', 'v'], output: 'y', attributes: { epsilon: { float: 0.001 } } }],
      outputs: { y: [2, 4, 5, 5] },
    },
  },
  {
    name: 'arithmetic with broadcasting, Concat and Slice',
    model: {
      inputs: { x: [2, 3, 4], z: [3, 1] },
      constants: { c: noise([4], 10), starts: int64s([0, -4]), ends: int64s([2, 9999]), axes: int64s([0, 2]), steps: int64s([1, 2]) },
      nodes: [
        { op: 'Add', inputs: ['x', 'z'], output: 'a' },
        { op: 'Mul', inputs: ['a', 'c'], output: 'm' },
        { op: 'Sub', inputs: ['m', 'z'], output: 's' },
        { op: 'Div', inputs: ['s', 'c'], output: 'd' },
        { op: 'Concat', inputs: ['a', 'd', 'x'], output: 'j', attributes: { axis: -1 } },
        { op: 'Slice', inputs: ['j', 'starts', 'ends', 'axes', 'steps'], output: 'y' },
      ],
      outputs: { y: [2, 3, 2] },
    },
  },
  {
    name: 'Max of two inputs',
    model: { inputs: { a: [5, 7], b: [7] }, nodes: [{ op: 'Max', inputs: ['a', 'b'], output: 'y' }], outputs: { y: [5, 7] } },
  },
  {
    name: 'one value given out twice, and an input given out through Identity',
    model: {
      inputs: { x: [4] },
      nodes: [
        { op: 'Relu', inputs: ['x'], output: 'r' },
        { op: 'Identity', inputs: ['r'], output: 'same' },
        { op: 'Identity', inputs: ['x'], output: 'through' },
      ],
      outputs: { r: [4], same: [4], through: [4] },
    },
  },
];

describe.each(CASES)('$name', ({ model: source }) => {
  it('computes in ONNX Runtime what the reference says, on every value', async () => {
    const model = compileModel(sourceModel(source));
    const session = await openSession(model);
    const { mismatches, elements } = await selfTest([session], { seed: SEED, elementsPerValue: 64 });
    await session.close();
    expect(mismatches).toEqual([]);
    expect(elements).toBeGreaterThan(0);
  });

  it('gives nearly what the source model gives', async () => {
    const bytes = sourceModel(source);
    const model = compileModel(bytes);
    const inputs = model.manifest.signature.inputs.map(({ dims }, i) => noise(dims, SEED + i));
    const [session, plain] = [await openSession(model), await plainRuntime(bytes)];
    const [ours, theirs] = [await session.run(inputs), await plain.run(inputs)];
    await Promise.all([session.close(), plain.close()]);
    const scale = Math.max(1, ...theirs.map((output) => output.reduce((max, v) => Math.max(max, Math.abs(v)), 0)));
    ours.forEach((output, i) => expect(maxDifference(floats(output), theirs[i]!) / scale).toBeLessThan(2e-6));
  });

  it('is read back from its canonical file', () => {
    const model = compileModel(sourceModel(source));
    const again = loadCanonical(model.onnx);
    expect(again.manifest).toEqual(model.manifest);
    expect(again.initializers).toEqual(model.initializers);
  });
});
