import { afterAll, describe, expect, it } from 'vitest';
import { DTYPES, type Dtype } from '#core/hashing';
import { compileModel } from '#core/onnx';
import { int64s, noise, sourceModel, type Attributes, type SourceModel } from './building.js';
import { describeConformance, type ConformanceCase } from './conformance.js';

const f = (value: number): { float: number } => ({ float: value });

interface Options {
  readonly attributes?: Attributes;
  readonly opset?: number;
  readonly tolerance?: number;
  readonly constants?: SourceModel['constants'];
}

/** One operator of one input, or of one input and constants, whose output has the input's shape unless told. */
const one = (op: string, { attributes = {}, opset = 17, tolerance, constants = {} }: Options = {}, [x, y]: [number[], number[]] = [[3, 41], [3, 41]]): ConformanceCase => ({
  name: `${op} ${JSON.stringify(attributes)} of [${x}]${opset === 17 ? '' : `, operator set ${opset}`}`,
  ...(tolerance && { tolerance }),
  model: { opset, inputs: { x }, constants, nodes: [{ op, inputs: ['x', ...Object.keys(constants)], output: 'y', attributes }], outputs: { y } },
});

/** One operator of inputs with given types. */
const typed = (op: string, inputs: readonly Dtype[], output: Dtype, attributes: Attributes = {}): ConformanceCase => ({
  name: `${op} of ${inputs.join(', ')}${attributes['to'] ? ` to ${output}` : ''}`,
  model: {
    inputs: Object.fromEntries(inputs.map((_, i) => [`x${i}`, i === 0 ? [4, 9] : [9]])),
    dtypes: { ...Object.fromEntries(inputs.map((dtype, i) => [`x${i}`, dtype])), y: output },
    nodes: [{ op, inputs: inputs.map((_, i) => `x${i}`), output: 'y', attributes }],
    outputs: { y: [4, 9] },
  },
});

const scalar = (value: number): ReturnType<typeof noise> => ({ dtype: 'float32', dims: [], data: new Uint8Array(Float32Array.of(value).buffer) });
const positive = (dims: number[], seed: number): ReturnType<typeof noise> => ({ ...noise(dims, seed), data: new Uint8Array(Float32Array.from(new Float32Array(noise(dims, seed).data.buffer), (v) => Math.abs(v) + 0.01).buffer) });

const TYPES = Object.keys(DTYPES) as Dtype[];
const NUMBERS = ['float32', 'int32', 'int64'] as const;

const FUNCTIONS = ['Tanh', 'Sigmoid', 'Erf', 'Floor', 'Ceil', 'Round', 'Neg', 'Abs', 'Sqrt', 'Reciprocal', 'Sign', 'Softsign', 'Softplus', 'Selu', 'HardSwish', 'Log'].map((op) => one(op));

const ACTIVATIONS = [
  one('LeakyRelu'),
  one('LeakyRelu', { attributes: { alpha: f(0.3) } }),
  one('Elu', { attributes: { alpha: f(1.7) } }),
  one('Elu'),
  one('Celu', { attributes: { alpha: f(0.5) } }),
  one('HardSigmoid', { attributes: { alpha: f(0.3), beta: f(0.4) } }),
  one('Mish', { opset: 18 }),
  one('Gelu', { opset: 20 }),
  one('Gelu', { opset: 20, attributes: { approximate: 'tanh' } }),
  one('ThresholdedRelu', { attributes: { alpha: f(0.7) } }),
  one('Swish', { opset: 24, attributes: { alpha: f(1.3) } }),
  one('PRelu', { constants: { slope: noise([41], 3) } }),
  one('PRelu', { constants: { slope: noise([3, 1], 4) } }),
  ...[[0, 6], [-1, 1], [0.5, 0.75], [-0.5, 0], [0, 1e30]].map(([low, high]) => one('Clip', { constants: { low: scalar(low!), high: scalar(high!) } })),
  one('Clip', { opset: 6 + 1, attributes: { max: f(1) } }),
  one('Clip', { opset: 10, attributes: { min: f(0), max: f(1.5) } }),
];

