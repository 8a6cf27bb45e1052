import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { DTYPES, type Tensor, type TensorHeader } from '#core/hashing';
import { ATTRIBUTE, ATTRIBUTE_TYPE, DIMENSION, GRAPH, MODEL, NODE, OPERATOR_SET, SHAPE, STRING_ENTRY, TENSOR, TENSOR_TYPE, TYPE, VALUE_INFO } from './fields.js';

/** What a canonical file holds. Written in the order given, so equal content gives equal bytes. */
export interface OnnxFile {
  readonly irVersion: number;
  readonly opset: number;
  /** Operator sets of other domains that the nodes use. */
  readonly otherDomains?: readonly string[];
  readonly producer: string;
  readonly metadata: readonly (readonly [key: string, value: string])[];
  readonly graphName: string;
  readonly nodes: readonly WrittenNode[];
  readonly initializers: readonly (Tensor & { readonly name: string })[];
  readonly inputs: readonly NamedHeader[];
  readonly outputs: readonly NamedHeader[];
}

export interface NamedHeader extends TensorHeader {
  readonly name: string;
}

export interface WrittenNode {
  readonly name: string;
  readonly opType: string;
  /** Left out for ONNX's own operators. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** After the first one. */
  readonly furtherOutputs?: readonly string[];
  readonly attributes: readonly WrittenAttribute[];
}

export interface WrittenAttribute {
  readonly name: string;
  /** An integer, a list of integers, a float32, or a text. */
  readonly value: number | readonly number[] | { readonly float: number } | string;
}

/**
 * Encodes a file; deterministic: fields in ascending order, no defaults left to a library. The initializers' bytes are
 * copied once, into the result.
 */
export function writeModel(file: OnnxFile): Uint8Array {
  const graph = graphParts(file);
  const head = new BinaryWriter().tag(MODEL.irVersion, WireType.Varint).int64(file.irVersion);
  text(head, MODEL.producerName, file.producer);
  head.tag(MODEL.graph, WireType.LengthDelimited).uint32(lengthOf(graph));
  const tail = new BinaryWriter();
  for (const [domain, version] of [['', file.opset] as const, ...(file.otherDomains ?? []).map((name) => [name, 1] as const)]) {
    nested(tail, MODEL.opsetImport, () => {
      text(tail, OPERATOR_SET.domain, domain);
      tail.tag(OPERATOR_SET.version, WireType.Varint).int64(version);
    });
  }
  for (const [key, value] of file.metadata) {
    nested(tail, MODEL.metadata, () => {
      text(tail, STRING_ENTRY.key, key);
      text(tail, STRING_ENTRY.value, value);
    });
  }
  return joined([head.finish(), ...graph, tail.finish()]);
}

/** The graph's fields in pieces, to be written after one another. */
function graphParts(file: OnnxFile): Uint8Array[] {
  const head = new BinaryWriter();
  for (const node of file.nodes) nested(head, GRAPH.node, () => writeNode(head, node));
  text(head, GRAPH.name, file.graphName);
  const tail = new BinaryWriter();
  for (const input of file.inputs) nested(tail, GRAPH.input, () => writeValueInfo(tail, input));
  for (const output of file.outputs) nested(tail, GRAPH.output, () => writeValueInfo(tail, output));
  return [head.finish(), ...file.initializers.flatMap(initializerParts), tail.finish()];
}

function initializerParts(tensor: Tensor & { readonly name: string }): Uint8Array[] {
  const fields = new BinaryWriter();
  for (const dim of tensor.dims) fields.tag(TENSOR.dims, WireType.Varint).int64(dim);
  fields.tag(TENSOR.dataType, WireType.Varint).int32(DTYPES[tensor.dtype].code);
  text(fields, TENSOR.name, tensor.name);
  fields.tag(TENSOR.rawData, WireType.LengthDelimited).uint32(tensor.data.length);
  const parts = [fields.finish(), tensor.data];
  return [new BinaryWriter().tag(GRAPH.initializer, WireType.LengthDelimited).uint32(lengthOf(parts)).finish(), ...parts];
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function writeNode(writer: BinaryWriter, node: WrittenNode): void {
  for (const input of node.inputs) text(writer, NODE.input, input);
  for (const output of [node.output, ...(node.furtherOutputs ?? [])]) text(writer, NODE.output, output);
  text(writer, NODE.name, node.name);
  text(writer, NODE.opType, node.opType);
  for (const attribute of node.attributes) nested(writer, NODE.attribute, () => writeAttribute(writer, attribute));
  if (node.domain) text(writer, NODE.domain, node.domain);
}

function writeAttribute(writer: BinaryWriter, { name, value }: WrittenAttribute): void {
  text(writer, ATTRIBUTE.name, name);
  let type: number = ATTRIBUTE_TYPE.ints;
  if (typeof value === 'number') {
    writer.tag(ATTRIBUTE.i, WireType.Varint).int64(value);
    type = ATTRIBUTE_TYPE.int;
  } else if (typeof value === 'string') {
    text(writer, ATTRIBUTE.s, value);
    type = ATTRIBUTE_TYPE.string;
  } else if ('float' in value) {
    writer.tag(ATTRIBUTE.f, WireType.Bit32).float(value.float);
    type = ATTRIBUTE_TYPE.float;
  } else for (const item of value) writer.tag(ATTRIBUTE.ints, WireType.Varint).int64(item);
  writer.tag(ATTRIBUTE.type, WireType.Varint).int32(type);
}

function writeValueInfo(writer: BinaryWriter, { name, dtype, dims }: NamedHeader): void {
  text(writer, VALUE_INFO.name, name);
  nested(writer, VALUE_INFO.type, () => nested(writer, TYPE.tensor, () => {
    writer.tag(TENSOR_TYPE.elementType, WireType.Varint).int32(DTYPES[dtype].code);
    nested(writer, TENSOR_TYPE.shape, () => {
      for (const dim of dims) nested(writer, SHAPE.dim, () => writer.tag(DIMENSION.value, WireType.Varint).int64(dim));
    });
  }));
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

function nested(writer: BinaryWriter, field: number, write: () => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write();
  writer.join();
}
