import type { Dtype, Tensor } from '#core/hashing';
import { compileModel } from '#core/onnx';
import { int64s, noise, sourceModel, type Attributes, type SourceModel } from './building.js';

type Dims = readonly number[];

interface Form {
  readonly inputs?: Readonly<Record<string, Dims>>;
  readonly dtypes?: Readonly<Record<string, Dtype>>;
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly attributes?: Attributes;
  readonly opset?: number;
  readonly domain?: string;
  /** Names of the node's inputs; all inputs, then all constants if left out. */
  readonly reads?: readonly string[];
  readonly y?: Dims;
  /** Outputs besides y, which nobody reads. */
  readonly further?: readonly string[];
}

const FLAT: Dims = [3, 8];
const PLANE: Dims = [1, 4, 8, 8];
const plane = { inputs: { x: PLANE } } as const;
const pair = { inputs: { x: FLAT, z: FLAT } } as const;
const truths = (...names: string[]): Pick<Form, 'inputs' | 'dtypes'> => ({ inputs: Object.fromEntries(names.map((name) => [name, FLAT])), dtypes: Object.fromEntries([...names, 'y'].map((name) => [name, 'bool' as const])) });
const bool = { dtypes: { y: 'bool' } } as const;
const place = { dtypes: { y: 'int64' } } as const;
const f = (value: number): { float: number } => ({ float: value });
const scalar = (value: number): Tensor => ({ dtype: 'float32', dims: [], data: new Uint8Array(Float32Array.of(value).buffer) });
const floats = (...values: number[]): Tensor => ({ dtype: 'float32', dims: [values.length], data: new Uint8Array(Float32Array.from(values).buffer) });
const byte = (value: number): Tensor => ({ dtype: 'uint8', dims: [], data: Uint8Array.of(value) });
const bytes = (dims: Dims): Tensor => ({ dtype: 'uint8', dims, data: Uint8Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => (31 * i) % 256) });
const one = (value: number): Tensor => ({ ...int64s([value]), dims: [] });
const recurrent = (gates: number): Form => ({ inputs: { x: [3, 1, 4] }, constants: { w: noise([1, 5 * gates, 4], 1), r: noise([1, 5 * gates, 5], 2) }, attributes: { hidden_size: 5 }, y: [3, 1, 1, 5] });
const axes = (list: number[]): Form => ({ constants: { axes: int64s(list) } });