const POWERS = [2, 3, 5, 0.5, 1.5, -1, -0.5, -2].map((exponent) => one('Pow', { constants: { [`to ${exponent}`]: scalar(exponent) } }));

const REDUCTIONS = [
  ...['ReduceSum', 'ReduceMean', 'ReduceL1', 'ReduceL2', 'ReduceSumSquare', 'ReduceMax', 'ReduceMin', 'ReduceLogSumExp'].flatMap((op) => {
    const axes = (list: number[]): Options => (op === 'ReduceSum' ? { constants: { axes: int64s(list) } } : { attributes: { axes: list } });
    return [
      one(op, axes([-1]), [[5, 300], [5, 1]]),
      one(op, axes([0, 2]), [[4, 3, 5, 2], [1, 3, 1, 2]]),
      one(op, { ...axes([1]), attributes: { ...axes([1]).attributes, keepdims: 0 } }, [[3, 7, 2], [3, 2]]),
      one(op, { attributes: { keepdims: 0 } }, [[3, 4], []]),
    ];
  }),
  one('ReduceLogSum', { attributes: { axes: [1] } }, [[5, 30], [5, 1]]),
  ...['ArgMax', 'ArgMin'].flatMap((op) => [
    { axis: 1 }, { axis: 0, keepdims: 0 }, { axis: -1, select_last_index: 1 },
  ].map((attributes) => argument(op, attributes))),
];

function argument(op: string, attributes: { axis: number; keepdims?: number; select_last_index?: number }): ConformanceCase {
  const kept = [6, 50].map((size, axis) => (axis === (attributes.axis + 2) % 2 ? 1 : size));
  const y = attributes.keepdims === 0 ? kept.filter((size) => size !== 1) : kept;
  return { name: `${op} ${JSON.stringify(attributes)}`, model: { inputs: { x: [6, 50] }, dtypes: { y: 'int64' }, nodes: [{ op, inputs: ['x'], output: 'y', attributes }], outputs: { y } } };
}

const NORMALIZATIONS = [
  one('LayerNormalization', { constants: { scale: noise([41], 1), bias: noise([41], 2) } }),
  one('LayerNormalization', { attributes: { axis: 1, epsilon: f(1e-3) }, constants: { scale: noise([4, 5], 1) } }, [[3, 4, 5], [3, 4, 5]]),
  one('SimplifiedLayerNormalization', { opset: 17, attributes: { axis: -1 }, constants: { scale: noise([300], 1) } }, [[5, 300], [5, 300]]),
  one('RMSNormalization', { opset: 23, constants: { scale: noise([64], 1) } }, [[5, 64], [5, 64]]),
  one('InstanceNormalization', { constants: { scale: noise([3], 1), bias: noise([3], 2) } }, [[2, 3, 7, 9], [2, 3, 7, 9]]),
  one('GroupNormalization', { opset: 18, attributes: { num_groups: 2 }, constants: { scale: noise([2], 1), bias: noise([2], 2) } }, [[2, 6, 5, 4], [2, 6, 5, 4]]),
  one('GroupNormalization', { opset: 21, attributes: { num_groups: 3 }, constants: { scale: noise([6], 1), bias: noise([6], 2) } }, [[2, 6, 5, 4], [2, 6, 5, 4]]),
  one('BatchNormalization', { constants: { s: noise([6], 1), b: noise([6], 2), m: noise([6], 3), v: positive([6], 4) } }, [[2, 6, 5, 4], [2, 6, 5, 4]]),
  one('LogSoftmax', {}, [[3, 500], [3, 500]]),
  one('LogSoftmax', { attributes: { axis: 1 } }, [[2, 7, 3], [2, 7, 3]]),
  one('LogSoftmax', { opset: 11, attributes: { axis: 1 } }, [[2, 3, 4], [2, 3, 4]]),
];

