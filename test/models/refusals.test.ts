import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { compileModel, loadCanonical, type CompileOptions } from '#core/onnx';
import { MNIST_FILE } from '../../apps/cli/samples.js';
import { int64s, message, noise, sourceModel, type SourceModel } from './building.js';

/** The error that compiling gives, as its JSON form. */
function refusal(bytes: Uint8Array, options: CompileOptions = {}): { code: string; message: string; facts: Record<string, unknown>; remedy: string } {
  try {
    compileModel(bytes, options);
  } catch (error) {
    return JSON.parse(JSON.stringify(error)) as ReturnType<typeof refusal>;
  }
  throw new Error('the model was compiled');
}

const oneNode = (op: string, parts: Partial<SourceModel> & { inputNames?: string[]; attributes?: Record<string, number | number[] | string> } = {}): Uint8Array =>
  sourceModel({ inputs: { x: [1, 2, 8, 8] }, outputs: { y: [1] }, ...parts, nodes: [{ op, inputs: parts.inputNames ?? ['x'], output: 'y', attributes: parts.attributes ?? {} }] });

describe('an operator or a form of one outside the set', () => {
  it.each([
    ['an unknown operator', oneNode('Det'), /n0 \(Det\).*outside the canonical set/],
    ['an attribute nobody knows', oneNode('Relu', { attributes: { magic: 1 } }), /attribute magic/],
    ['a convolution over three axes', oneNode('Conv', { inputs: { x: [1, 2, 8, 8, 8] }, inputNames: ['x', 'w'], constants: { w: noise([4, 2, 3, 3, 3], 1) } }), /one or two spatial axes/],
    ['weights that do not fit', oneNode('Conv', { inputNames: ['x', 'w'], constants: { w: noise([4, 3, 3, 3], 1) } }), /do not fit input/],
    ['a window over nothing but padding', oneNode('Conv', { inputNames: ['x', 'w'], attributes: { pads: [9, 0, 0, 0], strides: [20, 9] }, constants: { w: noise([4, 2, 1, 1], 1) } }), /nothing but padding/],
    ['a spread beyond a whole step', oneNode('ConvTranspose', { inputNames: ['x', 'w'], attributes: { output_padding: [1, 0] }, constants: { w: noise([2, 2, 3, 3], 1) } }), /whole step/],
    ['a product whose sides do not match', oneNode('MatMul', { inputs: { x: [3, 4] }, inputNames: ['x', 'x'] }), /do not match/],
    ['a constant index outside its axis', oneNode('Gather', { inputNames: ['x', 'i'], attributes: { axis: 2 }, constants: { i: int64s([3, 8]) } }), /outside −8 to 7/],
    ['places that depend on the input', oneNode('NonZero'), /would the shape/],
    ['a mirror larger than what it mirrors', oneNode('Pad', { inputNames: ['x', 'p'], attributes: { mode: 'reflect' }, constants: { p: int64s([0, 0, 8, 0, 0, 0, 0, 0]) } }), /beyond the mirrored/],
    ['a smooth reduction', oneNode('Resize', { opset: 18, inputNames: ['x', '', 's'], attributes: { antialias: 1, mode: 'linear' }, constants: { s: noise([4], 1) } }), /antialias/],
    ['shapes that do not broadcast', oneNode('Add', { inputNames: ['x', 'c'], constants: { c: noise([3], 1) } }), /broadcast/],
    ['a reshape to another size', oneNode('Reshape', { inputNames: ['x', 's'], constants: { s: int64s([5, 5]) } }), /cannot become/],
    ['a window that does not fit', oneNode('MaxPool', { attributes: { kernel_shape: [9, 9] } }), /does not fit/],
    ['a mean in steps of three', oneNode('AveragePool', { attributes: { kernel_shape: [3, 3], strides: [1, 3] } }), /strides above 2/],
    ['an axis outside the rank', oneNode('Softmax', { attributes: { axis: 9 } }), /axis 9/],
    ['a missing input', oneNode('Add', { inputNames: ['x'] }), /input 1 is missing/],
    ['scales per block', oneNode('QuantizeLinear', { opset: 21, inputNames: ['x', 's'], attributes: { block_size: 2 }, constants: { s: noise([1, 2, 8, 4], 1) } }), /per block/],
    ['a scale that is not positive', oneNode('QuantizeLinear', { inputNames: ['x', 's'], constants: { s: { dtype: 'float32', dims: [], data: new Uint8Array(4) } } }), /positive and finite/],
    ['an integer product of floats', oneNode('MatMulInteger', { inputs: { x: [3, 4] }, inputNames: ['x', 'x'] }), /uint8 or int8/],
    ['an old operator set', oneNode('Relu', { opset: 5 }), /operator set 5/],
  ])('%s', (_, bytes, message) => {
    const error = refusal(bytes);
    expect(error.code).toBe('MODEL_OPERATOR_UNSUPPORTED');
    expect(error.message).toMatch(message);
  });

  it('names node, operator and reason, and says what to do', () => {
    expect(refusal(oneNode('Det'))).toMatchObject({ facts: { node: 'n0', operator: 'Det', reason: 'the operator is outside the canonical set' }, remedy: expect.stringContaining('docs/operators.md') });
  });

  it('does not matter where no output needs it', () => {
    const nodes = [{ op: 'Det', inputs: ['x'], output: 'unused' }, { op: 'Relu', inputs: ['x'], output: 'y' }];
    expect(compileModel(sourceModel({ inputs: { x: [3] }, outputs: { y: [3] }, nodes })).manifest.valueCount).toBe(2);
  });
});

