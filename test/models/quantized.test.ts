import { join } from 'node:path';
import ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { elementCount, type Tensor } from '#core/hashing';
import { compileModel, loadCanonical } from '#core/onnx';
import { openSession, selfTest } from '#io/inference';
import { probe, seeded } from '../../libs/io/inference/probes.js';
import { readDigits } from '../../apps/cli/samples.js';
import { floats, message, noise, sourceModel, type Attributes, type SourceModel } from './building.js';
import { describeConformance, type ConformanceCase } from './conformance.js';
import { argmax, maxDifference, plainRuntime } from './plain-runtime.js';
import { hasSharedModels, MODELS_FOLDER, readFloatTensor, sharedFile } from './shared-models.js';

// Every way from quantised models to the integer operators. All 10,000 digits, if they lie beside the shared models: ASSAY_DIGITS=10000.
const DIGITS = Number(process.env['ASSAY_DIGITS'] ?? 1000);
const [images, labels] = ['images-idx3', 'labels-idx1'].map((name) => join(MODELS_FOLDER, `../data/digits/t10k-${name}-ubyte.gz`)) as [string, string];
const ALL_DIGITS = { images, labels };

const scalar = (value: number): Tensor => ({ dtype: 'float32', dims: [], data: new Uint8Array(Float32Array.of(value).buffer) });
const list = (...values: number[]): Tensor => ({ ...scalar(0), dims: [values.length], data: new Uint8Array(Float32Array.from(values).buffer) });
const uint8 = (...values: number[]): Tensor => ({ dtype: 'uint8', dims: values.length === 1 ? [] : [values.length], data: Uint8Array.from(values) });
const int8 = (...values: number[]): Tensor => ({ ...uint8(...values), dtype: 'int8' });
const int32s = (values: readonly number[]): Tensor => ({ dtype: 'int32', dims: [values.length], data: new Uint8Array(Int32Array.from(values).buffer) });
/** From −64 to 63, or from 0 to 127: with larger ones the original's own u8×s8 kernels saturate where the machine has no VNNI. */
const weights = (dtype: 'uint8' | 'int8', dims: number[], seed: number): Tensor => {
  const { data } = noise(dims, seed);
  return { dtype, dims, data: Uint8Array.from({ length: elementCount(dims) }, (_, i) => ((data[4 * i]! ^ data[4 * i + 1]!) & 0x7f) - (dtype === 'int8' ? 64 : 0)) };
};

/** A node between DequantizeLinear and QuantizeLinear, weights and bias quantised too. */
function between(op: 'Conv' | 'Gemm' | 'MatMul', { x, w, y, attributes = {}, relu = false, most, signed = false, perChannel = false }: { x: number[]; w: number[]; y: number[]; attributes?: Attributes; relu?: boolean; most?: number; signed?: boolean; perChannel?: boolean }): SourceModel {
  const channels = op === 'MatMul' ? w[1]! : w[0]!;
  const scales = Array.from({ length: perChannel ? channels : 1 }, (_, i) => 2 ** -7 * (1 + (i % 5)));
  const zero = signed ? int8(relu ? -128 : 3) : uint8(relu ? 0 : 128);
  const wScale = perChannel ? list(...scales) : scalar(scales[0]!);
  const wZero = perChannel ? { ...int8(0), dims: [channels], data: new Uint8Array(channels) } : int8(0);
  const constants = { s: scalar(2 ** -6), z: zero, w: weights('int8', w, 3), ws: wScale, wz: wZero, ys: scalar(0.37), yz: zero, b: int32s(Array.from({ length: channels }, (_, i) => 400 * i - 900)), bs: perChannel ? list(...scales.map((scale) => scale * 2 ** -6)) : scalar(scales[0]! * 2 ** -6) };
  const bounds = most === undefined ? {} : { least: scalar(0), most: scalar(most) };
  const biased = op !== 'MatMul';
  const axis = op === 'MatMul' ? 1 : 0;
  return {
    inputs: { x },
    constants: { ...constants, ...bounds },
    nodes: [
      { op: 'QuantizeLinear', inputs: ['x', 's', 'z'], output: 'xq' },
      { op: 'DequantizeLinear', inputs: ['xq', 's', 'z'], output: 'xd' },
      { op: 'DequantizeLinear', inputs: ['w', 'ws', 'wz'], output: 'wd', ...(perChannel && { attributes: { axis } }) },
      ...(biased ? [{ op: 'DequantizeLinear', inputs: ['b', 'bs'], output: 'bd', ...(perChannel && { attributes: { axis: 0 } }) }] : []),
      { op, inputs: ['xd', 'wd', ...(biased ? ['bd'] : [])], output: 'c', attributes },
      ...(relu ? [{ op: most === undefined ? 'Relu' : 'Clip', inputs: most === undefined ? ['c'] : ['c', 'least', 'most'], output: 'r' }] : []),
      { op: 'QuantizeLinear', inputs: [relu ? 'r' : 'c', 'ys', 'yz'], output: 'yq' },
      { op: 'DequantizeLinear', inputs: ['yq', 'ys', 'yz'], output: 'y' },
    ],
    outputs: { y },
  };
}

