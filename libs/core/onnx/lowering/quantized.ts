import { elementCount } from '#core/hashing';
import { arithmetic, relu } from '../canonical/arithmetic.js';
import { scalar } from '../canonical/constants.js';
import { cast, predicate, where } from '../canonical/logic.js';
import { reshape } from '../canonical/movement.js';
import { oriented } from '../canonical/product.js';
import { asScalar, convInteger, dequantize, matMulInteger, qLinearConv, qLinearMatMul, quantize, zeroOf, type Parameters, type ScaledSide, type Side } from '../canonical/quantized.js';
import { reduceMax, reduceMin } from '../canonical/reduction.js';
import { unary } from '../canonical/unary.js';
import type { GraphBuilder, Value } from '../graph.js';
import { dtypeOf } from '../proto/tensor.js';
import type { Lowering, NodeView } from './node.js';
import { likeInput, planar } from './planar.js';
import { readWindow } from './window.js';

/** The axis of scale and zero point, 0 where they are scalars; refuses blocks. */
function parameterAxis(view: NodeView, { x, scale }: { x: Value; scale: Value }): number {
  const axis = view.int('axis', 1);
  if (view.int('block_size', 0) !== 0) view.refuse('scales per block are not supported', 'Quantise per tensor or per axis.');
  if (scale.dims.length === 0) return 0;
  const place = view.axis(axis, x.dims.length);
  if (scale.dims.length !== 1 || scale.dims[0] !== x.dims[place]) view.refuse(`its scale has shape [${scale.dims}], one element or [${x.dims[place]}] is expected`);
  return place;
}

function checkZeroPoint(view: NodeView, scale: Value, zeroPoint: Value): Value {
  if (zeroPoint.dims.join() !== scale.dims.join()) view.refuse(`its zero point has shape [${zeroPoint.dims}] and its scale [${scale.dims}]`);
  return zeroPoint;
}

export const lowerQuantizeLinear: Lowering = (view) => {
  const { graph } = view;
  const [x, scale] = [view.floatInput(0), asScalar(graph, view.floatInput(1))];
  const axis = parameterAxis(view, { x, scale });
  view.int('saturate', 1);
  const code = view.int('output_dtype', 0);
  const given = view.optionalInput(2);
  const dtype = given?.dtype ?? dtypeOf(code === 0 ? 2 : code);
  if (dtype !== 'uint8' && dtype !== 'int8') return view.refuse(`it quantises to ${dtype ?? `element type ${code}`}, only uint8 and int8 are supported`);
  const zeroPoint = given ? asScalar(graph, given) : zeroOf(graph, { dtype, dims: scale.dims });
  return [quantize(graph, x, { scale, zeroPoint: checkZeroPoint(view, scale, zeroPoint), axis })];
};

export const lowerDequantizeLinear: Lowering = (view) => {
  const { graph } = view;
  const [x, scale] = [view.input(0), asScalar(graph, view.floatInput(1))];
  const axis = parameterAxis(view, { x, scale });
  const given = view.optionalInput(2) && asScalar(graph, view.input(2));
  if (x.dtype !== 'uint8' && x.dtype !== 'int8' && x.dtype !== 'int32') view.refuse(`input 0 is ${x.dtype}, only uint8, int8 and int32 are supported`);
  if (given && given.dtype !== x.dtype) view.refuse(`its input is ${x.dtype} and its zero point ${given.dtype}`);
  if (x.dtype === 'int32') {
    if (given && !isZero(given)) view.refuse('an int32 input has a zero point other than 0');
    return [dequantize(graph, x, { scale, zeroPoint: undefined, axis })];
  }
  const zeroPoint = checkZeroPoint(view, scale, given ?? zeroOf(graph, { dtype: x.dtype, dims: scale.dims }));
  return [dequantize(graph, x, { scale, zeroPoint, axis })];
};

function isZero(value: Value): boolean {
  return value.kind === 'constant' && value.tensor.data.every((byte) => byte === 0);
}