const LOGIC = [
  ...['Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'Equal'].flatMap((op) => [...NUMBERS, 'uint8' as const, 'int8' as const].map((dtype) => typed(op, [dtype, dtype], 'bool'))),
  ...['And', 'Or', 'Xor', 'Equal'].map((op) => typed(op, ['bool', 'bool'], 'bool')),
  typed('Not', ['bool'], 'bool'),
  typed('IsNaN', ['float32'], 'bool'),
  ...(['float32', 'int32', 'int64', 'uint8'] as const).map((dtype) => typed('Where', ['bool', dtype, dtype], dtype)),
  ...TYPES.flatMap((from) => TYPES.filter((to) => to !== from && !(from === 'float32' && to === 'uint8')).map((to) => typed('Cast', [from], to, { to: DTYPES[to].code }))),
  ...(['Add', 'Sub', 'Mul', 'Max', 'Min'] as const).flatMap((op) => (['int32', 'int64'] as const).map((dtype) => typed(op, [dtype, dtype], dtype))),
  typed('Neg', ['int64'], 'int64'),
  typed('Abs', ['int32'], 'int32'),
];

const SEVERAL = [
  ...['Max', 'Min', 'Sum', 'Mean'].map((op) => typed(op, ['float32', 'float32', 'float32'], 'float32')),
  {
    name: 'Div and Mod of integers by constants',
    model: {
      inputs: { x: [30] },
      dtypes: { x: 'int64', q: 'int64', r: 'int64' },
      constants: { seven: int64s([7]), minus: int64s([-3]) },
      nodes: [{ op: 'Div', inputs: ['x', 'seven'], output: 'q' }, { op: 'Mod', inputs: ['x', 'minus'], output: 'r' }],
      outputs: { q: [30], r: [30] },
    } satisfies SourceModel,
  },
];

const measured: [string, number][] = [];
describeConformance([...FUNCTIONS, ...ACTIVATIONS, ...POWERS, ...REDUCTIONS, ...NORMALIZATIONS, ...LOGIC, ...SEVERAL], (name, difference) => measured.push([name, difference]));

afterAll(() => {
  const inexact = measured.filter(([, difference]) => difference > 0).map(([name, difference]) => `${name}: ${difference.toExponential(1)}`);
  console.log(`differences from the source model, relative to the largest output or 1 (all others: 0)\n${inexact.join('\n')}`);
});

describe('refuses by name', () => {
  it.each([
    ['an integer divided by what is computed', typed('Div', ['int64', 'int64'], 'int64'), /constants other than 0 and −1/],
    ['a remainder of floats', typed('Mod', ['float32', 'float32'], 'float32', { fmod: 1 }), /only integers/],
    ['an exponent that is computed', typed('Pow', ['float32', 'float32'], 'float32'), /must be constant/],
    ['an exponent of a third', one('Pow', { constants: { e: scalar(1 / 3) } }), /multiples of one half/],
    ['bounds that are computed', typed('Clip', ['float32', 'float32', 'float32'], 'float32'), /constant float32 scalar/],
    ['a cast to double', typed('Cast', ['float32'], 'float32', { to: 11 }), /element type 11/],
    ['bools compared by size', typed('Less', ['bool', 'bool'], 'bool'), /not compared by size/],
    ['logic on numbers', typed('And', ['int32', 'int32'], 'bool'), /bool is expected/],
    ['two types in one operation', typed('Add', ['float32', 'int32'], 'float32'), /same type/],
    ['sums of integers over an axis', typed('ReduceSum', ['int32'], 'int32'), /only float32/],
    ['a slope that enlarges the input', one('PRelu', { constants: { slope: noise([2, 1, 1], 1) } }), /larger/],
    ['groups that do not fit', { name: '', model: { inputs: { x: [2, 4] }, constants: { s: noise([4], 1) }, nodes: [{ op: 'GroupNormalization', inputs: ['x', 's', 's'], output: 'y', attributes: { num_groups: 3 } }], outputs: { y: [2, 4] } } }, /groups do not fit/],
  ] as [string, ConformanceCase, RegExp][])('%s', (_, { model }, reason) => {
    expect(() => compileModel(sourceModel(model))).toThrow(reason);
  });
});
