import { describe, expect, it } from 'vitest';
import { elementCount, elementWord, type Tensor } from '#core/hashing';
import { evaluateElement } from '#core/numerics';
import { compileModel, DEFAULT_PROFILE, executionModel, tracingModel, type CanonicalModel, type NamedHeader } from '#core/onnx';
import { DEFAULT_LIMITS } from '../../libs/core/onnx/limits.js';
import { readModel } from '../../libs/core/onnx/proto/read.js';
import type { BlockWidth } from '../../libs/core/onnx/execution/weights.js';
import { blockWidth } from '../../libs/io/inference/kernels.js';
import { probe, sample, seeded } from '../../libs/io/inference/probes.js';
import { runHere, sessionOptions } from '../../libs/io/inference/runner.js';
import { operandReader } from '../../libs/io/inference/self-test.js';
import { fromRuntime, toRuntime } from '../../libs/io/inference/tensors.js';
import { noise, sourceModel, type Attributes, type SourceNode } from './building.js';

/** Fused run = trace = reference, for each kernel that an execution form names, at each block width this machine has. */
const SEED = 20261121;
const HERE = await blockWidth();
const WIDTHS: readonly BlockWidth[] = HERE === 0 ? [0] : [0, HERE];

interface Network {
  readonly name: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly nodes: readonly SourceNode[];
  readonly weights: Readonly<Record<string, readonly number[]>>;
  /** Kinds of nodes in the form, with this block width and without blocks. */
  readonly blocked: readonly string[];
  readonly unblocked: readonly string[];
  /** Kinds that have been joined with others. */
  readonly without?: readonly string[];
  readonly most?: Readonly<Record<string, number>>;
  readonly opset?: number;
}

const convolution = (output: string, inputs: readonly string[], attributes: Attributes = {}): SourceNode => ({ op: 'Conv', inputs, output, attributes });
const relu = (x: string, output: string): SourceNode => ({ op: 'Relu', inputs: [x], output });
const BLOCKED = 'com.microsoft.nchwc';