describe('a graph that contradicts itself', () => {
  const relu = (input: string, output: string): SourceModel['nodes'][number] => ({ op: 'Relu', inputs: [input], output });
  it.each([
    ['a cycle', [relu('b', 'a'), relu('a', 'b'), relu('b', 'y')], /nothing before it makes/],
    ['a name nobody makes', [relu('ghost', 'y')], /ghost/],
    ['a name made twice', [relu('x', 'a'), relu('x', 'a'), relu('a', 'y')], /defined twice/],
    ['an input made again', [relu('x', 'x'), relu('x', 'y')], /defined twice/],
    ['an output that nothing makes', [relu('x', 'z')], /outputs uses y/],
  ])('%s', (_, nodes, message) => {
    const error = refusal(sourceModel({ inputs: { x: [3] }, outputs: { y: [3] }, nodes }));
    expect(error.code).toBe('MODEL_GRAPH_INVALID');
    expect(error.message).toMatch(message);
  });

  it('names of its own that a model may not use', () => {
    expect(refusal(sourceModel({ inputs: { '%0': [3] }, outputs: { y: [3] }, nodes: [relu('%0', 'y')] })).code).toBe('MODEL_GRAPH_INVALID');
  });

  it('an output that is constant', () => {
    const error = refusal(sourceModel({ inputs: { x: [3] }, constants: { c: noise([3], 1) }, outputs: { y: [3] }, nodes: [relu('c', 'y')] }));
    expect(error.message).toMatch(/does not depend on the inputs/);
  });
});

describe('open dimensions', () => {
  const open = openBatch();
  it('are refused with the flag that binds them', () => {
    expect(refusal(open)).toMatchObject({ code: 'MODEL_DIMS_UNBOUND', facts: { dimensions: ['batch', 'x.2'] }, remedy: expect.stringContaining('--dim batch=1 --dim x.2=1') });
  });

  it('are bound by symbol, or by input and axis', () => {
    const { manifest } = compileModel(open, { dims: { batch: 2, 'x.2': 5 } });
    expect(manifest.signature.inputs).toEqual([{ name: 'x', dtype: 'float32', dims: [2, 3, 5] }]);
    expect(manifest.modelId).not.toBe(compileModel(open, { dims: { batch: 3, 'x.2': 5 } }).manifest.modelId);
  });

  it('must exist to be bound', () => {
    expect(refusal(open, { dims: { batch: 2, 'x.2': 5, sequence: 7 } }).message).toMatch(/sequence/);
  });
});

/** y = relu(x) with x of shape [batch, 3, ?]. */
function openBatch(): Uint8Array {
  const shape = message([1, message([2, 'batch'])], [1, message([1, 3])], [1, message()]);
  const info = (name: string): Uint8Array => message([1, name], [2, message([1, message([1, 1], [2, shape])])]);
  const graph = message([1, message([1, 'x'], [2, 'y'], [4, 'Relu'])], [2, 'g'], [11, info('x')], [12, info('y')]);
  return message([1, 8], [7, graph], [8, message([2, 17])]);
}

describe('limits', () => {
  const mnist = readFileSync(MNIST_FILE);
  it.each([
    ['bytes', { bytes: 1000 }],
    ['nodes', { nodes: 3 }],
    ['initializers', { initializers: 2 }],
    ['tensorBytes', { tensorBytes: 5000 }],
    ['traceBytes', { traceBytes: 50_000 }],
    ['nameLength', { nameLength: 4 }],
  ])('on %s', (limit, limits) => {
    const error = refusal(mnist, { limits });
    expect(error.code).toBe('MODEL_TOO_LARGE');
    if (limit !== 'tensorBytes') expect(error.facts.limit).toBe(limit);
  });

  it('on folding', () => {
    const nodes = [{ op: 'Exp', inputs: ['w'], output: 'e' }, { op: 'MatMul', inputs: ['x', 'e'], output: 'y' }];
    const product = sourceModel({ inputs: { x: [2, 30] }, constants: { w: noise([30, 20], 1) }, outputs: { y: [2, 20] }, nodes });
    expect(refusal(product, { limits: { foldSteps: 599 } })).toMatchObject({ code: 'MODEL_TOO_LARGE', facts: { limit: 'foldSteps', actual: 600 } });
    expect(compileModel(product, { limits: { foldSteps: 600 } }).report.lowered).toEqual({ Exp: [] });
  });

  it('on dimensions that nothing could hold, before memory is spent', () => {
    const huge = sourceModel({ inputs: { x: [2 ** 31, 2 ** 31] }, outputs: { y: [1] }, nodes: [{ op: 'Relu', inputs: ['x'], output: 'y' }] });
    expect(refusal(huge).code).toBe('MODEL_TOO_LARGE');
    const tensor = { ...noise([1], 1), dims: [2 ** 40, 2 ** 40] };
    expect(refusal(sourceModel({ inputs: { x: [1] }, constants: { c: tensor }, outputs: { y: [1] }, nodes: [{ op: 'Add', inputs: ['x', 'c'], output: 'y' }] })).code).toBe('MODEL_TOO_LARGE');
    const outer = sourceModel({ inputs: { a: [60_000, 1], b: [1, 60_000] }, outputs: { y: [1] }, nodes: [{ op: 'Add', inputs: ['a', 'b'], output: 'y' }] });
    expect(refusal(outer).code).toBe('MODEL_TOO_LARGE');
  });
});

