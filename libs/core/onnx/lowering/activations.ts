import { arithmetic, exp, relu, type Arithmetic } from '../canonical/arithmetic.js';
import { scalar } from '../canonical/constants.js';
import { logarithmOfOnePlus } from '../canonical/logarithm.js';
import { predicate, where } from '../canonical/logic.js';
import { sigmoid, unary } from '../canonical/unary.js';
import type { GraphBuilder, Value } from '../graph.js';
import { clip } from './elementwise.js';
import type { Lowering, NodeView } from './node.js';

/** Builds arithmetic on the values of one node; numbers become scalars, rounded to float32. */
type Make = (operator: Arithmetic, a: Value | number, b: Value | number) => Value;

function maker(graph: GraphBuilder): Make {
  const value = (x: Value | number): Value => (typeof x === 'number' ? scalar(graph, Math.fround(x)) : x);
  return (operator, a, b) => arithmetic(graph, operator, [value(a), value(b)]);
}

/** An activation of one float32 input. */
const activation = (build: (view: NodeView, x: Value, make: Make) => Value): Lowering => (view) => [build(view, view.floatInput(0), maker(view.graph))];

/** The part below zero, without a comparison: −relu(−x). */
function negativePart(graph: GraphBuilder, x: Value): Value {
  return unary(graph, 'Neg', relu(graph, unary(graph, 'Neg', x)));
}

/** scale·relu(x) + factor·(e^(min(x, 0)/width) − 1): Elu, Selu and Celu. */
function exponentialLinear(view: NodeView, x: Value, { scale, factor, width }: { scale: number; factor: number; width: number }): Value {
  const make = maker(view.graph);
  const by = (value: Value, amount: number): Value => (amount === 1 ? value : make('Mul', value, amount));
  const below = negativePart(view.graph, x);
  const bent = make('Sub', exp(view.graph, width === 1 ? below : make('Div', below, width)), 1);
  return make('Add', by(relu(view.graph, x), scale), by(bent, factor));
}

export const lowerElu = activation((view, x) => exponentialLinear(view, x, { scale: 1, factor: view.float('alpha', 1), width: 1 }));

export const lowerCelu = activation((view, x) => {
  const alpha = view.float('alpha', 1);
  return exponentialLinear(view, x, { scale: 1, factor: alpha, width: alpha });
});

export const lowerSelu = activation((view, x) => {
  const [alpha, gamma] = [view.float('alpha', 1.6732631921768188), view.float('gamma', 1.0507010221481323)];
  return exponentialLinear(view, x, { scale: gamma, factor: alpha * gamma, width: 1 });
});

function hardSigmoid(graph: GraphBuilder, x: Value, { alpha, beta }: { alpha: number; beta: number }): Value {
  const make = maker(graph);
  return clip(graph, make('Add', make('Mul', x, alpha), beta), { low: 0, high: 1 });
}

export const lowerHardSigmoid = activation((view, x) => hardSigmoid(view.graph, x, { alpha: view.float('alpha', 0.2), beta: view.float('beta', 0.5) }));

export const lowerHardSwish = activation((view, x, make) => make('Mul', x, hardSigmoid(view.graph, x, { alpha: 1 / 6, beta: 0.5 })));

/** x · sigmoid(alpha · x), also called SiLU. */
export const lowerSwish = activation((view, x, make) => {
  const alpha = view.float('alpha', 1);
  return make('Mul', x, sigmoid(view.graph, alpha === 1 ? x : make('Mul', x, alpha)));
});

/** ln(1 + e^x) = relu(x) + ln(1 + e^−|x|), which cannot overflow. */
export const lowerSoftplus = activation((view, x, make) => {
  const small = exp(view.graph, unary(view.graph, 'Neg', unary(view.graph, 'Abs', x)));
  return make('Add', relu(view.graph, x), logarithmOfOnePlus(view.graph, small));
});

export const lowerSoftsign = activation((view, x, make) => make('Div', x, make('Add', unary(view.graph, 'Abs', x), 1)));

/** Above this, tanh(ln(1 + e^x)) is 1 in float32, and e^x squared is still finite. */
const MISH_BOUND = 20;

/** x · tanh(ln(1 + e^x)) = x · n/(n + 2) with n = e^x·(e^x + 2). */
export const lowerMish = activation((view, x, make) => {
  const power = exp(view.graph, make('Min', x, MISH_BOUND));
  const n = make('Mul', power, make('Add', power, 2));
  return make('Mul', x, make('Div', n, make('Add', n, 2)));
});

/** x/2 · (1 + erf(x/√2)), or the approximation by tanh. */
export const lowerGelu = activation((view, x, make) => {
  const mode = view.text('approximate', 'none');
  if (mode !== 'none' && mode !== 'tanh') view.refuse(`attribute approximate is ${mode}`);
  const bent = mode === 'none' ? unary(view.graph, 'Erf', make('Mul', x, Math.SQRT1_2)) : unary(view.graph, 'Tanh', geluArgument(x, make));
  return make('Mul', make('Mul', x, 0.5), make('Add', bent, 1));
});

/** √(2/π) · (x + 0.044715·x³) */
function geluArgument(x: Value, make: Make): Value {
  const cubic = make('Mul', make('Mul', make('Mul', x, x), x), 0.044715);
  return make('Mul', make('Add', x, cubic), Math.sqrt(2 / Math.PI));
}

/** −1, 1, or the input where it is neither above nor below zero: zeros and NaN. */
export const lowerSign = activation((view, x) => {
  const zero = scalar(view.graph, 0);
  const above = where(view.graph, { condition: predicate(view.graph, 'Less', [zero, x]), then: scalar(view.graph, 1), otherwise: x });
  return where(view.graph, { condition: predicate(view.graph, 'Less', [x, zero]), then: scalar(view.graph, -1), otherwise: above });
});

export const lowerReciprocal = activation((_, x, make) => make('Div', 1, x));