const NETWORKS: readonly Network[] = [
  {
    name: 'im2col with Relu', x: [1, 16, 9, 9], y: [1, 24, 7, 7], weights: { w: [24, 16, 3, 3], b: [24] },
    nodes: [convolution('c', ['x', 'w', 'b']), relu('c', 'y')],
    blocked: ['com.microsoft.FusedConv'], unblocked: ['com.microsoft.FusedConv'],
  },
  {
    name: 'depthwise, pointwise and a residual sum', x: [1, 32, 6, 7], y: [1, 32, 6, 7], weights: { d: [32, 1, 3, 3], p: [32, 32, 1, 1], b: [32] },
    nodes: [convolution('c', ['x', 'd', 'b'], { group: 32, pads: [1, 1, 1, 1] }), relu('c', 'r'), convolution('q', ['r', 'p', 'b']), { op: 'Add', inputs: ['q', 'r'], output: 'y' }],
    blocked: [`${BLOCKED}.Conv`, `${BLOCKED}.ReorderInput`, `${BLOCKED}.ReorderOutput`, 'Add'], unblocked: ['com.microsoft.FusedConv', 'Conv', 'Add'],
  },
  {
    name: 'channels that do not fill the last block', x: [1, 12, 6, 6], y: [1, 20, 6, 6], weights: { d: [12, 1, 3, 3], p: [20, 12, 1, 1], b: [12], c: [20] },
    nodes: [convolution('k', ['x', 'd', 'b'], { group: 12, pads: [1, 1, 1, 1] }), convolution('q', ['k', 'p', 'c']), relu('q', 'y')],
    blocked: [`${BLOCKED}.Conv`, `${BLOCKED}.ReorderInput`, `${BLOCKED}.ReorderOutput`], unblocked: ['Conv', 'com.microsoft.FusedConv'],
  },
  {
    name: 'pointwise with more channels than a block of im2col and few positions', x: [1, 320, 3, 3], y: [1, 16, 3, 3], weights: { p: [16, 320, 1, 1], b: [16] },
    nodes: [convolution('c', ['x', 'p', 'b']), relu('c', 'y')],
    blocked: [`${BLOCKED}.Conv`, `${BLOCKED}.ReorderInput`, `${BLOCKED}.ReorderOutput`], unblocked: ['Split', 'Conv', 'Add', 'Relu'],
  },
  {
    name: 'three channels', x: [1, 3, 13, 13], y: [1, 16, 6, 6], weights: { w: [16, 3, 3, 3], b: [16] },
    nodes: [convolution('c', ['x', 'w', 'b'], { strides: [2, 2] }), relu('c', 'y')],
    blocked: [`${BLOCKED}.Conv`, `${BLOCKED}.ReorderOutput`], unblocked: ['Split', 'Conv', 'Add', 'Relu'],
  },
  {
    name: 'seven channels under a large window, then MaxPool', x: [1, 7, 8, 8], y: [1, 16, 4, 4], weights: { w: [16, 7, 5, 5], b: [16] },
    nodes: [convolution('c', ['x', 'w', 'b'], { pads: [2, 2, 2, 2] }), relu('c', 'r'), { op: 'MaxPool', inputs: ['r'], output: 'y', attributes: { kernel_shape: [2, 2], strides: [2, 2] } }],
    blocked: [`${BLOCKED}.Conv`, `${BLOCKED}.MaxPool`, `${BLOCKED}.ReorderOutput`], unblocked: ['Split', 'Conv', 'Add', 'MaxPool'],
  },
  {
    name: 'more channels under a window of as many places as im2col takes at a time', x: [1, 9, 17, 25], y: [1, 16, 10, 10], weights: { w: [16, 9, 8, 16], b: [16] },
    nodes: [convolution('c', ['x', 'w', 'b']), relu('c', 'y')],
    blocked: ['com.microsoft.FusedConv'], unblocked: ['com.microsoft.FusedConv'],
  },
  {
    name: 'joined channels', x: [1, 16, 5, 5], y: [1, 64, 5, 5], weights: { d: [16, 1, 3, 3], p: [32, 16, 1, 1], b: [16], c: [32] },
    nodes: [convolution('k', ['x', 'd', 'b'], { group: 16, pads: [1, 1, 1, 1] }), convolution('q', ['k', 'p', 'c']), relu('q', 'r'), { op: 'Concat', inputs: ['r', 'q'], output: 'y', attributes: { axis: 1 } }],
    blocked: [`${BLOCKED}.Conv`, 'Concat', `${BLOCKED}.ReorderOutput`], unblocked: ['Conv', 'Concat'],
  },
  {
    name: 'a product, a row and a Relu', x: [4, 256], y: [4, 10], weights: { w: [256, 10], b: [10] },
    nodes: [{ op: 'MatMul', inputs: ['x', 'w'], output: 'p' }, { op: 'Add', inputs: ['p', 'b'], output: 's' }, relu('s', 'y')],
    blocked: ['com.microsoft.FusedGemm'], unblocked: ['com.microsoft.FusedGemm'],
  },
  {
    name: 'a product of one column and its number', x: [3, 200], y: [3, 1], weights: { w: [200, 1], b: [1] },
    nodes: [{ op: 'Gemm', inputs: ['x', 'w', 'b'], output: 'g' }, { op: 'Tanh', inputs: ['g'], output: 'y' }],
    blocked: ['com.microsoft.FusedGemm'], unblocked: ['com.microsoft.FusedGemm'],
  },
  {
    name: 'some columns of a product, then Tanh', x: [2, 300], y: [2, 5], weights: { w: [24, 300], b: [24] },
    nodes: [{ op: 'Gemm', inputs: ['x', 'w', 'b'], output: 'g', attributes: { transB: 1 } }, { op: 'Split', inputs: ['g'], output: 'a', furtherOutputs: ['s', 'c'], attributes: { axis: 1, split: [7, 5, 12] } }, { op: 'Tanh', inputs: ['s'], output: 'y' }],
    opset: 12, blocked: ['com.microsoft.FusedGemm'], unblocked: ['com.microsoft.FusedGemm'], without: ['Slice', 'Split', 'Tanh'],
  },
  {
    name: 'a scaled product of two computed sides', x: [2, 3, 9, 8], y: [2, 3, 9, 9], weights: { scale: [1], half: [1, 1, 1, 8] },
    nodes: [{ op: 'Mul', inputs: ['x', 'half'], output: 'q' }, { op: 'Transpose', inputs: ['x'], output: 't', attributes: { perm: [0, 1, 3, 2] } }, { op: 'MatMul', inputs: ['q', 't'], output: 'p' }, { op: 'Abs', inputs: ['scale'], output: 'factor' }, { op: 'Mul', inputs: ['p', 'factor'], output: 'y' }],
    blocked: ['Mul', 'com.microsoft.FusedMatMul'], unblocked: ['com.microsoft.FusedMatMul'], most: { Mul: 1 },
  },
  {
    name: 'constants that would be broadcast in short runs', x: [1, 6, 5, 4, 1], y: [1, 6, 5, 4, 1], weights: { c: [1, 6, 1, 4, 1], d: [5, 1, 1] },
    nodes: [{ op: 'Mul', inputs: ['x', 'c'], output: 'm' }, { op: 'Sub', inputs: ['d', 'm'], output: 'y' }],
    blocked: ['Mul', 'Sub'], unblocked: ['Mul', 'Sub'],
  },
];

