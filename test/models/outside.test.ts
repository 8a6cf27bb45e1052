import { describe, expect, it } from 'vitest';
import { compileModel } from '#core/onnx';
import { int64s, message, noise, sourceModel, type Attributes, type SourceModel } from './building.js';

interface Outside {
  readonly name: string;
  readonly model: Uint8Array;
  /** Of a node; else of the file. */
  readonly operator?: string;
  readonly code?: string;
  readonly reason: RegExp;
  readonly remedy: RegExp;
}

interface Form {
  readonly reads?: readonly string[];
  readonly inputs?: SourceModel['inputs'];
  readonly dtypes?: SourceModel['dtypes'];
  readonly constants?: SourceModel['constants'];
  readonly attributes?: Attributes;
  readonly opset?: number;
  readonly domain?: string;
}

const node = (op: string, { reads = ['x'], inputs = { x: [2, 8] }, domain, attributes = {}, dtypes = {}, constants = {}, opset = 17 }: Form = {}): Uint8Array =>
  sourceModel({ inputs, dtypes, constants, opset, outputs: { y: [1] }, nodes: [{ op, inputs: reads, output: 'y', attributes, ...(domain && { domain }) }] });

const indexed = { inputs: { x: [2, 8], u: [1, 8] }, reads: ['x', 'i', 'u'], constants: { i: { ...int64s([1]), dims: [1, 1] } } };

/** y = relu(x) with x of an element type by its code, or of no tensor type. */
function reluOf(type: Uint8Array): Uint8Array {
  const info = (name: string, of: Uint8Array): Uint8Array => message([1, name], [2, of]);
  return file([1, message([1, 'x'], [2, 'y'], [3, 'n0'], [4, 'Relu'])], [11, info('x', type)], [12, info('y', tensorType(1))]);
}

const tensorType = (code: number): Uint8Array => message([1, message([1, code], [2, message([1, message([1, 4])])])]);
const file = (...graph: Parameters<typeof message>): Uint8Array => message([1, 8], [7, message(...graph)], [8, message([2, 17])]);

