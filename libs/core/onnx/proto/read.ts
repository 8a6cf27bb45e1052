import type { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { AssayError } from '#core/protocol';
import { checkLimit, type ModelLimits } from '../limits.js';
import { ATTRIBUTE, DIMENSION, GRAPH, MODEL, NODE, OPERATOR_SET, SHAPE, STRING_ENTRY, TENSOR, TENSOR_TYPE, TYPE, VALUE_INFO } from './fields.js';
import { readBytes, readFloat, readFloats, readInt, readInts, readMessage, readVarints, textOf } from './message.js';
import type { ExternalLocation, OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValueInfo } from './model.js';

/**
 * Reads an ONNX file without copying its data. Bounded by `limits`; descends only into messages it knows.
 * @throws AssayError MODEL_TOO_LARGE, MODEL_UNPARSABLE.
 */
export function readModel(bytes: Uint8Array, limits: ModelLimits): OnnxModel {
  checkLimit(limits, 'bytes', bytes.length);
  try {
    return model(bytes, limits);
  } catch (cause) {
    if (cause instanceof AssayError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AssayError({ code: 'MODEL_UNPARSABLE', message: `The file cannot be read as an ONNX model: ${reason}.`, facts: { bytes: bytes.length, reason }, cause });
  }
}

function model(bytes: Uint8Array, limits: ModelLimits): OnnxModel {
  let opset: number | undefined;
  let content: Uint8Array | undefined;
  let functions = 0;
  let entries = 0;
  const metadata = new Map<string, string>();
  readMessage(bytes, {
    [MODEL.opsetImport]: (r, w) => {
      const { domain, version } = operatorSet(readBytes(r, w), limits);
      if (domain === '' || domain === 'ai.onnx') opset = version;
    },
    [MODEL.metadata]: (r, w) => {
      const entry = readBytes(r, w);
      // What is longer is none of ours: exporters leave whole documents there.
      if (entry.length > limits.nameLength || entries++ >= limits.listLength) return;
      metadata.set(...stringEntry(entry, limits));
    },
    [MODEL.graph]: (r, w) => (content = readBytes(r, w)),
    [MODEL.functions]: (r, w) => (readBytes(r, w), functions++),
  });
  if (!content || opset === undefined) throw new RangeError('it holds no graph or names no operator set');
  if (functions > 0) throw unsupportedPart('it defines functions of its own', 'Inline the functions, as exporters do on request (onnx.inliner).');
  return { opset, metadata, graph: graph(content, limits) };
}

function unsupportedPart(reason: string, remedy: string): AssayError {
  return new AssayError({ code: 'MODEL_UNPARSABLE', message: `The file cannot be read as an ONNX model: ${reason}, which is not supported.`, facts: { reason }, remedy });
}

function operatorSet(bytes: Uint8Array, limits: ModelLimits): { domain: string; version: number } {
  let domain = '';
  let version = 0;
  readMessage(bytes, {
    [OPERATOR_SET.domain]: (r, w) => (domain = readName(r, w, limits)),
    [OPERATOR_SET.version]: (r, w) => (version = Number(readInt(r, w))),
  });
  return { domain, version };
}

function stringEntry(bytes: Uint8Array, limits: ModelLimits): [string, string] {
  let key = '';
  let value = '';
  readMessage(bytes, { [STRING_ENTRY.key]: (r, w) => (key = readName(r, w, limits)), [STRING_ENTRY.value]: (r, w) => (value = readName(r, w, limits)) });
  return [key, value];
}

function graph(bytes: Uint8Array, limits: ModelLimits): OnnxGraph {
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, OnnxTensor>();
  const inputs: OnnxValueInfo[] = [];
  const outputs: OnnxValueInfo[] = [];
  readMessage(bytes, {
    [GRAPH.node]: (r, w) => {
      nodes.push(node(readBytes(r, w), limits));
      checkLimit(limits, 'nodes', nodes.length);
    },
    [GRAPH.initializer]: (r, w) => {
      const tensor = onnxTensor(readBytes(r, w), limits);
      if (initializers.has(tensor.name)) throw new RangeError(`two initializers are named ${quoted(tensor.name)}`);
      initializers.set(tensor.name, tensor);
      checkLimit(limits, 'initializers', initializers.size);
    },
    // Old files list every initializer among the inputs as well.
    [GRAPH.input]: (r, w) => checkLimit(limits, 'initializers', inputs.push(valueInfo(readBytes(r, w), limits))),
    [GRAPH.output]: (r, w) => checkLimit(limits, 'signature', outputs.push(valueInfo(readBytes(r, w), limits))),
    [GRAPH.sparseInitializer]: () => {
      throw unsupportedPart('it holds sparse initializers', 'Make the tensors dense and export again.');
    },
  });
  return { nodes, initializers, inputs, outputs };
}

function node(bytes: Uint8Array, limits: ModelLimits): OnnxNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, OnnxAttribute>();
  const texts = { name: '', opType: '', domain: '' };
  readMessage(bytes, {
    [NODE.input]: (r, w) => checkLimit(limits, 'listLength', inputs.push(readName(r, w, limits))),
    [NODE.output]: (r, w) => checkLimit(limits, 'listLength', outputs.push(readName(r, w, limits))),
    [NODE.name]: (r, w) => (texts.name = readName(r, w, limits)),
    [NODE.opType]: (r, w) => (texts.opType = readName(r, w, limits)),
    [NODE.domain]: (r, w) => (texts.domain = readName(r, w, limits)),
    [NODE.attribute]: (r, w) => {
      const [key, value] = attribute(readBytes(r, w), limits);
      if (attributes.has(key)) throw new RangeError(`a node has two attributes ${quoted(key)}`);
      attributes.set(key, value);
      checkLimit(limits, 'listLength', attributes.size);
    },
  });
  return { ...texts, inputs, outputs, attributes };
}

function attribute(bytes: Uint8Array, limits: ModelLimits): [string, OnnxAttribute] {
  let key = '';
  const value: { -readonly [K in keyof OnnxAttribute]: OnnxAttribute[K] } = { type: 0 };
  const ints: bigint[] = [];
  const floats: number[] = [];
  const texts: string[] = [];
  readMessage(bytes, {
    [ATTRIBUTE.name]: (r, w) => (key = readName(r, w, limits)),
    [ATTRIBUTE.type]: (r, w) => (value.type = Number(readInt(r, w))),
    [ATTRIBUTE.f]: (r, w) => (value.float = readFloat(r, w)),
    [ATTRIBUTE.i]: (r, w) => (value.int = readInt(r, w)),
    [ATTRIBUTE.s]: (r, w) => (value.text = readName(r, w, limits)),
    [ATTRIBUTE.t]: (r, w) => (value.tensor = onnxTensor(readBytes(r, w), limits)),
    [ATTRIBUTE.strings]: (r, w) => checkLimit(limits, 'listLength', texts.push(readName(r, w, limits))),
    [ATTRIBUTE.ints]: (r, w) => readInts(r, w, { into: ints, limit: limits.listLength }),
    [ATTRIBUTE.floats]: (r, w) => {
      floats.push(...floatsOf(readFloats(r, w), limits));
      checkLimit(limits, 'listLength', floats.length);
    },
  });
  if (ints.length > 0) value.ints = ints;
  if (floats.length > 0) value.floats = floats;
  if (texts.length > 0) value.texts = texts;
  return [key, value];
}

function floatsOf(bytes: Uint8Array, limits: ModelLimits): number[] {
  checkLimit(limits, 'listLength', bytes.length / 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) => view.getFloat32(4 * i, true));
}

