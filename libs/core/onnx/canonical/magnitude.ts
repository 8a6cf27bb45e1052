import type { Dtype } from '#core/hashing';
import type { CanonicalNode, NodeValue, Value } from '../graph.js';
import { floatsOf, isConstantWhere } from './constants.js';

/** From here on a sum or product is taken to be infinite: half of the largest float32 and less stay finite however they are rounded. */
const LIMIT = 2 ** 127;
/** More than what a few roundings add. */
const SLACK = 1.01;
/** Sums of so many terms lose less than a sixteenth by rounding. */
const MOST_TERMS = 2 ** 20;

/**
 * What no element of a node's float32 value exceeds in magnitude, whatever the model's inputs: then none is NaN or infinite.
 * Infinity if that is not known. Models that read tokens have such bounds throughout, those that read floats have none.
 */
export function largestOf(node: CanonicalNode): number {
  if (node.output.dtype !== 'float32') return Infinity;
  const largest = SLACK * (RULES[node.operator]?.(node, ...node.operands.map((operand) => operand.largest)) ?? Infinity);
  return largest < LIMIT ? largest : Infinity;
}

type Rule = (node: CanonicalNode, ...largest: number[]) => number;

const moved: Rule = (_, x) => x!;
const either: Rule = (_, a, b) => Math.max(a!, b!);
const together: Rule = (_, a, b) => a! + b!;
const atMostOne: Rule = (_, x) => (x! < Infinity ? 1 : Infinity);

/** Sum of `terms` products, each rounded with the sum so far. */
const products = (terms: number, a: number, b: number): number => terms * a * b * Math.exp(terms / 2 ** 22);

/** What no number of the type exceeds. */
const INTEGERS: Partial<Record<Dtype, number>> = { bool: 1, uint8: 2 ** 8, int8: 2 ** 8, int32: 2 ** 31, int64: 2 ** 63 };

const RULES: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(['Reshape', 'Transpose', 'Slice', 'Expand', 'Tile', 'Gather', 'GatherElements', 'Neg', 'Abs', 'Relu', 'Rectify', 'ReduceMax', 'ReduceMin'].map((name) => [name, moved])),
  Concat: (_, ...parts) => Math.max(...parts),
  Max: either,
  Min: ({ operands: [, b] }, a, other) => (b?.kind === 'constant' ? floatsOf(b.tensor).reduce((most, bound) => Math.max(most, bound === Infinity ? 0 : Math.abs(bound)), a!) : Math.max(a!, other!)),
  Where: (_, _condition, then, otherwise) => Math.max(then!, otherwise!),
  Add: together,
  Sub: together,
  Mul: (_, a, b) => a! * b!,
  Cast: ({ operands }) => INTEGERS[operands[0]!.dtype] ?? Infinity,
  DequantizeLinear: ({ operands: [x, , zeroPoint] }, _, scale) => (INTEGERS[x!.dtype] ?? Infinity) * (zeroPoint ? 2 : 1) * scale!,
  Sqrt: ({ operands }, x) => (operands[0]!.facts.nonNegative ? Math.max(1, x!) : Infinity),
  Sigmoid: atMostOne,
  Tanh: atMostOne,
  Erf: atMostOne,
  Div: (node, a) => quotient(node, a!),
  MatMul: ({ operands }, a, b) => products(operands[1]!.dims[0]!, a!, b!),
  BatchMatMul: ({ operands, attributes }, a, b) => products(operands[0]!.dims.at(attributes[1] === 1n ? -2 : -1)!, a!, b!),
};

function quotient({ operands }: CanonicalNode, largest: number): number {
  const [x, divisor] = operands as [Value, Value];
  if (divisor.kind === 'constant') return largest / floatsOf(divisor.tensor).reduce((least, value) => Math.min(least, Math.abs(value)), Infinity);
  return normalised(x, divisor) ?? share(x, divisor) ?? Infinity;
}

const madeBy = (value: Value | undefined, operator: string): CanonicalNode | undefined => (value?.kind === 'node' && value.node.operator === operator ? value.node : undefined);
/** One number for each row along x's last axis. */
const isPerRow = (value: NodeValue | Value, x: Value): boolean => x.dims.length > 1 && value.dims.join() === x.dims.with(-1, 1).join();
/** The smallest number of a constant of numbers above zero. */
const leastOf = (value: Value | undefined): number => (value?.kind === 'constant' && value.dtype === 'float32' ? floatsOf(value.tensor).reduce((least, element) => Math.min(least, element), Infinity) : NaN);

/** Recognises x / √(Σ w·x² + ε), row by row: no element is above 1/√w, as its own square is under the root. */
function normalised(x: Value, divisor: Value): number | undefined {
  const sum = madeBy(madeBy(divisor, 'Sqrt')?.operands[0], 'Add');
  const mean = sum?.operands.find((operand) => madeBy(operand, 'MatMul'));
  const epsilon = leastOf(sum?.operands.find((operand) => operand !== mean));
  const [squares, weights] = madeBy(mean, 'MatMul')?.operands ?? [];
  const square = madeBy(squares, 'Mul');
  if (!mean || !square || square.operands.some((operand) => operand !== x) || !isPerRow(divisor, x) || !(mean.largest < Infinity)) return undefined;
  const weight = leastOf(weights);
  // WHY a least ε: beside it what squares lose by underflow is nothing.
  return weight > 2 ** -40 && epsilon > 2 ** -60 && weights!.dims[0]! <= MOST_TERMS ? 1.1 / Math.sqrt(weight) : undefined;
}

/** Recognises e / Σ e with e = exp(x − the largest x), row by row, where every row has a finite x: one e is 1, none is above. */
function share(powers: Value, divisor: Value): number | undefined {
  const [summed, ones] = madeBy(divisor, 'MatMul')?.operands ?? [];
  const [x, largest] = madeBy(madeBy(powers, 'Exp')?.operands[0], 'Sub')?.operands ?? [];
  const maximum = madeBy(largest, 'ReduceMax');
  if (!x || !maximum || summed !== powers || maximum.operands[0] !== x || !isPerRow(largest!, x) || !isPerRow(divisor, x)) return undefined;
  return leastOf(ones) >= 1 && ones!.dims[0]! <= MOST_TERMS && hasFiniteRows(x) ? 1.1 : undefined;
}

/** True if every row has a finite element and none has NaN or +Infinity: all are finite, or those that a mask leaves as they are. */
function hasFiniteRows(x: Value): boolean {
  if (x.largest < Infinity) return true;
  const [numbers, mask] = (madeBy(x, 'Add') ?? madeBy(x, 'Min'))?.operands ?? [];
  if (numbers && madeBy(x, 'Add') && isConstantWhere(mask, (element) => element === 0)) return hasFiniteRows(numbers);
  if (!numbers || !(numbers.largest < Infinity) || mask?.kind !== 'constant' || numbers.dims.at(-1) !== x.dims.at(-1) || mask.dims.at(-1) !== x.dims.at(-1)) return false;
  const unmasked = madeBy(x, 'Add') ? 0 : Infinity;
  if (!isConstantWhere(mask, (element) => element === unmasked || element === -Infinity)) return false;
  const [elements, row] = [floatsOf(mask.tensor), mask.dims.at(-1)!];
  return Array.from({ length: elements.length / row }, (_, i) => elements.slice(i * row, (i + 1) * row)).every((some) => some.includes(unmasked));
}
