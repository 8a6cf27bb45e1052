import { int64s, noise, type Attributes } from './building.js';
import { describeConformance, type ConformanceCase } from './conformance.js';

// Every way into a product of matrices: the kernels that ONNX Runtime has for it, and the forms that keep clear of the others.

const matMul = (a: number[], b: number[], y: number[]): ConformanceCase => ({
  name: `MatMul [${a}] by a computed [${b}]`,
  model: { inputs: { a, b }, nodes: [{ op: 'MatMul', inputs: ['a', 'b'], output: 'y' }], outputs: { y } },
});

const gemm = (a: number[], b: number[], c: number[] | undefined, { constant = true, attributes = {} as Attributes } = {}): ConformanceCase => ({
  name: `Gemm [${a}] by ${constant ? '' : 'a computed '}[${b}]${c ? ` plus [${c}]` : ''} ${JSON.stringify(attributes)}`,
  model: {
    inputs: { a, ...(!constant && { b }), ...(!constant && c && { c }) },
    constants: { ...(constant && { b: noise(b, 4) }), ...(constant && c && { c: noise(c, 5) }) },
    nodes: [{ op: 'Gemm', inputs: ['a', 'b', ...(c ? ['c'] : [])], output: 'y', attributes }],
    outputs: { y: [a[attributes['transA'] === 1 ? 1 : 0]!, b[attributes['transB'] === 1 ? 0 : 1]!] },
  },
});

/** The second operand constant or computed. */
const einsum = (equation: string, [a, b, y]: readonly [number[], number[], number[]], constant = false): ConformanceCase => ({
  name: `Einsum ${equation} [${a}] ${constant ? 'constant ' : ''}[${b}]`,
  model: { inputs: { a, ...(!constant && { b }) }, constants: { ...(constant && { b: noise(b, 4) }) }, nodes: [{ op: 'Einsum', inputs: ['a', 'b'], output: 'y', attributes: { equation } }], outputs: { y } },
});

const conv = (op: 'Conv' | 'ConvTranspose', x: number[], w: number[], y: number[], attributes: Attributes = {}, bias = true): ConformanceCase => ({
  name: `${op} [${x}] with [${w}] ${JSON.stringify(attributes)}${bias ? '' : ' without bias'}`,
  model: {
    inputs: { x },
    constants: { w: noise(w, 1), ...(bias && { b: noise([y[1]!], 2) }) },
    nodes: [{ op, inputs: bias ? ['x', 'w', 'b'] : ['x', 'w'], output: 'y', attributes }],
    outputs: { y },
  },
});

const f = (value: number): { float: number } => ({ float: value });

/** A product's terms are added in another order than by ONNX Runtime's other kernels. */
const TOLERANCE = 1e-6;