const CASES: readonly Outside[] = [
  ...['If', 'Loop', 'Scan'].map((op) => ({ name: op, model: node(op), operator: op, reason: /one graph for every run/, remedy: /unrolled/ })),
  ...['SequenceConstruct', 'SequenceAt', 'SplitToSequence', 'ConcatFromSequence', 'OptionalGetElement'].map((op) => ({ name: op, model: node(op), operator: op, reason: /not tensors/, remedy: /tensors only/ })),
  ...['StringNormalizer', 'RegexFullMatch', 'TfIdfVectorizer'].map((op) => ({ name: op, model: node(op), operator: op, reason: /strings/, remedy: /numbers/ })),
  ...['RandomNormalLike', 'Multinomial', 'Bernoulli'].map((op) => ({ name: op, model: node(op), operator: op, reason: /random/, remedy: /input/ })),
  ...['NonMaxSuppression', 'Unique', 'Compress'].map((op) => ({ name: op, model: node(op), operator: op, reason: /shape of its output/, remedy: /End the model/ })),
  { name: 'trees', model: node('TreeEnsembleClassifier', { domain: 'ai.onnx.ml' }), operator: 'ai.onnx.ml.TreeEnsembleClassifier', reason: /ai\.onnx\.ml/, remedy: /tensor operators/ },
  { name: 'training', model: node('Adam', { domain: 'ai.onnx.preview.training' }), operator: 'ai.onnx.preview.training.Adam', reason: /trains/, remedy: /inference/ },
  { name: 'an operator of one’s own', model: node('FancyAttention', { domain: 'com.example' }), operator: 'com.example.FancyAttention', reason: /com\.example/, remedy: /ONNX’s own/ },
  { name: 'a fusion of the runtime', model: node('Attention', { domain: 'com.microsoft' }), operator: 'com.microsoft.Attention', reason: /com\.microsoft/, remedy: /ONNX’s own/ },
  { name: 'an operator nobody knows', model: node('Frobnicate'), operator: 'Frobnicate', reason: /outside the canonical set/, remedy: /docs\/operators\.md/ },
  { name: 'a convolution over three axes', model: node('Conv', { inputs: { x: [1, 2, 4, 4, 4] }, reads: ['x', 'w'], constants: { w: noise([2, 2, 3, 3, 3], 1) } }), operator: 'Conv', reason: /one or two spatial axes/, remedy: /./ },
  { name: 'GatherND by computed indices', model: node('GatherND', { inputs: { x: [2, 8], i: [1, 1] }, dtypes: { i: 'int64' }, reads: ['x', 'i'] }), operator: 'GatherND', reason: /must be constant/, remedy: /./ },
  { name: 'ScatterND by computed indices', model: node('ScatterND', { ...indexed, inputs: { ...indexed.inputs, i: [1, 1] }, constants: {}, dtypes: { i: 'int64' } }), operator: 'ScatterND', reason: /must be constant/, remedy: /./ },
  { name: 'ScatterND that adds', model: node('ScatterND', { ...indexed, opset: 16, attributes: { reduction: 'add' } }), operator: 'ScatterND', reason: /combined/, remedy: /gather, add/ },
  { name: 'ScatterElements outside', model: node('ScatterElements', { ...indexed, constants: { i: { ...int64s([2]), dims: [1, 1] } }, inputs: { x: [2, 8], u: [1, 1] } }), operator: 'ScatterElements', reason: /outside −2 to 1/, remedy: /./ },
  { name: 'a diagonal', model: node('Einsum', { reads: ['x', 'x'], attributes: { equation: 'ii,ij->j' } }), operator: 'Einsum', reason: /diagonal/, remedy: /./ },
  { name: 'an ellipsis', model: node('Einsum', { reads: ['x', 'x'], attributes: { equation: '...i,...i->...' } }), operator: 'Einsum', reason: /equation/, remedy: /Name every axis/ },
  { name: 'three operands', model: node('Einsum', { reads: ['x', 'x', 'x'], attributes: { equation: 'ij,ij,ij->i' } }), operator: 'Einsum', reason: /3 operands/, remedy: /two operands each/ },
  { name: 'strings', model: reluOf(tensorType(8)), code: 'MODEL_DTYPE_UNSUPPORTED', reason: /string/, remedy: /numbers/ },
  { name: 'double', model: reluOf(tensorType(11)), code: 'MODEL_DTYPE_UNSUPPORTED', reason: /double/, remedy: /element types/ },
  { name: 'a sequence as input', model: reluOf(message([4, message([1, tensorType(1)])])), code: 'MODEL_DTYPE_UNSUPPORTED', reason: /no tensor/, remedy: /tensors only/ },
  { name: 'a sparse input', model: reluOf(message([8, message([1, 1])])), code: 'MODEL_DTYPE_UNSUPPORTED', reason: /no tensor/, remedy: /tensors only/ },
  { name: 'sparse initializers', model: file([1, message([1, 'x'], [2, 'y'], [4, 'Relu'])], [15, message([1, message([8, 'w'])])]), code: 'MODEL_UNPARSABLE', reason: /sparse/, remedy: /dense/ },
  { name: 'functions', model: message([1, 8], [7, message([2, 'g'])], [8, message([2, 17])], [25, message([1, 'f'])]), code: 'MODEL_UNPARSABLE', reason: /functions of its own/, remedy: /inline/i },
];

describe('what is outside is refused with node, operator, reason and remedy', () => {
  it.each(CASES)('$name', ({ model, operator, code = 'MODEL_OPERATOR_UNSUPPORTED', reason, remedy }) => {
    const error = refusal(model);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(reason);
    expect(error.remedy).toMatch(remedy);
    if (operator) expect(error.facts).toMatchObject({ node: 'n0', operator, reason: expect.stringMatching(reason) });
  });
});

function refusal(model: Uint8Array): { code: string; message: string; facts: unknown; remedy: string } {
  try {
    compileModel(model);
  } catch (error) {
    return JSON.parse(JSON.stringify(error)) as ReturnType<typeof refusal>;
  }
  return expect.fail('the model was compiled');
}