/**
 * Scale and zero point from the smallest and largest element, 0 among them (onnx/docs/Operators.md): the range in 255 steps, a
 * scale of 1 where there is none; 0 − smallest / scale, to the nearest of 0 to 255.
 */
export const lowerDynamicQuantizeLinear: Lowering = (view) => {
  const { graph } = view;
  const x = view.floatInput(0);
  const zero = scalar(graph, 0);
  const row = reshape(graph, x, [elementCount(x.dims)]);
  const most = relu(graph, reshape(graph, reduceMax(graph, row, 0), []));
  const least = relu(graph, arithmetic(graph, 'Sub', [zero, reshape(graph, reduceMin(graph, row, 0), [])]));
  const range = arithmetic(graph, 'Add', [most, least]);
  const condition = predicate(graph, 'Less', [zero, range]);
  const scale = where(graph, { condition, then: arithmetic(graph, 'Div', [range, scalar(graph, 255)]), otherwise: scalar(graph, 1) });
  const zeroPoint = cast(graph, unary(graph, 'Round', arithmetic(graph, 'Div', [least, scale])), 'uint8');
  return [quantize(graph, x, { scale, zeroPoint, axis: 0 }), scale, zeroPoint];
};

function quantizedInput(view: NodeView, index: number): Value {
  const value = view.input(index);
  return value.dtype === 'uint8' || value.dtype === 'int8' ? value : view.refuse(`input ${index} is ${value.dtype}, uint8 or int8 is expected`);
}

/** A tensor and its zero point, 0 if left out. `lists`: the zero point may be a list. */
function sideAt(view: NodeView, { x: index, zeroPoint, lists }: { x: number; zeroPoint: number; lists: boolean }): Side {
  const x = quantizedInput(view, index);
  const zero = view.optionalInput(zeroPoint) ? uniform(view.graph, quantizedInput(view, zeroPoint)) : zeroOf(view.graph, { dtype: x.dtype, dims: [] });
  if (zero.dtype !== x.dtype) view.refuse(`input ${index} is ${x.dtype} and its zero point ${zero.dtype}`);
  if (zero.dims.length > (lists ? 1 : 0)) view.refuse(`the zero point of input ${index} has shape [${zero.dims}], ${lists ? 'a scalar or one per column' : 'a scalar'} is expected`, 'Quantise it per tensor, or with one zero point.');
  return { x, zeroPoint: zero };
}

/** A constant of equal elements as a scalar. */
function uniform(graph: GraphBuilder, value: Value): Value {
  if (value.kind !== 'constant' || value.tensor.data.length < 2 || value.tensor.data.some((byte) => byte !== value.tensor.data[0])) return asScalar(graph, value);
  return asScalar(graph, graph.constant({ dtype: value.dtype, dims: [1], data: value.tensor.data.slice(0, 1) }));
}

/** Sides where x, scale and zero point follow each other from an input on. */
function scaledSideAt(view: NodeView, first: number, lists: boolean): ScaledSide {
  return { ...sideAt(view, { x: first, zeroPoint: first + 2, lists }), scale: scaleAt(view, first + 1) };
}

function scaleAt(view: NodeView, index: number): Value {
  return asScalar(view.graph, view.floatInput(index));
}

/** Scale and zero point of the output. */
function outputParameters(view: NodeView, first: number): Parameters {
  return { scale: scaleAt(view, first), zeroPoint: asScalar(view.graph, quantizedInput(view, first + 1)) };
}

/** A vector on a side as the matrix of its single row or column, and the product's shape without it. */
function asMatrices<A extends Side, B extends Side>(graph: GraphBuilder, a: A, b: B): { a: A; b: B; shaped: (product: Value) => Value } {
  const [row, column] = [a.x.dims.length === 1, b.x.dims.length === 1];
  const left = row ? { ...a, x: reshape(graph, a.x, [1, ...a.x.dims]) } : a;
  const right = column ? { ...b, x: reshape(graph, b.x, [...b.x.dims, 1]) } : b;
  const shaped = (product: Value): Value => reshape(graph, product, product.dims.filter((_, axis) => !((row && axis === product.dims.length - 2) || (column && axis === product.dims.length - 1))));
  return { a: left, b: right, shaped };
}