const CASES: readonly ConformanceCase[] = [
  matMul([5, 300], [300, 7], [5, 7]),
  matMul([4, 64], [64, 200], [4, 200]),
  matMul([2, 3, 5, 40], [2, 3, 40, 6], [2, 3, 5, 6]),
  matMul([2, 1, 5, 40], [3, 40, 6], [2, 3, 5, 6]),
  matMul([1, 700], [700, 33], [1, 33]),
  matMul([5, 300], [300, 1], [5, 1]),
  matMul([1, 300], [300, 1], [1, 1]),
  matMul([300], [300], []),
  matMul([300], [300, 4], [4]),
  matMul([3, 300], [300], [3]),
  matMul([2, 4, 1, 96], [2, 4, 96, 17], [2, 4, 1, 17]),
  matMul([2, 4, 17, 96], [2, 4, 96, 1], [2, 4, 17, 1]),
  matMul([4, 1, 96], [96, 17], [4, 17].toSpliced(1, 0, 1)),
  matMul([4, 3, 96], [96, 17], [4, 3, 17]),
  matMul([1, 1, 96], [1, 96, 17], [1, 1, 17]),
  {
    name: 'attention: queries by transposed keys, without a node for the transposition',
    model: {
      inputs: { q: [2, 9, 24], k: [2, 11, 24], v: [2, 11, 24] },
      nodes: [
        { op: 'Transpose', inputs: ['k'], output: 't', attributes: { perm: [0, 2, 1] } },
        { op: 'MatMul', inputs: ['q', 't'], output: 's' },
        { op: 'Softmax', inputs: ['s'], output: 'p', attributes: { axis: -1 } },
        { op: 'MatMul', inputs: ['p', 'v'], output: 'y' },
      ],
      outputs: { y: [2, 9, 24] },
    },
  },
  {
    name: 'a product with a stack of constants',
    model: { inputs: { a: [3, 1, 40] }, constants: { b: noise([3, 40, 6], 3) }, nodes: [{ op: 'MatMul', inputs: ['a', 'b'], output: 'y' }], outputs: { y: [3, 1, 6] } },
  },
  {
    name: 'a constant left side',
    model: { inputs: { b: [40, 6] }, constants: { a: noise([5, 40], 3) }, nodes: [{ op: 'MatMul', inputs: ['a', 'b'], output: 'y' }], outputs: { y: [5, 6] } },
  },
  {
    name: 'FusedMatMul of transposed sides with alpha',
    model: {
      inputs: { a: [2, 40, 5], b: [2, 6, 40] },
      nodes: [{ op: 'FusedMatMul', domain: 'com.microsoft', inputs: ['a', 'b'], output: 'y', attributes: { transA: 1, transB: 1, alpha: f(0.5) } }],
      outputs: { y: [2, 5, 6] },
    },
  },
  gemm([3, 20], [20, 7], [7]),
  gemm([3, 20], [7, 20], [3, 1], { attributes: { transB: 1, alpha: f(0.5), beta: f(2) } }),
  gemm([1, 600], [10, 600], [10], { attributes: { transB: 1 } }),
  gemm([600, 2], [600, 1], undefined, { attributes: { transA: 1, alpha: f(-1.5) } }),
  gemm([3, 20], [20, 7], [], { attributes: { beta: f(0) } }),
  gemm([3, 300], [300, 7], [3, 7], { constant: false }),
  gemm([1, 300], [300, 7], [7], { constant: false, attributes: { alpha: f(2) } }),
  gemm([5, 300], [300, 1], [5, 1], { constant: false }),
  gemm([1, 300], [300, 1], [1], { constant: false }),
  gemm([300, 4], [6, 300], [6], { constant: false, attributes: { transA: 1, transB: 1 } }),

  conv('Conv', [1, 8, 12, 13], [8, 1, 3, 3], [1, 8, 12, 13], { group: 8, pads: [1, 1, 1, 1] }),
  conv('Conv', [2, 9, 8, 8], [9, 1, 5, 5], [2, 9, 4, 4], { group: 9, pads: [2, 2, 2, 2], strides: [2, 2] }),
  conv('Conv', [1, 7, 8, 8], [7, 1, 3, 3], [1, 7, 6, 6], { group: 7 }),
  conv('Conv', [1, 7, 8, 8], [7, 1, 3, 3], [1, 7, 6, 6], { group: 7 }, false),
  conv('Conv', [1, 6, 8, 8], [2, 3, 3, 3], [1, 2, 6, 6], { group: 2 }),
  conv('Conv', [1, 40, 9, 9], [1, 40, 3, 3], [1, 1, 7, 7]),
  conv('Conv', [2, 5, 4, 4], [3, 5, 4, 4], [2, 3, 1, 1]),
  conv('Conv', [2, 6, 4, 4], [9, 2, 4, 4], [2, 9, 1, 1], { group: 3 }),
  conv('Conv', [2, 6, 7, 7], [6, 1, 7, 7], [2, 6, 1, 1], { group: 6 }, false),
  conv('Conv', [1, 300, 1, 1], [20, 300, 1, 1], [1, 20, 1, 1]),
  conv('Conv', [1, 4, 2, 3], [5, 4, 3, 3], [1, 5, 1, 1], { pads: [1, 1, 1, 1], strides: [3, 3], dilations: [1, 1] }),
  conv('Conv', [1, 4, 3, 3], [5, 4, 3, 3], [1, 5, 1, 1], { pads: [1, 1, 1, 1], dilations: [2, 2] }),
  conv('Conv', [1, 3, 40], [6, 3, 5], [1, 6, 20], { pads: [2, 2], strides: [2] }),
  conv('Conv', [1, 4, 40], [4, 1, 5], [1, 4, 40], { group: 4, auto_pad: 'SAME_LOWER' }),
  conv('Conv', [1, 4, 5], [3, 4, 5], [1, 3, 1]),

  conv('ConvTranspose', [1, 3, 5, 5], [3, 4, 3, 3], [1, 4, 11, 11], { strides: [2, 2] }),
  conv('ConvTranspose', [2, 4, 4, 5], [4, 2, 4, 4], [2, 4, 8, 10], { strides: [2, 2], pads: [1, 1, 1, 1], group: 2 }),
  conv('ConvTranspose', [1, 3, 5, 5], [3, 2, 3, 3], [1, 2, 10, 10], { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] }, false),
  conv('ConvTranspose', [1, 3, 5, 5], [3, 2, 3, 3], [1, 2, 10, 10], { strides: [2, 2], output_shape: [10, 10] }),
  conv('ConvTranspose', [1, 3, 5, 5], [3, 2, 3, 3], [1, 2, 10, 10], { strides: [2, 2], auto_pad: 'SAME_UPPER' }),
  conv('ConvTranspose', [1, 3, 6, 6], [3, 2, 3, 2], [1, 2, 10, 8], { dilations: [2, 2] }),
  conv('ConvTranspose', [1, 300, 12, 12], [300, 2, 2, 2], [1, 2, 24, 24], { strides: [2, 2] }),
  conv('ConvTranspose', [1, 300, 3, 3], [300, 2, 2, 2], [1, 2, 6, 6], { strides: [2, 2] }),
  conv('ConvTranspose', [2, 20, 1, 1], [20, 6, 4, 4], [2, 6, 4, 4]),
  conv('ConvTranspose', [1, 20, 4, 4], [20, 1, 1, 1], [1, 1, 7, 7], { strides: [2, 2] }),
  conv('ConvTranspose', [1, 4, 9], [4, 3, 4], [1, 3, 18], { strides: [2], pads: [1, 1] }),
  {
    name: 'Conv with computed weights',
    model: { inputs: { x: [1, 4, 8, 8], w: [6, 4, 3, 3] }, nodes: [{ op: 'Conv', inputs: ['x', 'w'], output: 'y' }], outputs: { y: [1, 6, 6, 6] } },
  },
  {
    name: 'depthwise Conv with computed weights',
    model: { inputs: { x: [1, 4, 8, 8], w: [4, 1, 3, 3] }, nodes: [{ op: 'Conv', inputs: ['x', 'w'], output: 'y', attributes: { group: 4 } }], outputs: { y: [1, 4, 6, 6] } },
  },
  {
    name: 'pixel shuffle: Conv and DepthToSpace both ways',
    model: {
      inputs: { x: [1, 4, 6, 6] },
      nodes: [
        { op: 'DepthToSpace', inputs: ['x'], output: 'd', attributes: { blocksize: 2 } },
        { op: 'SpaceToDepth', inputs: ['d'], output: 's', attributes: { blocksize: 3 } },
        { op: 'DepthToSpace', inputs: ['s'], output: 'y', attributes: { blocksize: 3, mode: 'CRD' } },
      ],
      outputs: { y: [1, 1, 12, 12] },
    },
  },
  {
    name: 'Resize after a shape computation',
    model: {
      inputs: { x: [1, 2, 5, 5] },
      constants: { none: { dtype: 'float32', dims: [0], data: new Uint8Array() }, two: int64s([1, 1, 2, 2]) },
      nodes: [
        { op: 'Shape', inputs: ['x'], output: 'shape' },
        { op: 'Mul', inputs: ['shape', 'two'], output: 'sizes' },
        { op: 'Resize', inputs: ['x', 'none', 'none', 'sizes'], output: 'y', attributes: { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' } },
      ],
      outputs: { y: [1, 2, 10, 10] },
    },
  },
];

const EINSUMS: ConformanceCase[] = [
  einsum('ij,jk->ik', [[3, 4], [4, 5], [3, 5]], true),
  einsum('bhid,bhjd->bhij', [[2, 3, 4, 5], [2, 3, 6, 5], [2, 3, 4, 6]]),
  einsum('bhij,bjhd->bihd', [[2, 3, 4, 5], [2, 5, 3, 6], [2, 4, 3, 6]]),
  einsum('bij, jk', [[2, 3, 4], [4, 5], [2, 3, 5]], true),
  einsum('i,j->ij', [[3], [4], [3, 4]]),
  einsum('i,i->', [[7], [7], []]),
  einsum('ba,ca->cb', [[3, 4], [5, 4], [5, 3]]),
  einsum('bi,bi->b', [[3, 4], [3, 4], [3]]),
  einsum('abc,cd->dab', [[2, 3, 4], [4, 1], [1, 2, 3]], true),
];

describeConformance(EINSUMS.map((one) => ({ tolerance: TOLERANCE, ...one })));
describeConformance(CASES.map((one) => ({ tolerance: TOLERANCE, ...one })));