describe.each(NETWORKS)('$name', ({ x, y, nodes, weights, blocked, unblocked, without = [], most = {}, opset = 17 }) => {
  const constants = Object.fromEntries(Object.entries(weights).map(([name, dims], i) => [name, noise(dims, i + 1)]));
  const model = compileModel(sourceModel({ opset, inputs: { x }, constants, nodes, outputs: { y } }));

  // Without blocks a depthwise window goes by the ordinary Conv, which holds its chain on ARM only: `npm run test:isa` runs it there.
  const depthwise = nodes.some(({ attributes }) => attributes?.['group'] !== undefined);
  it.each(WIDTHS.filter((width) => width === HERE || !depthwise))('gives the reference\'s bits in blocks of %i, joined and laid open', async (width) => {
    const random = seeded(SEED);
    for (const hostile of [false, true, true]) {
      const inputs = model.manifest.signature.inputs.map((input) => probe(input, random, hostile));
      const values = await computed(model, tracingModel(model, width), inputs);
      const [output] = await computed(model, { onnx: executionModel(model, width), outputs: [{ name: 'y', value: model.graph.outputs[0]!.value }] }, inputs);
      expect(output).toEqual(values[model.graph.outputs[0]!.value]);
      model.manifest.descriptors.slice(0, -1).forEach((descriptor, value) => {
        const read = operandReader(descriptor, { inputs, values, initializers: model.initializers });
        const elements = sample(elementCount(descriptor.output.dims), 40, random);
        expect(elements.map((element) => elementWord(values[value]!, element))).toEqual(elements.map((element) => evaluateElement(descriptor, element, read)));
      });
    }
  });

  it.each([0, 8, 16] as const)('is made of the kernels that hold its chain in blocks of %i', (width) => {
    const kinds = kindsIn(executionModel(model, width));
    for (const kind of width === 0 ? unblocked : blocked) expect(kinds).toContain(kind);
    for (const kind of without) expect(kinds).not.toContain(kind);
    for (const [kind, count] of Object.entries(most)) expect(kinds.filter((other) => other === kind)).toHaveLength(count);
    if (width === 0) expect(kinds.filter((kind) => kind.startsWith(BLOCKED))).toEqual([]);
  });

  it('fills its filters up to whole blocks', () => {
    for (const width of [8, 16] as const) {
      const { nodes: written, initializers } = readModel(executionModel(model, width), DEFAULT_LIMITS).graph;
      for (const node of written.filter(({ opType, domain }) => opType === 'Conv' && domain === BLOCKED)) {
        expect(Number(initializers.get(node.inputs[1]!)!.dims[0]!) % width).toBe(0);
      }
    }
  });
});

it('brings integers between two constants at once', async () => {
  const nodes: SourceNode[] = [{ op: 'Gather', inputs: ['table', 'x'], output: 'y' }];
  const model = compileModel(sourceModel({ inputs: { x: [40] }, dtypes: { x: 'int64' }, constants: { table: noise([8, 3], 1) }, nodes, outputs: { y: [40, 3] } }));
  expect(model.graph.nodes.map(({ operator }) => operator)).toEqual(['Max', 'Min', 'Gather']);
  expect(kindsIn(executionModel(model, HERE))).toEqual(['Clip', 'Gather']);
  const inputs = [{ dtype: 'int64' as const, dims: [40], data: new Uint8Array(BigInt64Array.from({ length: 40 }, (_, i) => [-(2n ** 63n), 2n ** 63n - 1n, BigInt(i - 20)][i % 3]!).buffer) }];
  const values = await computed(model, tracingModel(model, HERE), inputs);
  const [output] = await computed(model, { onnx: executionModel(model, HERE), outputs: [{ name: 'y', value: 2 }] }, inputs);
  expect(output).toEqual(values[2]);
});

