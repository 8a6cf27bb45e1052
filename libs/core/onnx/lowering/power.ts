import { arithmetic } from '../canonical/arithmetic.js';
import { broadcastDims } from '../canonical/broadcast.js';
import { floatsOf, integersOf, scalar } from '../canonical/constants.js';
import { naturalLogarithm } from '../canonical/logarithm.js';
import { unary } from '../canonical/unary.js';
import type { ConstantValue, GraphBuilder, Value } from '../graph.js';
import { numberInput } from './elementwise.js';
import type { Lowering, NodeView } from './node.js';

export const lowerLog: Lowering = (view) => [naturalLogarithm(view.graph, view.floatInput(0))];

/** Largest exponent for which products are built. */
const MOST = 16;

/** x to a constant multiple of one half, as products, a square root and a quotient. */
export const lowerPow: Lowering = (view) => {
  const x = numberInput(view, 0);
  const exponent = exponentOf(view);
  const magnitude = Math.abs(exponent);
  if (exponent === 0 || magnitude > MOST || !Number.isInteger(2 * magnitude)) view.refuse(`exponent ${exponent} is not supported, only multiples of one half up to ${MOST} other than 0 are`);
  if (x.dtype !== 'float32' && !(Number.isInteger(exponent) && exponent > 0)) view.refuse(`exponent ${exponent} of an integer is not supported`);
  const power = halfPower(view.graph, x, magnitude);
  return [exponent > 0 ? power : arithmetic(view.graph, 'Div', [scalar(view.graph, 1), power])];
};

function exponentOf(view: NodeView): number {
  const [x, exponent] = [view.input(0), view.input(1)];
  if (exponent.kind !== 'constant') return view.refuse('its exponent depends on the model’s inputs, it must be constant');
  if (broadcastDims(x.dims, exponent.dims).some((size, i) => size !== x.dims[i])) view.refuse(`its exponent has shape [${exponent.dims}], which makes its input [${x.dims}] larger`);
  const [first, ...rest] = numbersOf(view, exponent);
  if (first === undefined || rest.some((value) => value !== first)) return view.refuse('its exponents differ, one for all is supported');
  return first;
}

function numbersOf(view: NodeView, { tensor }: ConstantValue): number[] {
  if (tensor.dtype === 'float32') return floatsOf(tensor);
  if (tensor.dtype !== 'int32' && tensor.dtype !== 'int64') return view.refuse(`its exponent is ${tensor.dtype}`);
  return integersOf(tensor).map(Number);
}

function halfPower(graph: GraphBuilder, x: Value, exponent: number): Value {
  const whole = Math.floor(exponent);
  const root = whole === exponent ? undefined : unary(graph, 'Sqrt', x);
  const power = whole === 0 ? undefined : wholePower(graph, x, whole);
  return root && power ? arithmetic(graph, 'Mul', [power, root]) : (root ?? power)!;
}

/** By squaring, from the exponent's highest bit down. */
function wholePower(graph: GraphBuilder, x: Value, exponent: number): Value {
  if (exponent === 1) return x;
  const half = wholePower(graph, x, Math.floor(exponent / 2));
  const square = arithmetic(graph, 'Mul', [half, half]);
  return exponent % 2 === 0 ? square : arithmetic(graph, 'Mul', [square, x]);
}