export const lowerMatMulInteger: Lowering = (view) => {
  const sides = [sideAt(view, { x: 0, zeroPoint: 2, lists: false }), sideAt(view, { x: 1, zeroPoint: 3, lists: true })] as const;
  const { a, b, shaped } = asMatrices(view.graph, ...sides);
  return [shaped(matMulInteger(view.graph, a, b))];
};

export const lowerQLinearMatMul: Lowering = (view) => {
  const { a, b, shaped } = asMatrices(view.graph, scaledSideAt(view, 0, false), scaledSideAt(view, 3, true));
  return [shaped(qLinearMatMul(view.graph, { a, b, y: outputParameters(view, 6) }))];
};

/** The window of a convolution of x with weights, both over one or two spatial axes. */
function windowOf(view: NodeView, x: Value, weights: Value): ReturnType<typeof readWindow> & { groups: number } {
  if (weights.dims.length !== x.dims.length) view.refuse(`its input has shape [${x.dims}] and its weights [${weights.dims}]`);
  const window = readWindow(view, x.dims, weights.dims.slice(2));
  const groups = view.int('group', 1);
  if (groups < 1 || weights.dims[0]! % groups !== 0 || weights.dims[1]! * groups !== x.dims[1]) view.refuse(`weights [${weights.dims}] in ${groups} groups do not fit input [${x.dims}]`);
  return { ...window, groups };
}

const flat = <S extends Side>(view: NodeView, side: S): S => ({ ...side, x: planar(view, side.x) });

export const lowerConvInteger: Lowering = (view) => {
  const [input, weights] = [sideAt(view, { x: 0, zeroPoint: 2, lists: false }), sideAt(view, { x: 1, zeroPoint: 3, lists: false })];
  const window = windowOf(view, input.x, weights.x);
  return [likeInput(view, convInteger(view.graph, { input: flat(view, input), weights: flat(view, weights), window }), input.x)];
};

export const lowerQLinearConv: Lowering = (view) => {
  const [input, weights] = [scaledSideAt(view, 0, false), scaledSideAt(view, 3, false)];
  const window = windowOf(view, input.x, weights.x);
  const bias = view.optionalInput(8);
  const result = qLinearConv(view.graph, { input: flat(view, input), weights: flat(view, weights), y: outputParameters(view, 6), window, ...(bias && { bias }) });
  return [likeInput(view, result, input.x)];
};

/** The product of matrices of a quantised Gemm, as a convolution over single positions: that one takes a bias. */
export const lowerQGemm: Lowering = (view) => {
  const { graph } = view;
  const [a, b, bias] = [scaledSideAt(view, 0, false), scaledSideAt(view, 3, false), view.optionalInput(6)];
  const y = view.optionalInput(7) ? outputParameters(view, 7) : view.refuse('it has no output scale, and so a float32 output');
  if (view.float('alpha', 1) !== 1) view.refuse('only alpha 1 is supported');
  const rows = oriented(graph, a.x, view.int('transA', 0) !== 0);
  const filters = oriented(graph, b.x, view.int('transB', 0) === 0);
  const [count, columns] = [rows.dims[0]!, filters.dims[0]!];
  if (bias && elementCount(bias.dims) !== columns) view.refuse(`its bias has shape [${bias.dims}], [${columns}] is expected`);
  const window = { kernel: [1, 1], strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 1 } as const;
  const positions = (x: Value): Value => reshape(graph, x, [...x.dims, 1, 1]);
  const made = qLinearConv(graph, { input: { ...a, x: positions(rows) }, weights: { ...b, x: positions(filters) }, y, window, ...(bias && { bias: reshape(graph, bias, [columns]) }) });
  return [reshape(graph, made, [count, columns])];
};
