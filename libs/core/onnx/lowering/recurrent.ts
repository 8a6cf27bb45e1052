import { arithmetic, relu } from '../canonical/arithmetic.js';
import { scalar } from '../canonical/constants.js';
import { concat, reshape, slice, transpose } from '../canonical/movement.js';
import { gemm } from '../canonical/product.js';
import { sigmoid, unary } from '../canonical/unary.js';
import type { GraphBuilder, Value } from '../graph.js';
import type { Lowering, NodeView } from './node.js';

/** Recurrent networks of a static length, unrolled: one product for all inputs, then one step after the other. */

type Activation = (graph: GraphBuilder, x: Value) => Value;

const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  Sigmoid: sigmoid,
  Tanh: (graph, x) => unary(graph, 'Tanh', x),
  Relu: relu,
};

/** What one direction computes with: matrices and biases with the gates after one another. */
interface Direction {
  readonly graph: GraphBuilder;
  readonly hidden: number;
  /** gates·hidden × inputs, gates·hidden × hidden. */
  readonly inputWeights: Value;
  readonly stateWeights: Value;
  /** gates·hidden, on the side of the inputs and of the state. */
  readonly inputBias: Value;
  readonly stateBias: Value;
  readonly peepholes: Value | undefined;
  readonly activations: readonly Activation[];
}

/** Hidden state and, of an LSTM, cell state: batch × hidden. None before the first step unless given. */
type State = readonly Value[];

interface Cell {
  readonly gates: number;
  readonly states: number;
  readonly activations: readonly string[];
  /** Bias of the product of all inputs. */
  bias(direction: Direction): Value;
  /** State after a step, from the step's share of that product and the state before. */
  step(direction: Direction, input: Value, before: State | undefined): State;
}

/** Columns of a matrix, gate by gate. */
function gatesOf({ graph, hidden }: Direction, x: Value, from: number, count = 1): Value {
  return slice(graph, x, { starts: [0, from * hidden], sizes: [x.dims[0]!, count * hidden], steps: [1, 1] });
}

function rowsOf({ graph, hidden }: Direction, x: Value, from: number, count: number): Value {
  const none = x.dims.map(() => 0);
  return slice(graph, x, { starts: none.with(0, from * hidden), sizes: x.dims.with(0, count * hidden), steps: x.dims.map(() => 1) });
}

/** state × weightsᵀ + addend */
function ofState({ graph }: Direction, state: Value, { weights, addend }: { weights: Value; addend: Value }): Value {
  return gemm(graph, { a: state, b: weights, c: addend, transA: false, transB: true, alpha: 1, beta: 1 });
}

const bothBiases = ({ graph, inputBias, stateBias }: Direction): Value => arithmetic(graph, 'Add', [inputBias, stateBias]);

const RNN: Cell = {
  gates: 1,
  states: 1,
  activations: ['Tanh'],
  bias: bothBiases,
  step(d, input, before) {
    return [d.activations[0]!(d.graph, before ? ofState(d, before[0]!, { weights: d.stateWeights, addend: input }) : input)];
  },
};

/** Gates: input, output, forget, cell. Source of the equations: ONNX, operator LSTM. */
const LSTM: Cell = {
  gates: 4,
  states: 2,
  activations: ['Sigmoid', 'Tanh', 'Tanh'],
  bias: bothBiases,
  step(d, input, before) {
    const { graph } = d;
    const [gate, candidate, output] = d.activations as [Activation, Activation, Activation];
    const sums = before ? ofState(d, before[0]!, { weights: d.stateWeights, addend: input }) : input;
    const times = (a: Value, b: Value): Value => arithmetic(graph, 'Mul', [a, b]);
    const peeped = (at: number, cell: Value | undefined): Value => {
      const sum = gatesOf(d, sums, at);
      return d.peepholes && cell ? arithmetic(graph, 'Add', [sum, times(cell, rowsOf(d, d.peepholes, at, 1))]) : sum;
    };
    const together = d.peepholes ? undefined : gate(graph, gatesOf(d, sums, 0, 3));
    const opened = (at: number, cell: Value | undefined): Value => (together ? gatesOf(d, together, at) : gate(graph, peeped(at, cell)));
    const fresh = times(opened(0, before?.[1]), candidate(graph, gatesOf(d, sums, 3)));
    const cell = before ? arithmetic(graph, 'Add', [times(opened(2, before[1]), before[1]!), fresh]) : fresh;
    return [times(opened(1, cell), output(graph, cell)), cell];
  },
};

