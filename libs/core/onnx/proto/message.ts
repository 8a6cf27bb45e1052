import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** Reads one field's value; the wire type says how. Unread fields are skipped. */
export type FieldVisitor = (reader: BinaryReader, wire: WireType) => void;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Walks the fields of one message without copying it; fields without a visitor are skipped.
 * Only messages that a caller names are descended into, so nesting in the file cannot deepen the stack.
 * Throws RangeError (or the reader's own error) on malformed bytes.
 */
export function readMessage(bytes: Uint8Array, visitors: Readonly<Record<number, FieldVisitor>>): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    const visit = visitors[field];
    if (visit) visit(reader, wire);
    else reader.skip(wire, field, 4);
  }
}

export function readBytes(reader: BinaryReader, wire: WireType): Uint8Array {
  expectWire(wire, WireType.LengthDelimited);
  return reader.bytes();
}

export function textOf(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

export function readInt(reader: BinaryReader, wire: WireType): bigint {
  expectWire(wire, WireType.Varint);
  return BigInt(reader.int64());
}

export function readFloat(reader: BinaryReader, wire: WireType): number {
  expectWire(wire, WireType.Bit32);
  return reader.float();
}

/** Repeated int64 or int32, packed or not; at most `limit` entries in `into`. */
export function readInts(reader: BinaryReader, wire: WireType, { into, limit }: { into: bigint[]; limit: number }): void {
  if (wire === WireType.Varint) into.push(readInt(reader, wire));
  else {
    const packed = new BinaryReader(readBytes(reader, wire));
    while (packed.pos < packed.len && into.length <= limit) into.push(BigInt(packed.int64()));
  }
  if (into.length > limit) throw new RangeError(`a list has more than ${limit} entries`);
}

/** Repeated float, packed or not, as little-endian bytes. */
export function readFloats(reader: BinaryReader, wire: WireType): Uint8Array {
  if (wire === WireType.Bit32) {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, reader.float(), true);
    return bytes;
  }
  return readBytes(reader, wire);
}

/** Repeated int32 or int64, packed or not, still as varints. */
export function readVarints(reader: BinaryReader, wire: WireType): Uint8Array {
  return wire === WireType.Varint ? reader.skip(wire) : readBytes(reader, wire);
}

function expectWire(actual: WireType, expected: WireType): void {
  if (actual !== expected) throw new RangeError(`a field has wire type ${actual} instead of ${expected}`);
}
