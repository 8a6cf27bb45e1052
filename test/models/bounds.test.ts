import { describe, expect, it } from 'vitest';
import type { Tensor } from '#core/hashing';
import { compileModel } from '#core/onnx';
import { seeded } from '../../libs/io/inference/probes.js';
import { arithmetic, exp, relu, withoutNaNAndNegativeZero } from '../../libs/core/onnx/canonical/arithmetic.js';
import { gather } from '../../libs/core/onnx/canonical/indexing.js';
import { transpose } from '../../libs/core/onnx/canonical/movement.js';
import { product } from '../../libs/core/onnx/canonical/product.js';
import { meanRows, reduceMax, sumRows } from '../../libs/core/onnx/canonical/reduction.js';
import { filled } from '../../libs/core/onnx/canonical/tensors.js';
import { sigmoid, unary } from '../../libs/core/onnx/canonical/unary.js';
import { GraphBuilder, NO_FACTS, type Value } from '../../libs/core/onnx/graph.js';
import { DEFAULT_LIMITS } from '../../libs/core/onnx/limits.js';
import { noise, sourceModel, type SourceNode } from './building.js';

/** What the compiler takes for the largest magnitude of a value is never below what the reference computes. */
const SEED = 20261121;
const [ROWS, COLUMNS] = [6, 8];

type Formula = (graph: GraphBuilder, x: Value, constant: (dims: readonly number[]) => Value) => Value;

const rootMeanSquare: Formula = (graph, x, constant) => {
  const mean = meanRows(graph, arithmetic(graph, 'Mul', [x, x]));
  return arithmetic(graph, 'Div', [x, unary(graph, 'Sqrt', arithmetic(graph, 'Add', [mean, unary(graph, 'Abs', arithmetic(graph, 'Max', [constant([]), graph.constant(filled([], 2 ** -20))]))]))]);
};
const softmax: Formula = (graph, source) => {
  const x = withoutNaNAndNegativeZero(graph, source);
  const powers = exp(graph, arithmetic(graph, 'Sub', [x, reduceMax(graph, x)]));
  return arithmetic(graph, 'Div', [powers, sumRows(graph, powers)]);
};
const FORMULAS: Readonly<Record<string, Formula>> = {
  'sums and products': (graph, x, constant) => arithmetic(graph, 'Sub', [arithmetic(graph, 'Mul', [x, constant([COLUMNS])]), arithmetic(graph, 'Add', [x, constant([ROWS, 1])])]),
  'extremes': (graph, x, constant) => arithmetic(graph, 'Min', [arithmetic(graph, 'Max', [x, constant([])]), constant([COLUMNS])]),
  'a quotient by a constant': (graph, x, constant) => arithmetic(graph, 'Div', [x, constant([ROWS, 1])]),
  'products of matrices': (graph, x, constant) => product(graph, product(graph, x, constant([COLUMNS, 5])), transpose(graph, product(graph, x, constant([COLUMNS, 5])), [1, 0])),
  'functions with bounds': (graph, x) => arithmetic(graph, 'Add', [sigmoid(graph, x), arithmetic(graph, 'Sub', [unary(graph, 'Tanh', x), unary(graph, 'Erf', relu(graph, x))])]),
  'a root': (graph, x) => unary(graph, 'Sqrt', relu(graph, x)),
  'rows over their root mean square': rootMeanSquare,
  'softmax': softmax,
  'softmax of rows over their root mean square': (graph, x, constant) => softmax(graph, rootMeanSquare(graph, x, constant), constant),
};

describe.each(Object.entries(FORMULAS))('%s', (_, formula) => {
  it('stays below the bound that the compiler takes', () => {
    const random = seeded(SEED);
    let bounded = 0;
    for (let round = 0; round < 60; round++) {
      const scale = 2 ** (random(160) - 90);
      const x = anyNumbers([ROWS, COLUMNS], random, scale);
      const constants: Tensor[] = [];
      const remember = (dims: readonly number[]): Tensor => constants[constants.push(anyNumbers(dims, random, 2 ** (random(20) - 10))) - 1]!;
      const bound = evaluated(formula, { x, computed: true, constant: remember }).largest;
      const actual = evaluated(formula, { x, computed: false, constant: () => constants.shift()! }).largest;
      if (bound < Infinity) bounded++;
      expect(actual).toBeLessThanOrEqual(bound);
    }
    expect(bounded).toBeGreaterThan(20);
  });
});

