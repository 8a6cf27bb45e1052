import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { DTYPES, type Tensor, type TensorHeader } from '#core/hashing';

/** Attributes of an ONNX node by their kind: whole numbers are bigint, a number is a float, a text a string. */
export type NodeAttributes = Readonly<Record<string, NodeAttribute>>;
export type NodeAttribute = bigint | readonly bigint[] | number | string;

/** One ONNX node on its own: what it is called with and what comes out. */
export interface SingleNode {
  readonly opType: string;
  /** Of the operator; ONNX's own if left out. */
  readonly domain?: string;
  readonly attributes: NodeAttributes;
  /** Constant operands are stored in the model, as the kernel chosen depends on it. */
  readonly operands: readonly { readonly tensor: Tensor; readonly constant: boolean }[];
  readonly output: TensorHeader;
}

const IR_VERSION = 8;
const OPSET = 17;
const ATTRIBUTE_KIND = { float: 1, int: 2, string: 3, ints: 7 } as const;

/** Name of operand `slot` in the model, and of its input if it is not constant. */
export const operandName = (slot: number): string => `x${slot}`;
export const OUTPUT_NAME = 'y';

/** The ONNX file (onnx.proto, ModelProto) of a graph that is this one node. */
export function encodeSingleNode(node: SingleNode): Uint8Array {
  const opset = new BinaryWriter().uint32(2 << 3).int64(OPSET).finish();
  const writer = new BinaryWriter()
    .uint32(1 << 3).int64(IR_VERSION)
    .uint32((7 << 3) | 2).bytes(encodeGraph(node))
    .uint32((8 << 3) | 2).bytes(opset);
  if (node.domain) writer.uint32((8 << 3) | 2).bytes(new BinaryWriter().uint32((1 << 3) | 2).string(node.domain).uint32(2 << 3).int64(1).finish());
  return writer.finish();
}

function encodeGraph(node: SingleNode): Uint8Array {
  const writer = new BinaryWriter().uint32((1 << 3) | 2).bytes(encodeNode(node)).uint32((2 << 3) | 2).string('g');
  node.operands.forEach(({ tensor, constant }, slot) => {
    if (constant) writer.uint32((5 << 3) | 2).bytes(encodeTensor(operandName(slot), tensor));
    else writer.uint32((11 << 3) | 2).bytes(encodeValueInfo(operandName(slot), tensor));
  });
  return writer.uint32((12 << 3) | 2).bytes(encodeValueInfo(OUTPUT_NAME, node.output)).finish();
}

function encodeNode(node: SingleNode): Uint8Array {
  const writer = new BinaryWriter();
  node.operands.forEach((_, slot) => writer.uint32((1 << 3) | 2).string(operandName(slot)));
  writer.uint32((2 << 3) | 2).string(OUTPUT_NAME).uint32((4 << 3) | 2).string(node.opType);
  for (const [name, value] of Object.entries(node.attributes)) writer.uint32((5 << 3) | 2).bytes(encodeAttribute(name, value));
  if (node.domain) writer.uint32((7 << 3) | 2).string(node.domain);
  return writer.finish();
}

function encodeAttribute(name: string, value: NodeAttribute): Uint8Array {
  const writer = new BinaryWriter().uint32((1 << 3) | 2).string(name);
  if (typeof value === 'bigint') return writer.uint32(3 << 3).int64(value).uint32(20 << 3).int32(ATTRIBUTE_KIND.int).finish();
  if (typeof value === 'number') return writer.uint32((2 << 3) | 5).float(value).uint32(20 << 3).int32(ATTRIBUTE_KIND.float).finish();
  if (typeof value === 'string') return writer.uint32((4 << 3) | 2).string(value).uint32(20 << 3).int32(ATTRIBUTE_KIND.string).finish();
  for (const item of value) writer.uint32(8 << 3).int64(item);
  return writer.uint32(20 << 3).int32(ATTRIBUTE_KIND.ints).finish();
}

function encodeTensor(name: string, tensor: Tensor): Uint8Array {
  const writer = new BinaryWriter();
  for (const dim of tensor.dims) writer.uint32(1 << 3).int64(dim);
  return writer.uint32(2 << 3).int32(DTYPES[tensor.dtype].code).uint32((8 << 3) | 2).string(name).uint32((9 << 3) | 2).bytes(tensor.data).finish();
}

function encodeValueInfo(name: string, header: TensorHeader): Uint8Array {
  const shape = new BinaryWriter();
  for (const dim of header.dims) shape.uint32((1 << 3) | 2).bytes(new BinaryWriter().uint32(1 << 3).int64(dim).finish());
  const tensor = new BinaryWriter().uint32(1 << 3).int32(DTYPES[header.dtype].code).uint32((2 << 3) | 2).bytes(shape.finish()).finish();
  const type = new BinaryWriter().uint32((1 << 3) | 2).bytes(tensor).finish();
  return new BinaryWriter().uint32((1 << 3) | 2).string(name).uint32((2 << 3) | 2).bytes(type).finish();
}
