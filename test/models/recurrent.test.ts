import { expect, it } from 'vitest';
import type { Tensor } from '#core/hashing';
import { compileModel } from '#core/onnx';
import { openSession } from '#io/inference';
import { floats, int64s, noise, sourceModel, type Attributes, type SourceModel } from './building.js';
import { describeConformance, type ConformanceCase } from './conformance.js';

interface Options {
  readonly length?: number;
  readonly batch?: number;
  readonly attributes?: Attributes;
  /** Optional inputs by name: B, initial_h, initial_c, P. */
  readonly given?: readonly string[];
  readonly directions?: number;
}

const GATES = { RNN: 1, LSTM: 4, GRU: 3 } as const;
const [INPUTS, HIDDEN] = [5, 6];

/** A recurrent network with all its outputs; layout 1 has the batch first. */
function network(op: keyof typeof GATES, { length = 7, batch = 2, attributes = {}, given = ['B'], directions = 1 }: Options = {}): ConformanceCase {
  const rows = GATES[op] * HIDDEN;
  const batchFirst = attributes['layout'] === 1;
  const state = batchFirst ? [batch, directions, HIDDEN] : [directions, batch, HIDDEN];
  const optional: Record<string, readonly number[]> = { B: [directions, 2 * rows], initial_h: state, initial_c: state, P: [directions, 3 * HIDDEN] };
  const constants: NonNullable<SourceModel['constants']> = {
    W: noise([directions, rows, INPUTS], 1),
    R: noise([directions, rows, HIDDEN], 2),
    ...Object.fromEntries(given.filter((name) => name === 'B' || name === 'P').map((name, i) => [name, noise(optional[name]!, 3 + i)])),
  };
  const states = given.filter((name) => name.startsWith('initial'));
  const order = ['B', '', 'initial_h', 'initial_c', 'P'];
  const used = order.slice(0, order.findLastIndex((name) => given.includes(name)) + 1).map((name) => (given.includes(name) ? name : ''));
  const x = batchFirst ? [batch, length, INPUTS] : [length, batch, INPUTS];
  const outputs = { Y: batchFirst ? [batch, length, directions, HIDDEN] : [length, directions, batch, HIDDEN], Y_h: state, ...(op === 'LSTM' && { Y_c: state }) };
  return {
    name: `${op} of ${length} steps ${JSON.stringify(attributes)} with ${given.join(', ') || 'nothing else'}`,
    tolerance: 2e-6,
    model: {
      inputs: { x, ...Object.fromEntries(states.map((name) => [name, state])) },
      constants,
      nodes: [{ op, inputs: ['x', 'W', 'R', ...used], output: 'Y', furtherOutputs: Object.keys(outputs).slice(1), attributes: { hidden_size: HIDDEN, ...attributes } }],
      outputs,
    },
  };
}

describeConformance([
  network('RNN'),
  network('RNN', { attributes: { direction: 'bidirectional' }, directions: 2, given: ['B', 'initial_h'] }),
  network('LSTM'),
  network('LSTM', { given: [] }),
  network('LSTM', { batch: 1, attributes: { direction: 'reverse' } }),
  network('LSTM', { attributes: { direction: 'bidirectional' }, directions: 2, given: ['B', 'initial_h', 'initial_c'] }),
  network('LSTM', { given: ['B', 'P', 'initial_c'] }),
  network('LSTM', { length: 300, batch: 1 }),
  network('GRU'),
  network('GRU', { attributes: { linear_before_reset: 1 } }),
  network('GRU', { attributes: { linear_before_reset: 1, direction: 'bidirectional' }, directions: 2, given: ['B', 'initial_h'] }),
  network('GRU', { attributes: { direction: 'reverse' }, given: ['initial_h'] }),
  {
    name: 'an LSTM of which only the last state is used',
    tolerance: 2e-6,
    model: {
      inputs: { x: [5, 1, 3] },
      constants: { W: noise([1, 16, 3], 1), R: noise([1, 16, 4], 2), B: noise([1, 32], 3), lengths: { dtype: 'int32', dims: [1], data: new Uint8Array(Int32Array.of(5).buffer) }, shape: int64s([4]) },
      nodes: [
        { op: 'LSTM', inputs: ['x', 'W', 'R', 'B', 'lengths'], output: '', furtherOutputs: ['last'] , attributes: { hidden_size: 4 } },
        { op: 'Reshape', inputs: ['last', 'shape'], output: 'y' },
      ],
      outputs: { y: [4] },
    },
  },
]);

// ONNX Runtime refuses the layout itself, so it is held to the other one.
it('with the batch first computes what it computes with the batch second', async () => {
  const [batch, length] = [2, 4];
  const run = async (attributes: Attributes, x: Tensor): Promise<Float32Array[]> => {
    const session = await openSession(compileModel(sourceModel(network('LSTM', { batch, length, attributes }).model)));
    const outputs = await session.run([x]);
    await session.close();
    return outputs.map(floats);
  };
  const [first, second] = [noise([batch, length, INPUTS], 9), new Float32Array(batch * length * INPUTS)];
  const swapped = (from: Float32Array, inner: number): Float32Array => from.map((_, i) => from[((Math.floor(i / inner) % batch) * length + Math.floor(i / inner / batch)) * inner + (i % inner)]!);
  second.set(swapped(floats(first), INPUTS));
  const ours = await run({ layout: 1 }, first);
  const others = await run({}, { ...first, dims: [length, batch, INPUTS], data: new Uint8Array(second.buffer) });
  expect(swapped(ours[0]!, HIDDEN)).toEqual(others[0]);
  expect(ours.slice(1)).toEqual(others.slice(1));
});