/** The formula's value: of x itself, which folds, or of x taken from a table by indices that are an input. */
function evaluated(formula: Formula, { x, computed, constant }: { x: Tensor; computed: boolean; constant: (dims: readonly number[]) => Tensor }): Value {
  const graph = new GraphBuilder(DEFAULT_LIMITS);
  const indices: Value = { kind: 'input', index: 0, dtype: 'int64', dims: [ROWS], facts: NO_FACTS, largest: Infinity };
  const table = graph.constant(x);
  return formula(graph, computed ? gather(graph, table, { indices, axis: 0 }) : table, (dims) => graph.constant(constant(dims)));
}

/** Numbers around a scale, with zeros and equal ones among them. */
function anyNumbers(dims: readonly number[], random: (bound: number) => number, scale: number): Tensor {
  const count = dims.reduce((a, b) => a * b, 1);
  const numbers = Float32Array.from({ length: count }, () => (random(9) === 0 ? 0 : (random(2 ** 24) / 2 ** 23 - 1) * scale * (random(4) === 0 ? 2 ** -30 : 1)));
  return { dtype: 'float32', dims, data: new Uint8Array(numbers.buffer) };
}

/** Attention of tokens, with what is to come hidden by `hidden`, and embeddings of this size. */
function attention(hidden: number, size: number): string[] {
  const [T, D] = [5, 8];
  const table = noise([16, D], 1);
  const scaled = Float32Array.from(new Float32Array(table.data.buffer), (value) => value * size);
  const ahead = Uint8Array.from({ length: T * T }, (_, i) => Number(i % T > Math.floor(i / T)));
  const constants = { table: { ...table, data: new Uint8Array(scaled.buffer) }, w: noise([D, D], 2), ahead: { dtype: 'bool' as const, dims: [T, T], data: ahead }, low: { dtype: 'float32' as const, dims: [1], data: new Uint8Array(Float32Array.of(hidden).buffer) } };
  const nodes: SourceNode[] = [
    { op: 'Gather', inputs: ['table', 'x'], output: 'e' },
    { op: 'MatMul', inputs: ['e', 'w'], output: 'q' },
    { op: 'Transpose', inputs: ['e'], output: 't' },
    { op: 'MatMul', inputs: ['q', 't'], output: 's' },
    { op: 'Where', inputs: ['ahead', 'low', 's'], output: 'm' },
    { op: 'Softmax', inputs: ['m'], output: 'p' },
    { op: 'MatMul', inputs: ['p', 'e'], output: 'v' },
    { op: 'Softmax', inputs: ['v'], output: 'y' },
  ];
  const model = compileModel(sourceModel({ inputs: { x: [T] }, dtypes: { x: 'int64' }, constants, nodes, outputs: { y: [T, D] } }));
  return model.graph.nodes.map(({ operator }) => operator);
}

describe('attention of tokens', () => {
  it.each([-Infinity, -1e9])('needs no guard against NaN, and %d hides by a minimum', (hidden) => {
    const softmaxParts = ['Add', 'ReduceMax', 'Sub', 'Exp', 'MatMul', 'Div'];
    expect(attention(hidden, 1).slice(5)).toEqual(['Min', ...softmaxParts, 'BatchMatMul', ...softmaxParts]);
  });

  it('keeps the guard where a product may overflow, and the choice where a number may be lower than what hides it', () => {
    expect(attention(-Infinity, 1e30)).toEqual(expect.arrayContaining(['Where', 'Relu']));
    expect(attention(-3, 1)).toContain('Where');
  });
});