/** Gates: update, reset, hidden. Source of the equations: ONNX, operator GRU. */
const gru = (linearBeforeReset: boolean): Cell => ({
  gates: 3,
  states: 1,
  activations: ['Sigmoid', 'Tanh'],
  bias(d) {
    if (!linearBeforeReset) return bothBiases(d);
    const outer = arithmetic(d.graph, 'Add', [rowsOf(d, d.inputBias, 0, 2), rowsOf(d, d.stateBias, 0, 2)]);
    return concat(d.graph, [outer, rowsOf(d, d.inputBias, 2, 1)], 0);
  },
  step(d, input, before) {
    const { graph } = d;
    const [gate, candidate] = d.activations as [Activation, Activation];
    const state = before?.[0];
    const outerSums = gatesOf(d, input, 0, 2);
    const gates = gate(graph, state ? ofState(d, state, { weights: rowsOf(d, d.stateWeights, 0, 2), addend: outerSums }) : outerSums);
    const [update, reset] = [gatesOf(d, gates, 0), gatesOf(d, gates, 1)];
    const hidden = candidate(graph, hiddenSums(d, { input: gatesOf(d, input, 2), state, reset, linearBeforeReset }));
    const fresh = arithmetic(graph, 'Mul', [arithmetic(graph, 'Sub', [scalar(graph, 1), update]), hidden]);
    return [state ? arithmetic(graph, 'Add', [fresh, arithmetic(graph, 'Mul', [update, state])]) : fresh];
  },
});

interface HiddenParts {
  readonly input: Value;
  readonly state: Value | undefined;
  readonly reset: Value;
  readonly linearBeforeReset: boolean;
}

function hiddenSums(d: Direction, { input, state, reset, linearBeforeReset }: HiddenParts): Value {
  const { graph } = d;
  const weights = rowsOf(d, d.stateWeights, 2, 1);
  const bias = rowsOf(d, d.stateBias, 2, 1);
  if (!linearBeforeReset) return state ? ofState(d, arithmetic(graph, 'Mul', [reset, state]), { weights, addend: input }) : input;
  const linear = state ? ofState(d, state, { weights, addend: bias }) : bias;
  return arithmetic(graph, 'Add', [input, arithmetic(graph, 'Mul', [reset, linear])]);
}

export const lowerRNN: Lowering = (view) => unrolled(view, RNN);

export const lowerLSTM: Lowering = (view) => {
  if (view.int('input_forget', 0) !== 0) view.refuse('input_forget is not supported');
  return unrolled(view, LSTM);
};

export const lowerGRU: Lowering = (view) => unrolled(view, gru(view.int('linear_before_reset', 0) !== 0));

/** Outputs: all hidden states, then the last state of each kind. */
function unrolled(view: NodeView, cell: Cell): Value[] {
  const { graph } = view;
  const batchFirst = view.int('layout', 0) !== 0;
  const given = view.floatInput(0);
  if (given.dims.length !== 3) view.refuse(`its input has shape [${given.dims}], three axes are expected`);
  const x = batchFirst ? transpose(graph, given, [1, 0, 2]) : given;
  const ways = waysOf(view);
  const runs = ways.map((backwards, i) => runOf(view, cell, { x, backwards, direction: directionOf(view, cell, { index: i, count: ways.length, inputs: x.dims[2]! }), first: firstState(view, cell, { index: i, batchFirst }) }));
  // length × directions × batch × hidden, and directions × batch × hidden
  const all = joined(graph, Array.from({ length: x.dims[0]! }, (_, t) => joined(graph, runs.map(({ hidden }) => expanded(graph, hidden[t]!, 2)), 1)), 0);
  const last = Array.from({ length: cell.states }, (_, k) => joined(graph, runs.map(({ state }) => expanded(graph, state[k]!, 1)), 0));
  if (!batchFirst) return [all, ...last];
  return [transpose(graph, all, [2, 0, 1, 3]), ...last.map((state) => transpose(graph, state, [1, 0, 2]))];
}

/** Which directions run, backwards or not. */
function waysOf(view: NodeView): boolean[] {
  const direction = view.text('direction', 'forward');
  if (view.float('clip', 0) !== 0) view.refuse('clip is not supported');
  if (direction === 'bidirectional') return [false, true];
  if (direction !== 'forward' && direction !== 'reverse') view.refuse(`direction ${direction} is unknown`);
  return [direction === 'reverse'];
}

interface Which {
  readonly index: number;
  readonly count: number;
  readonly inputs: number;
}

const [WEIGHTS, STATE_WEIGHTS, BIAS, LENGTHS, FIRST_HIDDEN, PEEPHOLES] = [1, 2, 3, 4, 5, 7];