describe('files that are no models', () => {
  const mnist = readFileSync(MNIST_FILE);
  it.each([
    ['nothing', new Uint8Array()],
    ['text', new TextEncoder().encode('{"model": "none"}')],
    ['zeros', new Uint8Array(4096)],
    ['half a model', mnist.subarray(0, mnist.length / 2)],
    ['a name with a zero byte, which a runtime in C would cut off', sourceModel({ inputs: { 'x\0': [1] }, outputs: { y: [1] }, nodes: [{ op: 'Relu', inputs: ['x\0'], output: 'y' }] })],
  ])('%s', (_, bytes) => {
    expect(refusal(bytes).code).toBe('MODEL_UNPARSABLE');
  });

  it('a thousand messages inside each other', () => {
    let nested: Uint8Array = new Uint8Array();
    for (let i = 0; i < 1000; i++) nested = new BinaryWriter().uint32((7 << 3) | 2).bytes(nested).finish();
    expect(refusal(nested).code).toBe('MODEL_UNPARSABLE');
  });

  it('groups inside groups', () => {
    const bytes = new Uint8Array(200_000).fill((50 << 3) | 3);
    expect(refusal(bytes).code).toBe('MODEL_UNPARSABLE');
  });

  it('weights in another file', () => {
    const shape = message([1, message([1, 4])]);
    const info = (name: string): Uint8Array => message([1, name], [2, message([1, message([1, 1], [2, shape])])]);
    const outside = message([1, 4], [2, 1], [8, 'c'], [13, message([1, 'location'], [2, '../../etc/passwd'])], [14, 1]);
    const graph = message([1, message([1, 'x'], [1, 'c'], [2, 'y'], [4, 'Add'])], [5, outside], [11, info('x')], [12, info('y')]);
    const error = refusal(message([1, 8], [7, graph], [8, message([2, 17])]));
    expect(error).toMatchObject({ code: 'MODEL_UNPARSABLE', message: expect.stringContaining('outside the file'), remedy: expect.stringContaining('inside') });
  });

  it('more numbers than the shape holds, without making them all', () => {
    const shape = message([1, message([1, 2])]);
    const info = (name: string): Uint8Array => message([1, name], [2, message([1, message([1, 7], [2, shape])])]);
    const flood = message([1, 2], [2, 7], [7, new Uint8Array(30_000_000)], [8, 'c']);
    const graph = message([1, message([1, 'x'], [1, 'c'], [2, 'y'], [4, 'Concat'], [5, message([1, 'axis'], [3, 0], [20, 2])])], [5, flood], [11, info('x')], [12, info('y')]);
    const file = message([1, 8], [7, graph], [8, message([2, 17])]);
    const started = process.cpuUsage();
    expect(refusal(file).code).toBe('MODEL_GRAPH_INVALID');
    const { user, system } = process.cpuUsage(started);
    // Of computing, not of the clock: other tests run beside this one.
    expect((user + system) / 1000).toBeLessThan(500);
  });
});

describe('loadCanonical', () => {
  it('refuses a source model, and a canonical one with anything changed', () => {
    const code = (bytes: Uint8Array): string => {
      try {
        loadCanonical(bytes);
      } catch (error) {
        return (error as { code: string }).code;
      }
      return 'loaded';
    };
    const { onnx } = compileModel(readFileSync(MNIST_FILE));
    expect(code(readFileSync(MNIST_FILE))).toBe('MODEL_NOT_CANONICAL');
    expect(code(onnx)).toBe('loaded');
    expect(code(new BinaryWriter().raw(onnx).uint32((6 << 3) | 2).string('a note').finish())).toBe('MODEL_NOT_CANONICAL');
    const foreign = onnx.slice();
    foreign[foreign.length - 1]! ^= 1;
    expect(code(foreign)).toBe('PROFILE_UNKNOWN');
  });
});
