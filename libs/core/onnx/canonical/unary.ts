import { NO_FACTS, type Facts, type GraphBuilder, type Value } from '../graph.js';
import { arithmetic } from './arithmetic.js';
import { isConstantWhere, scalar } from './constants.js';

export type Unary = 'Neg' | 'Abs' | 'Sqrt' | 'Tanh' | 'Erf' | 'Floor' | 'Ceil' | 'Round';

/** An element-wise float32 function. */
export function unary(graph: GraphBuilder, operator: Unary | 'Sigmoid', x: Value): Value {
  const onnx = { opType: operator, attributes: [], shapeInputs: [] };
  return graph.add({ operator, operands: [x], attributes: [], output: { dtype: x.dtype, dims: x.dims }, onnx }, FACTS[operator](x.facts));
}

const finite = ({ neverNaN }: Facts): Facts => ({ ...NO_FACTS, neverNaN, neverMinusInfinity: true });

/** A result between −1 and 0 is rounded to −0, so only what is not negative keeps clear of it. */
const roundedUp = (x: Facts): Facts => ({ ...x, neverNegativeZero: x.nonNegative });

const FACTS: Record<Unary | 'Sigmoid', (x: Facts) => Facts> = {
  Neg: ({ neverNaN }) => ({ ...NO_FACTS, neverNaN }),
  Abs: ({ neverNaN }) => ({ nonNegative: true, neverNegativeZero: true, neverNaN, neverMinusInfinity: true }),
  Sqrt: ({ nonNegative, neverNegativeZero, neverNaN }) => ({ nonNegative: neverNegativeZero, neverNegativeZero, neverNaN: nonNegative && neverNaN, neverMinusInfinity: true }),
  Tanh: finite,
  Erf: (x) => ({ ...x, neverMinusInfinity: true }),
  Sigmoid: ({ neverNaN }) => ({ nonNegative: true, neverNegativeZero: true, neverNaN, neverMinusInfinity: true }),
  Floor: (x) => x,
  Ceil: roundedUp,
  Round: roundedUp,
};

/** From here on the runtime's Sigmoid is 1 or next to it, and a little further on above 1 on some machines and not on others. */
const SIGMOID_BOUND = 17.25;

/** 1/(1 + e^−x) for x up to the bound; above it what it is at the bound, 2^−23 or less from 1. */
export function sigmoid(graph: GraphBuilder, x: Value): Value {
  return unary(graph, 'Sigmoid', isAtMost(x, SIGMOID_BOUND) ? x : arithmetic(graph, 'Min', [x, scalar(graph, SIGMOID_BOUND)]));
}

/** Recognises the smaller of anything and a constant that is nowhere above the bound. */
function isAtMost(x: Value, bound: number): boolean {
  return x.kind === 'node' && x.node.operator === 'Min' && isConstantWhere(x.node.operands[1], (value) => value <= bound);
}