function onnxTensor(bytes: Uint8Array, limits: ModelLimits): OnnxTensor {
  const tensor = { name: '', dims: [] as bigint[], dataType: 0, floats: [] as Uint8Array[], varints: [] as Uint8Array[] };
  const entries = new Map<string, string>();
  let raw: Uint8Array | undefined;
  let outside = false;
  readMessage(bytes, {
    [TENSOR.dims]: (r, w) => readInts(r, w, { into: tensor.dims, limit: 16 }),
    [TENSOR.dataType]: (r, w) => (tensor.dataType = Number(readInt(r, w))),
    [TENSOR.name]: (r, w) => (tensor.name = readName(r, w, limits)),
    [TENSOR.rawData]: (r, w) => (raw = readBytes(r, w)),
    [TENSOR.floatData]: (r, w) => checkLimit(limits, 'listLength', tensor.floats.push(readFloats(r, w))),
    [TENSOR.int32Data]: (r, w) => checkLimit(limits, 'listLength', tensor.varints.push(readVarints(r, w))),
    [TENSOR.int64Data]: (r, w) => checkLimit(limits, 'listLength', tensor.varints.push(readVarints(r, w))),
    [TENSOR.segment]: () => {
      throw new RangeError('a tensor is split into segments, which are not supported');
    },
    [TENSOR.externalData]: (r, w) => {
      const [key, value] = stringEntry(readBytes(r, w), limits);
      checkLimit(limits, 'listLength', entries.set(key, value).size);
    },
    [TENSOR.dataLocation]: (r, w) => void (outside = readInt(r, w) !== 0n),
  });
  if (!outside && entries.size === 0) return { ...tensor, ...(raw && { raw }) };
  return { ...tensor, external: externalLocation(tensor.name, entries) };
}