const conv = { x: [1, 4, 8, 9], w: [6, 4, 3, 3], y: [1, 6, 8, 9], attributes: { pads: [1, 1, 1, 1] } };
const PATTERNS: readonly (ConformanceCase & { becomes: string })[] = [
  { name: 'Conv in a pattern', model: between('Conv', conv), becomes: 'QLinearConv' },
  { name: 'Conv and Relu, per channel', model: between('Conv', { ...conv, relu: true, perChannel: true }), becomes: 'QLinearConv' },
  { name: 'Conv and a Clip where quantising cuts', model: between('Conv', { ...conv, relu: true, most: 255 * 0.37 }), becomes: 'QLinearConv' },
  { name: 'Conv of int8 and such a Clip', model: between('Conv', { ...conv, relu: true, most: 100, signed: true }), becomes: 'QLinearConv' },
  { name: 'Conv and a Clip that cuts further inside', model: between('Conv', { ...conv, relu: true, most: 6 }), becomes: 'Conv' },
  { name: 'Conv of int8', model: between('Conv', { ...conv, signed: true, relu: true }), becomes: 'QLinearConv' },
  { name: 'depthwise Conv', model: between('Conv', { x: [1, 6, 8, 8], w: [6, 1, 3, 3], y: [1, 6, 4, 4], attributes: { group: 6, strides: [2, 2], pads: [1, 1, 1, 1] }, relu: true }), becomes: 'QLinearConv' },
  { name: 'Conv over one axis', model: between('Conv', { x: [1, 4, 20], w: [6, 4, 3], y: [1, 6, 18] }), becomes: 'QLinearConv' },
  { name: 'Gemm', model: between('Gemm', { x: [3, 40], w: [7, 40], y: [3, 7], attributes: { transB: 1 }, perChannel: true }), becomes: 'QLinearConv' },
  { name: 'MatMul', model: between('MatMul', { x: [3, 40], w: [40, 7], y: [3, 7], perChannel: true }), becomes: 'QLinearMatMul' },
  { name: 'MatMul of int8 stacks', model: between('MatMul', { x: [2, 3, 40], w: [40, 7], y: [2, 3, 7], signed: true }), becomes: 'QLinearMatMul' },
];

describeConformance(PATTERNS);

it.each(PATTERNS)('$name becomes $becomes', ({ model, becomes }) => {
  expect(Object.keys(compileModel(sourceModel(model)).report.operators)).toContain(becomes);
});

/** Padding, overlapping windows, negative and equal sums. */
const POOLED: ConformanceCase = {
  name: 'MaxPool of a Relu of a sum of bounded numbers',
  model: {
    inputs: { x: [1, 3, 7, 7] },
    constants: { s: scalar(0.25), z: uint8(128), c: { ...list(-3, 0, 0.125), dims: [3, 1, 1] } },
    nodes: [
      { op: 'QuantizeLinear', inputs: ['x', 's', 'z'], output: 'q' },
      { op: 'DequantizeLinear', inputs: ['q', 's', 'z'], output: 'd' },
      { op: 'Add', inputs: ['d', 'c'], output: 'a' },
      { op: 'Relu', inputs: ['a'], output: 'r' },
      { op: 'MaxPool', inputs: ['r'], output: 'y', attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] } },
    ],
    outputs: { y: [1, 3, 4, 4] },
  },
};

it('does after MaxPool what rises with its operand', () => {
  expect(compileModel(sourceModel(POOLED.model)).graph.nodes.map(({ operator }) => operator).slice(-4)).toEqual(['DequantizeLinear', 'MaxPool', 'Add', 'Rectify']);
});

