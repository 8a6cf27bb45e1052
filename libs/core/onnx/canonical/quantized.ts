import type { Dtype, Tensor } from '#core/hashing';
import { integerConvAttributes, quantizeAttributes } from '#core/numerics';
import { isPositiveConstant, NO_FACTS, type CanonicalNode, type Facts, type GraphBuilder, type Value } from '../graph.js';
import { arithmetic, withoutNaNAndNegativeZero } from './arithmetic.js';
import { broadcastDims } from './broadcast.js';
import { floatsOf, scalar } from './constants.js';
import { cast } from './logic.js';
import { reshape } from './movement.js';
import { spatial, windowDims, type Window } from './window.js';

/** Scale and zero point: scalars, or one element per place along an axis. */
export interface Parameters {
  readonly scale: Value;
  readonly zeroPoint: Value;
}

/** A quantised tensor: its zero point has its type. */
export interface Side {
  readonly x: Value;
  readonly zeroPoint: Value;
}

export interface ScaledSide extends Side {
  readonly scale: Value;
}

const isQuantized = (dtype: Dtype): boolean => dtype === 'uint8' || dtype === 'int8';

/** A value of one element as a scalar; equal constants share an initializer. Others as they are. */
export function asScalar(graph: GraphBuilder, x: Value): Value {
  if (x.dims.length === 0 || x.dims.some((size) => size !== 1)) return x;
  if (x.kind !== 'constant') return reshape(graph, x, []);
  const { dtype, data } = x.tensor;
  return graph.sharedConstant(`parameter ${dtype} ${data.join()}`, () => ({ dtype, dims: [], data }));
}

export function zeroOf(graph: GraphBuilder, { dtype, dims }: { dtype: Dtype; dims: readonly number[] }): Value {
  return graph.sharedConstant(`parameter ${dtype} ${dims.join('x')} zero`, () => ({ dtype, dims, data: new Uint8Array(dims.reduce((a, b) => a * b, 1)) }));
}

/**
 * x / scale to the nearest integer, plus the zero point, saturating. NaN counts as 0: machines differ on it. A computed scale
 * may be 0 or infinite, so there the quotient is cleared of NaN and quantised with a scale of 1.
 */
export function quantize(graph: GraphBuilder, x: Value, { scale, zeroPoint, axis }: Parameters & { axis: number }): Value {
  if (scale.kind !== 'constant') {
    const quotient = arithmetic(graph, 'Div', [x, along(graph, scale, { rank: x.dims.length, axis })]);
    const one = scalar(graph, 1);
    return quantize(graph, quotient, { scale: scale.dims.length === 0 ? one : graph.constant(ones(scale.dims)), zeroPoint, axis });
  }
  if (!isPositiveConstant(scale)) throw new RangeError('its scale is not everywhere positive and finite');
  if (!isQuantized(zeroPoint.dtype)) throw new RangeError(`it quantises to ${zeroPoint.dtype}, only uint8 and int8 are supported`);
  const clear = x.facts.neverNaN ? x : withoutNaNAndNegativeZero(graph, x);
  const onnx = { opType: 'QuantizeLinear', attributes: [{ name: 'axis', value: axis }], shapeInputs: [] };
  return graph.add({ operator: 'QuantizeLinear', operands: [clear, scale, zeroPoint], attributes: quantizeAttributes({ axis }), output: { dtype: zeroPoint.dtype, dims: x.dims }, onnx });
}

/** A list along an axis, shaped to broadcast; a scalar as it is. */
function along(graph: GraphBuilder, list: Value, { rank, axis }: { rank: number; axis: number }): Value {
  return list.dims.length === 0 ? list : reshape(graph, list, [list.dims[0]!, ...Array<number>(rank - 1 - axis).fill(1)]);
}

function ones(dims: readonly number[]): Tensor {
  return { dtype: 'float32', dims, data: new Uint8Array(new Float32Array(dims[0]!).fill(1).buffer) };
}