/** Integer convolutions, each scaled: by a float kernel where every sum is exact in float32. */
const INTEGER = [
  { channels: 3, window: 5, width: 0, inFloats: false },
  { channels: 3, window: 5, width: HERE, inFloats: HERE > 0 },
  { channels: 16, window: 3, width: HERE, inFloats: HERE > 0 },
  { channels: 12, window: 3, width: HERE, inFloats: false },
  // 64 · 9 · 255 · 128 is above 2^24.
  { channels: 64, window: 3, width: HERE, inFloats: false },
] as const;

describe.each(INTEGER)('ConvInteger of $channels channels under $window×$window in blocks of $width', ({ channels, window, width, inFloats }) => {
  const filters = 12;
  const bytes = (dims: readonly number[], seed: number): Tensor => ({ dtype: 'uint8', dims, data: Uint8Array.from(seededBytes(elementCount(dims), seed)) });
  const constants = { w: bytes([filters, channels, window, window], 1), zx: { ...bytes([], 2), data: Uint8Array.of(113) }, zw: { ...bytes([], 3), data: Uint8Array.of(128) }, s: { dtype: 'float32' as const, dims: [], data: new Uint8Array(Float32Array.of(0.0123).buffer) } };
  const nodes: SourceNode[] = [
    { op: 'ConvInteger', inputs: ['x', 'w', 'zx', 'zw'], output: 'c', attributes: { pads: [1, 2, 1, 0] } },
    { op: 'Cast', inputs: ['c'], output: 'f', attributes: { to: 1 } },
    { op: 'Mul', inputs: ['f', 's'], output: 'y' },
  ];
  const y = [1, filters, 9 + 2 - window + 1, 9 + 2 - window + 1];
  const model = compileModel(sourceModel({ inputs: { x: [1, channels, 9, 9] }, dtypes: { x: 'uint8' }, constants, nodes, outputs: { y } }));

  it('gives the trace\'s bits, and by which kernel', async () => {
    const random = seeded(SEED);
    expect(kindsIn(executionModel(model, width)).includes('ConvInteger')).toBe(!inFloats);
    for (const hostile of [false, true]) {
      const inputs = model.manifest.signature.inputs.map((input) => probe(input, random, hostile));
      const values = await computed(model, tracingModel(model, width), inputs);
      const [output] = await computed(model, { onnx: executionModel(model, width), outputs: [{ name: 'y', value: model.graph.outputs[0]!.value }] }, inputs);
      expect(output).toEqual(values.at(-1));
    }
  });
});

/** Bytes, many of them at the ends of their range. */
function seededBytes(count: number, seed: number): number[] {
  const random = seeded(seed);
  return Array.from({ length: count }, () => [0, 255, random(256)][random(3)]!);
}

function kindsIn(onnx: Uint8Array): string[] {
  return readModel(onnx, DEFAULT_LIMITS).graph.nodes.map(({ domain, opType }) => (domain === '' ? opType : `${domain}.${opType}`));
}

interface Part {
  readonly onnx: Uint8Array;
  readonly outputs: readonly { readonly name: string; readonly value: number }[];
}

async function computed(model: CanonicalModel, { onnx, outputs }: Part, inputs: readonly Tensor[]): Promise<Tensor[]> {
  const runner = await runHere(onnx, sessionOptions(DEFAULT_PROFILE));
  const signature: readonly NamedHeader[] = model.manifest.signature.inputs;
  const results = await runner.run(Object.fromEntries(inputs.map((tensor, i) => [signature[i]!.name, toRuntime(tensor)])), outputs.map(({ name }) => name));
  await runner.close();
  return outputs.map(({ name, value }) => fromRuntime(model.manifest.descriptors[value]!.output, results[name]!));
}