const CASES: readonly ConformanceCase[] = [
  POOLED,
  {
    name: 'QuantizeLinear and DequantizeLinear per axis',
    model: {
      inputs: { x: [2, 3, 5] }, constants: { s: list(0.1, 0.02, 3), z: int8(3, -128, 127) },
      nodes: [{ op: 'QuantizeLinear', inputs: ['x', 's', 'z'], output: 'q', attributes: { axis: 1 } }, { op: 'DequantizeLinear', inputs: ['q', 's', 'z'], output: 'y', attributes: { axis: -2 } }],
      outputs: { y: [2, 3, 5] },
    },
  },
  {
    name: 'a scale that depends on the input',
    model: { inputs: { x: [3, 5], s: [] }, constants: { z: uint8(7) }, nodes: [{ op: 'QuantizeLinear', inputs: ['x', 's', 'z'], output: 'y' }], outputs: { y: [3, 5] }, dtypes: { y: 'uint8' } },
  },
  {
    name: 'dynamic quantisation: MatMulInteger of uint8 by int8',
    model: {
      inputs: { x: [3, 50] }, constants: { w: weights('int8', [50, 9], 4), wz: int8(2), ws: scalar(0.01) },
      nodes: [
        { op: 'DynamicQuantizeLinear', inputs: ['x'], output: 'q', furtherOutputs: ['qs', 'qz'] },
        { op: 'MatMulInteger', inputs: ['q', 'w', 'qz', 'wz'], output: 'm' },
        { op: 'Cast', inputs: ['m'], output: 'f', attributes: { to: 1 } },
        { op: 'Mul', inputs: ['qs', 'ws'], output: 'factor' },
        { op: 'Mul', inputs: ['f', 'factor'], output: 'y' },
      ],
      outputs: { y: [3, 9] },
    },
  },
  {
    name: 'ConvInteger of uint8 by int8 without zero points',
    model: { inputs: { x: [1, 4, 6, 6] }, constants: { w: weights('int8', [6, 2, 3, 3], 6) }, nodes: [{ op: 'ConvInteger', inputs: ['x', 'w'], output: 'y', attributes: { group: 2, auto_pad: 'SAME_UPPER' } }], outputs: { y: [1, 6, 6, 6] }, dtypes: { x: 'uint8', y: 'int32' } },
  },
  {
    name: 'MatMulInteger of computed sides of mixed signs',
    model: { inputs: { a: [3, 20], b: [20, 5] }, nodes: [{ op: 'MatMulInteger', inputs: ['a', 'b'], output: 'y' }], outputs: { y: [3, 5] }, dtypes: { a: 'uint8', b: 'int8', y: 'int32' } },
  },
];
describeConformance(CASES);

/** int8 weights over their whole range; `ends`: how many of a hundred are at an end of it. */
const wide = (dims: number[], { seed, ends }: { seed: number; ends: number }): Tensor => {
  const random = seeded(seed);
  return { dtype: 'int8', dims, data: Uint8Array.from({ length: elementCount(dims) }, () => (random(100) < ends ? [0x7f, 0x80][random(2)]! : random(120) - 60)) };
};

/** A widening, a depthwise and two narrowing convolutions, and a sum of the last with its input. */
function bottleneck(ends: number): SourceModel {
  const [s, z, wz] = [scalar(0.05), uint8(117), int8(0)];
  const layers = [
    { w: wide([24, 16, 1, 1], { seed: 1, ends }), y: scalar(2) },
    { w: wide([24, 1, 3, 3], { seed: 2, ends: 60 }), y: scalar(3), attributes: { group: 24, pads: [1, 1, 1, 1] } },
    { w: wide([16, 24, 3, 3], { seed: 3, ends }), y: scalar(9), attributes: { pads: [1, 1, 1, 1] } },
    { w: wide([16, 16, 1, 1], { seed: 4, ends }), y: scalar(2) },
    { w: wide([10, 16, 1, 1], { seed: 5, ends }), y: scalar(4) },
  ];
  const constants = Object.fromEntries(layers.flatMap(({ w, y }, i) => [[`w${i}`, w], [`s${i}`, y]]));
  const layer = (i: number, x: string): SourceModel['nodes'][number] => ({ op: 'QLinearConv', inputs: [x, i === 0 ? 's' : 't', 'z', `w${i}`, 's', 'wz', `s${i}`, 'z'], output: `q${i}`, attributes: layers[i]!.attributes ?? {} });
  return {
    inputs: { x: [1, 16, 7, 6] },
    constants: { s, z, wz, t: scalar(0.4), u: scalar(3), ...constants },
    nodes: [
      { op: 'QuantizeLinear', inputs: ['x', 's', 'z'], output: 'q' },
      ...[layer(0, 'q'), layer(1, 'q0'), layer(2, 'q1'), layer(3, 'q2')],
      { op: 'DequantizeLinear', inputs: ['q3', 's', 'z'], output: 'a' },
      { op: 'DequantizeLinear', inputs: ['q2', 't', 'z'], output: 'b' },
      { op: 'Add', inputs: ['a', 'b'], output: 'sum' },
      { op: 'QuantizeLinear', inputs: ['sum', 'u', 'z'], output: 'r' },
      layer(4, 'r'),
    ],
    outputs: { q4: [1, 10, 7, 6] },
    dtypes: { q4: 'uint8' },
  };
}