function externalLocation(tensor: string, entries: ReadonlyMap<string, string>): ExternalLocation {
  const whole = (key: string): bigint | undefined => {
    const value = entries.get(key);
    if (value === undefined) return undefined;
    if (!/^[0-9]{1,15}$/.test(value)) throw new RangeError(`tensor ${quoted(tensor)} has the impossible ${key} ${quoted(value)}`);
    return BigInt(value);
  };
  const length = whole('length');
  return { location: entries.get('location') ?? '', offset: whole('offset') ?? 0n, ...(length !== undefined && { length }) };
}

function valueInfo(bytes: Uint8Array, limits: ModelLimits): OnnxValueInfo {
  let label = '';
  let dataType = 0;
  let dims: (bigint | string | undefined)[] | undefined;
  readMessage(bytes, {
    [VALUE_INFO.name]: (r, w) => (label = readName(r, w, limits)),
    [VALUE_INFO.type]: (r, w) => readMessage(readBytes(r, w), {
      [TYPE.tensor]: (tr, tw) => readMessage(readBytes(tr, tw), {
        [TENSOR_TYPE.elementType]: (er, ew) => (dataType = Number(readInt(er, ew))),
        [TENSOR_TYPE.shape]: (sr, sw) => (dims = shape(readBytes(sr, sw), limits)),
      }),
    }),
  });
  return { name: label, dataType, ...(dims && { dims }) };
}

function shape(bytes: Uint8Array, limits: ModelLimits): (bigint | string | undefined)[] {
  const dims: (bigint | string | undefined)[] = [];
  readMessage(bytes, {
    [SHAPE.dim]: (r, w) => {
      let dim: bigint | string | undefined;
      readMessage(readBytes(r, w), {
        [DIMENSION.value]: (dr, dw) => (dim = readInt(dr, dw)),
        [DIMENSION.param]: (dr, dw) => (dim = readName(dr, dw, limits)),
      });
      dims.push(dim);
      if (dims.length > 16) throw new RangeError('a shape has more than 16 dimensions');
    },
  });
  return dims;
}

/** A name, refused before it is decoded if it is too long; with a zero byte too, where a runtime in C would cut it off. */
function readName(r: BinaryReader, w: WireType, limits: ModelLimits): string {
  const bytes = readBytes(r, w);
  checkLimit(limits, 'nameLength', bytes.length);
  if (bytes.includes(0)) throw new RangeError('a name in it holds a zero byte');
  return textOf(bytes);
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