/** (x − zero point) · scale; an int32 x has no zero point. */
export function dequantize(graph: GraphBuilder, x: Value, { scale, zeroPoint, axis }: { scale: Value; zeroPoint: Value | undefined; axis: number }): Value {
  const onnx = { opType: 'DequantizeLinear', attributes: [{ name: 'axis', value: axis }], shapeInputs: [] };
  const operands = zeroPoint ? [x, scale, zeroPoint] : [x, scale];
  return graph.add({ operator: 'DequantizeLinear', operands, attributes: quantizeAttributes({ axis }), output: { dtype: 'float32', dims: x.dims }, onnx }, dequantizedFacts(scale, zeroPoint));
}

/** An integer other than 0 times a positive float is not rounded to 0. */
function dequantizedFacts(scale: Value, zeroPoint: Value | undefined): Facts {
  if (!isPositiveConstant(scale)) return NO_FACTS;
  const nonNegative = zeroPoint?.dtype === 'uint8' && zeroPoint.kind === 'constant' && zeroPoint.tensor.data.every((byte) => byte === 0);
  return { nonNegative, neverNegativeZero: true, neverNaN: true, neverMinusInfinity: nonNegative };
}

/** Both sides of one type: of mixed signs, ONNX Runtime's kernels saturate on machines without VNNI. */
function ofOneSign<A extends Side, B extends Side>(graph: GraphBuilder, a: A, b: B): [A, B] {
  if (a.x.dtype === b.x.dtype) return [a, b];
  const turnLeft = b.x.kind !== 'constant' && (a.x.kind === 'constant' || a.x.dtype === 'int8');
  return turnLeft ? [turned(graph, a), b] : [a, turned(graph, b)];
}

/** The same numbers, each and the zero point 128 higher as uint8, or 128 lower as int8. */
function turned<S extends Side>(graph: GraphBuilder, side: S): S {
  return { ...side, x: otherSign(graph, side.x), zeroPoint: otherSign(graph, side.zeroPoint) };
}

function otherSign(graph: GraphBuilder, x: Value): Value {
  const dtype = x.dtype === 'int8' ? 'uint8' : 'int8';
  if (x.kind === 'constant') {
    const made: Tensor = { dtype, dims: x.dims, data: x.tensor.data.map((byte) => byte ^ 0x80) };
    return x.dims.length === 0 ? graph.sharedConstant(`parameter ${dtype} ${made.data.join()}`, () => made) : graph.constant(made);
  }
  const half = graph.sharedConstant('int32 128', () => ({ dtype: 'int32', dims: [], data: new Uint8Array(Int32Array.of(128).buffer) }));
  return cast(graph, arithmetic(graph, 'Add', [cast(graph, x, 'int32'), half]), dtype);
}

function plainForm(opType: string): CanonicalNode['onnx'] {
  return { opType, attributes: [], shapeInputs: [] };
}

function productDims(a: Value, b: Value): number[] {
  if (a.dims.length < 2 || b.dims.length < 2) throw new RangeError(`shapes [${a.dims}] and [${b.dims}]: integer products take at least two dimensions on both sides`);
  return [...broadcastDims(a.dims.slice(0, -2), b.dims.slice(0, -2)), a.dims.at(-2)!, b.dims.at(-1)!];
}

/** Exact sums of (a − its zero point) · (b − its zero point), modulo 2^32, as int32. */
export function matMulInteger(graph: GraphBuilder, left: Side, right: Side): Value {
  const [a, b] = ofOneSign(graph, left, right);
  const output = { dtype: 'int32' as const, dims: productDims(a.x, b.x) };
  return graph.add({ operator: 'MatMulInteger', operands: [a.x, b.x, a.zeroPoint, b.zeroPoint], attributes: [], output, onnx: plainForm('MatMulInteger') });
}