describe.each([0, 2, 10, 100])('the execution form of convolutions, %i weights of a hundred at an end of their range', (ends) => {
  const model = compileModel(sourceModel(bottleneck(ends)));

  it('gives the bits of the canonical file, channels in whatever order', async () => {
    const [session, canonical] = [await openSession(model), await ort.InferenceSession.create(model.onnx, { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, interOpNumThreads: 1 })];
    const random = seeded(ends);
    for (let run = 0; run < 8; run++) {
      const input = probe({ name: 'x', dtype: 'float32', dims: [1, 16, 7, 6] }, random, run % 2 === 1);
      const [ours, theirs] = [(await session.run([input]))[0]!, (await canonical.run({ x: new ort.Tensor('float32', floats(input), [...input.dims]) }))['q4']!];
      expect(ours.data).toEqual(theirs.data);
      expect(new Set(ours.data).size).toBeGreaterThan(20);
    }
    await Promise.all([session.close(), canonical.release()]);
  });

  it('computes on every value as the reference does', async () => {
    const session = await openSession(model);
    const { mismatches } = await selfTest([session], { seed: 9, elementsPerValue: 40 });
    await session.close();
    expect(mismatches).toEqual([]);
  });
});

describe.skipIf(!hasSharedModels)('a digit classifier quantised as it runs', () => {
  const bytes = hasSharedModels ? sharedFile('mnist-int8-convinteger', 'model.onnx') : new Uint8Array();

  it('computes as the reference does, and answers every digit as the original', async () => {
    const model = compileModel(bytes);
    expect(loadCanonical(model.onnx).manifest).toEqual(model.manifest);
    const [session, plain] = [await openSession(model), await plainRuntime(bytes)];
    const { mismatches } = await selfTest([session], { seed: 5 });
    expect(mismatches).toEqual([]);
    let [right, furthest] = [0, 0];
    for (const { tensor, label } of readDigits(DIGITS, DIGITS > 1000 ? ALL_DIGITS : undefined)) {
      const input = { ...tensor, data: new Uint8Array(floats(tensor).map((pixel) => pixel / 255).buffer) };
      const [ours, theirs] = [floats((await session.run([input]))[0]!), (await plain.run([input]))[0]!];
      expect(argmax(ours)).toBe(argmax(theirs));
      furthest = Math.max(furthest, maxDifference(ours, theirs));
      if (argmax(ours) === label) right++;
    }
    await Promise.all([session.close(), plain.close()]);
    console.log(`quantised MNIST: ${right} of ${DIGITS} digits; largest difference from the original ${furthest}`);
    expect(right / DIGITS).toBeGreaterThan(0.98);
  }, 60 * DIGITS);
});

it.skipIf(!hasSharedModels)('MobileNetV2 in int8 gives the scores that came with it', async () => {
  const data = (name: string): Tensor => readFloatTensor('mobilenetv2-int8-qdq', 'test_data_set_0', name);
  const model = compileModel(sharedFile('mobilenetv2-int8-qdq', 'model.onnx'), { dims: { batch: 1 } });
  const session = await openSession(model);
  const [ours] = await session.run([data('input_0.pb')]);
  await session.close();
  const expected = data('output_0.pb');
  const equal = floats(ours!).filter((value, i) => value === floats(expected)[i]).length;
  console.log(`MobileNetV2 int8: ${equal} of 1,000 published scores to the bit, the furthest off by ${maxDifference(floats(ours!), floats(expected))}`);
  expect(argmax(floats(ours!))).toBe(argmax(floats(expected)));
  expect(maxDifference(floats(ours!), floats(expected))).toBeLessThan(0.32);
}, 60_000);

describe('float16', () => {
  const tensorInfo = (name: string): Uint8Array => message([1, name], [2, message([1, message([1, 10], [2, message([1, message([1, 8])])])])]);
  const halves = Uint16Array.of(0x3c00, 0xbc00, 0x0001, 0x7bff, 0x7c00, 0xfc00, 0x8000, 0x3555);
  const constant = message([1, 8], [2, 10], [8, 'c'], [9, new Uint8Array(halves.buffer)]);
  const graph = message([1, message([1, 'x'], [1, 'c'], [2, 'y'], [3, 'n'], [4, 'Add'])], [2, 'g'], [5, constant], [11, tensorInfo('x')], [12, tensorInfo('y')]);
  const model = compileModel(message([1, 8], [7, graph], [8, message([2, 17])]));

  it('is widened, constants to equal numbers, and the report says so', () => {
    expect([...floats(model.initializers[0]!)]).toEqual([1, -1, 2 ** -24, 65504, Infinity, -Infinity, -0, Math.fround(0.333251953125)]);
    expect(model.manifest.signature.inputs).toMatchObject([{ name: 'x', dtype: 'float32' }]);
    expect(model.report.widened).toEqual({ inputs: ['x'], outputs: ['y'], initializers: 1, casts: 0 });
  });

  it('is read back as float32', () => expect(loadCanonical(model.onnx).manifest).toEqual(model.manifest));
});