/** A plain node of each operator that the compiler takes: what becomes of it is what docs/operators.md tells. */
const FORMS: Readonly<Record<string, Form>> = {
  ...Object.fromEntries(['Abs', 'Ceil', 'Elu', 'Erf', 'Exp', 'Floor', 'HardSigmoid', 'HardSwish', 'LeakyRelu', 'Log', 'LogSoftmax', 'Neg', 'Reciprocal', 'Relu', 'Round', 'Selu', 'Celu', 'Sigmoid', 'Sign', 'Softmax', 'Softplus', 'Softsign', 'Sqrt', 'Tanh', 'Identity', 'Dropout', 'ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceMax', 'ReduceMean', 'ReduceMin', 'ReduceSum', 'ReduceSumSquare', 'Flatten'].map((op) => [op, {}])),
  ...Object.fromEntries(['Add', 'Div', 'Max', 'Mean', 'Min', 'Mul', 'Sub', 'Sum', 'PRelu'].map((op) => [op, op === 'PRelu' ? { constants: { slope: floats(0.5) } } : pair])),
  ...Object.fromEntries(['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'].map((op) => [op, { ...pair, ...bool }])),
  ...Object.fromEntries(['And', 'Or', 'Xor'].map((op) => [op, truths('x', 'z')])),
  Not: truths('x'), IsNaN: bool,
  Where: { inputs: { c: FLAT, x: FLAT, z: FLAT }, dtypes: { c: 'bool' } },
  Mod: { dtypes: { x: 'int64', y: 'int64' }, constants: { by: one(7) } },
  Cast: { attributes: { to: 7 }, dtypes: { y: 'int64' } },
  Clip: { constants: { low: scalar(0), high: scalar(6) } },
  Gelu: { opset: 20 }, Mish: { opset: 18 }, Swish: { opset: 24 },
  ThresholdedRelu: { attributes: { alpha: f(0) } },
  Pow: { constants: { to: scalar(1.5) } },
  ArgMax: place, ArgMin: place,
  BatchNormalization: { ...plane, constants: { s: noise([4], 1), b: noise([4], 2), m: noise([4], 3), v: floats(1, 2, 3, 4) } },
  InstanceNormalization: { ...plane, constants: { s: noise([4], 1), b: noise([4], 2) } },
  GroupNormalization: { ...plane, opset: 21, attributes: { num_groups: 2 }, constants: { s: noise([4], 1), b: noise([4], 2) } },
  LayerNormalization: { constants: { s: noise([8], 1), b: noise([8], 2) } },
  RMSNormalization: { opset: 23, constants: { s: noise([8], 1) } },
  SimplifiedLayerNormalization: { constants: { s: noise([8], 1) }, attributes: { axis: -1 } },
  Conv: { ...plane, constants: { w: noise([6, 4, 3, 3], 1), b: noise([6], 2) }, y: [1, 6, 6, 6] },
  ConvTranspose: { ...plane, constants: { w: noise([4, 6, 3, 3], 1) }, y: [1, 6, 10, 10] },
  MaxPool: { ...plane, attributes: { kernel_shape: [2, 2] } }, AveragePool: { ...plane, attributes: { kernel_shape: [2, 2] } }, GlobalAveragePool: plane,
  DepthToSpace: { ...plane, attributes: { blocksize: 2 } }, SpaceToDepth: { ...plane, attributes: { blocksize: 2 } },
  Resize: { ...plane, reads: ['x', '', 'by'], constants: { by: floats(1, 1, 2, 2) }, attributes: { mode: 'linear' } },
  Upsample: { ...plane, opset: 9, constants: { by: floats(1, 1, 2, 2) } },
  MatMul: { constants: { w: noise([8, 5], 1) }, y: [3, 5] },
  'com.microsoft.FusedMatMul': { ...pair, domain: 'com.microsoft', attributes: { transB: 1 }, y: [3, 3] },
  Gemm: { constants: { w: noise([8, 5], 1), b: noise([5], 2) }, y: [3, 5] },
  RNN: recurrent(1), GRU: recurrent(3), LSTM: recurrent(4),
  Constant: {}, ConstantOfShape: {}, Shape: {}, Size: {}, Range: {}, EyeLike: {}, NonZero: {},
  Concat: { ...pair, attributes: { axis: 0 } }, Transpose: { attributes: { perm: [1, 0] } },
  Reshape: { constants: { to: int64s([4, 6]) } }, Expand: { constants: { to: int64s([2, 3, 8]) } }, Tile: { constants: { by: int64s([2, 1]) } },
  Squeeze: { inputs: { x: [1, 8] }, ...axes([0]) }, Unsqueeze: axes([0]),
  Slice: { constants: { from: int64s([1]), to: int64s([3]) } }, Split: { attributes: { axis: 1 }, constants: { sizes: int64s([8]) } },
  Gather: { inputs: { x: FLAT, i: [2] }, dtypes: { i: 'int64' } }, GatherElements: { inputs: { x: FLAT, i: [2, 8] }, dtypes: { i: 'int64' } },
  GatherND: { constants: { at: { ...int64s([0, 1, 2, 3]), dims: [2, 2] } }, y: [2] },
  ...Object.fromEntries(['Scatter', 'ScatterElements'].map((op) => [op, { inputs: { x: FLAT, u: [1, 2] }, opset: op === 'Scatter' ? 10 : 17, constants: { at: { ...int64s([2, 0]), dims: [1, 2] } }, reads: ['x', 'at', 'u'] }])),
  ScatterND: { inputs: { x: FLAT, u: [2, 8] }, constants: { at: { ...int64s([2, 0]), dims: [2, 1] } }, reads: ['x', 'at', 'u'] },
  Einsum: { inputs: { x: FLAT, z: [4, 8] }, attributes: { equation: 'ik,jk->ij' }, y: [3, 4] },
  QuantizeLinear: { dtypes: { y: 'uint8' }, constants: { scale: scalar(0.1), zero: byte(128) } },
  DequantizeLinear: { dtypes: { x: 'uint8' }, constants: { scale: scalar(0.1), zero: byte(128) } },
  DynamicQuantizeLinear: { dtypes: { y: 'uint8' }, further: ['scale', 'zero'] },
  MatMulInteger: { dtypes: { x: 'uint8', y: 'int32' }, constants: { w: bytes([8, 5]), zero: byte(128), wZero: byte(127) }, y: [3, 5] },
  ConvInteger: { ...plane, dtypes: { x: 'uint8', y: 'int32' }, constants: { w: bytes([6, 4, 3, 3]), zero: byte(128), wZero: byte(127) }, y: [1, 6, 6, 6] },
  QLinearMatMul: { dtypes: { x: 'uint8', y: 'uint8' }, constants: { s: scalar(0.1), z: byte(128), w: bytes([8, 5]), ws: scalar(0.1), wz: byte(127), ys: scalar(0.2), yz: byte(3) }, y: [3, 5] },
  QLinearConv: { ...plane, dtypes: { x: 'uint8', y: 'uint8' }, constants: { s: scalar(0.1), z: byte(128), w: bytes([6, 4, 3, 3]), ws: scalar(0.1), wz: byte(127), ys: scalar(0.2), yz: byte(3) }, y: [1, 6, 6, 6] },
  'com.microsoft.QGemm': { domain: 'com.microsoft', dtypes: { x: 'uint8', y: 'uint8' }, constants: { s: scalar(0.1), z: byte(128), w: bytes([8, 5]), ws: scalar(0.1), wz: byte(127), ys: scalar(0.2), yz: byte(3) }, reads: ['x', 's', 'z', 'w', 'ws', 'wz', '', 'ys', 'yz'], y: [3, 5] },
  OneHot: { inputs: { x: [4] }, dtypes: { x: 'int64' }, constants: { depth: one(5), values: floats(0, 1) } },
  Pad: { constants: { by: int64s([0, 1, 0, 1]) } }, CumSum: { constants: { axis: one(1) } }, Trilu: {}, TopK: { constants: { k: int64s([2]) } },
};