function directionOf(view: NodeView, cell: Cell, { index, count, inputs }: Which): Direction {
  const { graph } = view;
  const hidden = view.input(STATE_WEIGHTS).dims.at(-1) ?? 0;
  if (view.int('hidden_size', hidden) !== hidden) view.refuse('hidden_size differs from the weights');
  const rows = cell.gates * hidden;
  const part = (input: number, dims: readonly number[]): Value => partOf(view, { input, index, dims: [count, ...dims] });
  const zeros = graph.constant({ dtype: 'float32', dims: [2 * rows], data: new Uint8Array(8 * rows) });
  const bias = view.optionalInput(BIAS) ? part(BIAS, [2 * rows]) : zeros;
  const half = (start: number): Value => slice(graph, bias, { starts: [start], sizes: [rows], steps: [1] });
  return {
    graph,
    hidden,
    inputWeights: part(WEIGHTS, [rows, inputs]),
    stateWeights: part(STATE_WEIGHTS, [rows, hidden]),
    inputBias: half(0),
    stateBias: half(rows),
    peepholes: view.optionalInput(PEEPHOLES) && part(PEEPHOLES, [3 * hidden]),
    activations: activationsOf(view, cell).slice(index * cell.activations.length, (index + 1) * cell.activations.length),
  };
}

/** One entry of an input's first axis. */
function partOf(view: NodeView, { input, index, dims }: { input: number; index: number; dims: readonly number[] }): Value {
  const whole = view.floatInput(input);
  if (whole.dims.join() !== dims.join()) view.refuse(`input ${input} has shape [${whole.dims}], [${dims}] is expected`);
  const one = slice(view.graph, whole, { starts: dims.map((_, axis) => (axis === 0 ? index : 0)), sizes: dims.with(0, 1), steps: dims.map(() => 1) });
  return reshape(view.graph, one, dims.slice(1));
}

function activationsOf(view: NodeView, cell: Cell): Activation[] {
  if (view.floats('activation_alpha') || view.floats('activation_beta')) view.refuse('activations with parameters are not supported');
  const names = view.texts('activations') ?? [...cell.activations, ...cell.activations];
  return names.map((name) => ACTIVATIONS[name] ?? view.refuse(`activation ${name} is not supported, only ${Object.keys(ACTIVATIONS).join(', ')} are`));
}

/** Initial states, if there are any; where only one kind is given, the other begins with zeros. */
function firstState(view: NodeView, cell: Cell, { index, batchFirst }: { index: number; batchFirst: boolean }): State | undefined {
  const given = Array.from({ length: cell.states }, (_, k) => view.optionalInput(FIRST_HIDDEN + k));
  const [known] = given.filter((value) => value !== undefined);
  if (!known) return undefined;
  const zeros = view.graph.constant({ dtype: 'float32', dims: known.dims, data: new Uint8Array(known.dims.reduce((a, b) => a * b, 4)) });
  return given.map((value) => {
    const states = batchFirst ? transpose(view.graph, value ?? zeros, [1, 0, 2]) : (value ?? zeros);
    const one = slice(view.graph, states, { starts: [index, 0, 0], sizes: states.dims.with(0, 1), steps: [1, 1, 1] });
    return reshape(view.graph, one, states.dims.slice(1));
  });
}

interface Run {
  readonly x: Value;
  readonly direction: Direction;
  readonly backwards: boolean;
  readonly first: State | undefined;
}

/** The hidden state at each place, and the state at the end. */
function runOf(view: NodeView, cell: Cell, { x, direction, backwards, first }: Run): { hidden: Value[]; state: State } {
  const { graph } = view;
  const [length, batch, inputs] = x.dims as [number, number, number];
  checkLengths(view, length);
  const rows = reshape(graph, x, [length * batch, inputs]);
  const sums = gemm(graph, { a: rows, b: direction.inputWeights, c: cell.bias(direction), transA: false, transB: true, alpha: 1, beta: 1 });
  const hidden = new Array<Value>(length);
  let state = first;
  for (let i = 0; i < length; i++) {
    const t = backwards ? length - 1 - i : i;
    const input = slice(graph, sums, { starts: [t * batch, 0], sizes: [batch, sums.dims[1]!], steps: [1, 1] });
    state = cell.step(direction, input, state);
    hidden[t] = state[0]!;
  }
  return { hidden, state: state! };
}

/** Every sequence as long as the input, or it is refused. */
function checkLengths(view: NodeView, length: number): void {
  const lengths = view.constantInts(LENGTHS);
  if (length < 1 || lengths?.some((given) => given !== length)) view.refuse(`sequences of lengths [${lengths}] in an input of ${length} are not supported`);
}

/** With axes of size 1 in front. */
function expanded(graph: GraphBuilder, x: Value, axes: number): Value {
  return reshape(graph, x, [...Array<number>(axes).fill(1), ...x.dims]);
}

const MOST_PARTS = 255;

/** Joined along an axis, in several nodes where there are more parts than one takes. */
function joined(graph: GraphBuilder, parts: readonly Value[], axis: number): Value {
  if (parts.length === 1) return parts[0]!;
  if (parts.length <= MOST_PARTS) return concat(graph, parts, axis);
  const chunks = Array.from({ length: Math.ceil(parts.length / MOST_PARTS) }, (_, i) => parts.slice(i * MOST_PARTS, (i + 1) * MOST_PARTS));
  return joined(graph, chunks.map((chunk) => joined(graph, chunk, axis)), axis);
}
