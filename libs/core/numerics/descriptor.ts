import { bytesToHex, concatHex, hexToBytes, numberToHex, sha256, type Hex } from 'viem';
import { decodeHeader, encodeHeader, type Root, type TensorHeader } from '#core/hashing';

/** Where an operand lives: a model input, an initializer, or an earlier value of the trace. */
export type OperandKind = 'input' | 'initializer' | 'value';

const KIND_CODES: Record<OperandKind, number> = { input: 1, initializer: 2, value: 3 };

export interface OperandRef extends TensorHeader {
  readonly kind: OperandKind;
  /** Position in the model's inputs, initializers, or the trace. */
  readonly index: number;
}

/**
 * What one value of the canonical graph is: the operator that makes it, which of the operator's outputs it is,
 * its operands, and its attributes as signed 64-bit integers in the order the operator defines
 * (float attributes as their float32 bits). The graph root commits to these.
 */
export interface Descriptor {
  /** Operator code, see the registry; frozen once released. */
  readonly op: number;
  readonly outputIndex: number;
  readonly output: TensorHeader;
  readonly operands: readonly OperandRef[];
  readonly attributes: readonly bigint[];
}

export const MAX_OPERANDS = 255;
export const MAX_ATTRIBUTES = 255;

/**
 * Bytes, all words 32 bytes, big-endian:
 * word 0: op (1 byte) ‖ output index (1) ‖ operand count (1) ‖ attribute count (1) ‖ 28 zero bytes;
 * word 1: output header; then per operand: kind (1 byte) ‖ 27 zero bytes ‖ index (uint32), and its header;
 * then the attributes as int64, eight bytes each, zero-padded to a whole word.
 */
export function encodeDescriptor(d: Descriptor): Hex {
  if (d.operands.length > MAX_OPERANDS || d.attributes.length > MAX_ATTRIBUTES) throw new RangeError('descriptor too large');
  const head = new Uint8Array(32);
  head.set([d.op, d.outputIndex, d.operands.length, d.attributes.length]);
  const attributes = new Uint8Array(Math.ceil(d.attributes.length / 4) * 32);
  const view = new DataView(attributes.buffer);
  d.attributes.forEach((value, i) => view.setBigInt64(i * 8, value));
  return concatHex([
    bytesToHex(head),
    encodeHeader(d.output),
    ...d.operands.flatMap((o) => [refWord(o), encodeHeader(o)]),
    bytesToHex(attributes),
  ]);
}

function refWord(operand: OperandRef): Hex {
  return concatHex([numberToHex(KIND_CODES[operand.kind], { size: 1 }), numberToHex(operand.index, { size: 31 })]);
}

/** Inverse of encodeDescriptor; throws RangeError on anything encodeDescriptor cannot produce. */
export function decodeDescriptor(encoded: Hex): Descriptor {
  const bytes = hexToBytes(encoded);
  const word = (i: number): Root => bytesToHex(bytes.subarray(i * 32, i * 32 + 32));
  const [op = 0, outputIndex = 0, operandCount = 0, attributeCount = 0] = bytes;
  if (bytes.length !== 32 * (2 + 2 * operandCount + Math.ceil(attributeCount / 4))) throw new RangeError('descriptor has the wrong length');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const decoded: Descriptor = {
    op,
    outputIndex,
    output: decodeHeader(word(1)),
    operands: Array.from({ length: operandCount }, (_, i) => decodeRef(word(2 + 2 * i), word(3 + 2 * i))),
    attributes: Array.from({ length: attributeCount }, (_, i) => view.getBigInt64(32 * (2 + 2 * operandCount) + 8 * i)),
  };
  if (encodeDescriptor(decoded) !== encoded.toLowerCase()) throw new RangeError('descriptor has bytes outside its fields');
  return decoded;
}

function decodeRef(ref: Root, header: Root): OperandRef {
  const code = Number(BigInt(ref) >> 248n);
  const kind = (Object.keys(KIND_CODES) as OperandKind[]).find((k) => KIND_CODES[k] === code);
  if (!kind) throw new RangeError(`unknown operand kind ${code}`);
  return { kind, index: Number(BigInt(ref) & 0xffffffffn), ...decodeHeader(header) };
}

/** Leaf of the graph tree: SHA-256 of the encoded descriptor. */
export function descriptorLeaf(d: Descriptor): Root {
  return sha256(encodeDescriptor(d));
}