/** Operators that only fold constants away: they never leave a node. */
const FOLDED = ['Constant', 'ConstantOfShape', 'Shape', 'Size', 'Range', 'EyeLike', 'NonZero'];

/** What a plain node of each ONNX operator becomes, by the compiler itself; empty where nothing is left. Operators without a form here are undefined. */
export function canonicalFormOf(operator: string): readonly string[] | undefined {
  const form = FORMS[operator];
  if (!form) return undefined;
  if (FOLDED.includes(operator)) return [];
  const { operators } = compileModel(sourceModel(modelOf(operator, form))).report;
  return Object.entries(operators).map(([name, count]) => (count > 1 ? `${name} ${count}` : name));
}

/** Those models, without operators that leave nothing to run. */
export function specimens(): { operator: string; model: SourceModel }[] {
  return Object.entries(FORMS).flatMap(([operator, form]) => (FOLDED.includes(operator) ? [] : [{ operator, model: modelOf(operator, form) }]));
}

function modelOf(operator: string, { inputs = { x: FLAT }, dtypes = {}, constants = {}, attributes = {}, opset = 17, domain, reads, further, y = FLAT }: Form): SourceModel {
  const op = operator.split('.').at(-1)!;
  return {
    opset, inputs, constants, dtypes,
    nodes: [{ op, inputs: reads ?? [...Object.keys(inputs), ...Object.keys(constants)], output: 'y', attributes, ...(domain && { domain }), ...(further && { furtherOutputs: further }) }],
    outputs: { y },
  };
}
