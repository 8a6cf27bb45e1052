import type { GraphBuilder, Value } from '../graph.js';
import { arithmetic, exp, type Arithmetic } from './arithmetic.js';
import { scalar } from './constants.js';
import { predicate, where } from './logic.js';
import { unary } from './unary.js';

/**
 * WHY no operator of its own: ONNX Runtime takes its logarithm from the machine's vector library, whose bits differ. These
 * are compositions of operators whose bits do not.
 */

const SQUARE_ROOTS = 10;

/**
 * ln x, at most 4 steps of float32 off. The 2^10-th root of x gives ln x to about 0.06; rounded to halves, that estimate h
 * leaves m = x · e^−h near 1, and ln x = h + 2·artanh((m − 1)/(m + 1)). Near 1 the estimate is 0 and no digit is lost.
 */
export function naturalLogarithm(graph: GraphBuilder, x: Value): Value {
  const make = maker(graph);
  let root = x;
  for (let i = 0; i < SQUARE_ROOTS; i++) root = unary(graph, 'Sqrt', root);
  const halves = unary(graph, 'Round', make('Mul', moebius(graph, root), 2 ** (SQUARE_ROOTS + 2)));
  // e^−h in two equal factors: one alone leaves the range of float32 for the smallest x.
  const factor = exp(graph, make('Mul', halves, -0.25));
  const m = make('Mul', make('Mul', x, factor), factor);
  const value = make('Add', make('Mul', halves, 0.5), twiceArtanh(graph, moebius(graph, m), 4));
  const bounded = where(graph, { condition: predicate(graph, 'Equal', [x, scalar(graph, Infinity)]), then: scalar(graph, Infinity), otherwise: value });
  return where(graph, { condition: predicate(graph, 'Equal', [x, scalar(graph, 0)]), then: scalar(graph, -Infinity), otherwise: bounded });
}

/** ln(1 + x) for 0 ≤ x ≤ 1, relative to the result at most 3 steps of float32 off. */
export function logarithmOfOnePlus(graph: GraphBuilder, x: Value): Value {
  return twiceArtanh(graph, maker(graph)('Div', x, maker(graph)('Add', x, 2)), 6);
}

/** (x − 1)/(x + 1) */
function moebius(graph: GraphBuilder, x: Value): Value {
  const make = maker(graph);
  return make('Div', make('Sub', x, 1), make('Add', x, 1));
}

/** 2·artanh s = 2s + 2s³/3 + 2s⁵/5 + …, with `terms` terms after the first. */
function twiceArtanh(graph: GraphBuilder, s: Value, terms: number): Value {
  const make = maker(graph);
  const square = make('Mul', s, s);
  let sum = make('Mul', square, 2 / (2 * terms + 1));
  for (let i = terms - 1; i >= 1; i--) sum = make('Mul', make('Add', sum, 2 / (2 * i + 1)), square);
  return make('Add', make('Mul', s, 2), make('Mul', s, sum));
}

function maker(graph: GraphBuilder): (operator: Arithmetic, a: Value, b: Value | number) => Value {
  return (operator, a, b) => arithmetic(graph, operator, [a, typeof b === 'number' ? scalar(graph, b) : b]);
}