/** The same, requantised. */
export function qLinearMatMul(graph: GraphBuilder, { a: left, b: right, y }: { a: ScaledSide; b: ScaledSide; y: Parameters }): Value {
  const { a, b, zeroPoint } = linearSides(graph, { a: left, b: right, y });
  const operands = [a.x, a.scale, a.zeroPoint, b.x, b.scale, b.zeroPoint, y.scale, zeroPoint];
  return graph.add({ operator: 'QLinearMatMul', operands, attributes: [], output: { dtype: zeroPoint.dtype, dims: productDims(a.x, b.x) }, onnx: plainForm('QLinearMatMul') });
}

/** Both sides of one sign, the output's too: it has the left side's type, so only the right side is turned. */
function linearSides(graph: GraphBuilder, { a, b, y }: { a: ScaledSide; b: ScaledSide; y: Parameters }): { a: ScaledSide; b: ScaledSide; zeroPoint: Value } {
  if (a.x.dtype !== y.zeroPoint.dtype) throw new RangeError(`its input is ${a.x.dtype} and its output ${y.zeroPoint.dtype}, the same type is expected`);
  checkFactors(a.scale, b.scale, y.scale);
  return { a, b: a.x.dtype === b.x.dtype ? b : turned(graph, b), zeroPoint: y.zeroPoint };
}

/** An infinite factor times a sum of 0 would be NaN, which machines saturate differently. */
function checkFactors(...scales: [Value, Value, Value]): void {
  if (!scales.every(isPositiveConstant)) throw new RangeError('its scales must be constants, everywhere positive and finite');
  const [a, b, y] = scales.map((scale) => (scale.kind === 'constant' ? floatsOf(scale.tensor) : [])) as [number[], number[], number[]];
  if (b.some((one) => !Number.isFinite(Math.fround(Math.fround(a[0]! * one) / y[0]!)))) throw new RangeError('the quotient of its scales is infinite');
}

export interface IntegerWindow extends Window {
  readonly groups: number;
}

function windowForm(opType: string, { kernel, strides, pads, dilations, groups }: IntegerWindow): CanonicalNode['onnx'] {
  const attributes = [
    { name: 'dilations', value: dilations },
    { name: 'group', value: groups },
    { name: 'kernel_shape', value: kernel },
    { name: 'pads', value: pads },
    { name: 'strides', value: strides },
  ];
  return { opType, attributes, shapeInputs: [] };
}

function convolvedDims(x: Value, weights: Value, window: IntegerWindow): number[] {
  return [x.dims[0]!, weights.dims[0]!, ...windowDims(spatial(x.dims), window)];
}

/** Two-dimensional convolution of integers, exact modulo 2^32. In the padding the input counts as its zero point. */
export function convInteger(graph: GraphBuilder, { input, weights, window }: { input: Side; weights: Side; window: IntegerWindow }): Value {
  const [a, b] = ofOneSign(graph, input, weights);
  const output = { dtype: 'int32' as const, dims: convolvedDims(a.x, b.x, window) };
  return graph.add({ operator: 'ConvInteger', operands: [a.x, b.x, a.zeroPoint, b.zeroPoint], attributes: integerConvAttributes(window), output, onnx: windowForm('ConvInteger', window) });
}

export interface QLinearConv {
  readonly input: ScaledSide;
  readonly weights: ScaledSide;
  readonly y: Parameters;
  readonly bias?: Value;
  readonly window: IntegerWindow;
}

/** The same plus the bias, requantised. */
export function qLinearConv(graph: GraphBuilder, { input, weights, y, bias, window }: QLinearConv): Value {
  const { a, b, zeroPoint } = linearSides(graph, { a: input, b: weights, y });
  const operands = [a.x, a.scale, a.zeroPoint, b.x, b.scale, b.zeroPoint, y.scale, zeroPoint, ...(bias ? [bias] : [])];
  const output = { dtype: zeroPoint.dtype, dims: convolvedDims(a.x, b.x, window) };
  return graph.add({ operator: 'QLinearConv', operands, attributes: integerConvAttributes(window), output, onnx: windowForm('QLinearConv', window) });
}
