import type { Random } from '#testing';

/** A field of a message without its schema. What could be text, bytes or a message is a message if it reads as one. */
export interface Field {
  readonly number: number;
  readonly wire: 0 | 1 | 2 | 5;
  /** A number, the bytes of a fixed-width field, bytes, or a message's fields. */
  readonly value: bigint | Uint8Array | Field[];
}

const MAX_FIELD = 200;
const MAX_DEPTH = 12;
/** Numbers on the edges of what counts, sizes and dimensions are read as; negative ones as protobuf writes them. */
const NUMBERS = [0n, 1n, 2n, 7n, 255n, 65_536n, 4_000_000n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n - 2n ** 31n];
const TEXTS = ['', '\u0000', '0x', '-1', 'NaN', '1e999', '../../etc/passwd', '__proto__', 'constructor', '\ud800', 'ﷺ'.repeat(40), '0x' + 'ff'.repeat(32), '0x' + '0'.repeat(40), '340282366920938463463374607431768211456', 'x'.repeat(70_000)];
/** WHY: what is doubled thousands of times, and then again, would fill the memory of the machine. */
const MAX_BYTES = 4_000_000;
const LENGTHS = [1, 4, 20, 32, 65, 4_096, 300_000];
/** Bit patterns that are no ordinary float32: quiet, signalling and negative NaN, infinities, a subnormal, −0. */
const WORDS = [0x7fc00000, 0x7fa00001, 0xffc12345, 0x7f800000, 0xff800000, 1, 0x80000000];

/** @returns undefined if the bytes are no message */
export function readFields(bytes: Uint8Array, depth = 0): Field[] | undefined {
  const fields: Field[] = [];
  const reader = { bytes, at: 0 };
  while (reader.at < bytes.length) {
    const key = varint(reader);
    if (key === undefined) return undefined;
    const [number, wire] = [Number(key >> 3n), Number(key & 7n)];
    if (number < 1 || number > MAX_FIELD || (wire !== 0 && wire !== 1 && wire !== 2 && wire !== 5)) return undefined;
    const value = wire === 0 ? varint(reader) : stretch(reader, wire === 1 ? 8 : wire === 5 ? 4 : Number(varint(reader) ?? Number.NaN));
    if (value === undefined) return undefined;
    const nested = wire === 2 && value instanceof Uint8Array && value.length > 1 && depth < MAX_DEPTH ? readFields(value, depth + 1) : undefined;
    fields.push({ number, wire, value: nested ?? value });
  }
  return fields;
}

export function writeFields(fields: readonly Field[]): Uint8Array {
  return Buffer.concat(
    fields.flatMap(({ number, wire, value }) => {
      const key = varintBytes((BigInt(number) << 3n) | BigInt(wire));
      if (typeof value === 'bigint') return [key, varintBytes(value)];
      const bytes = Array.isArray(value) ? writeFields(value) : value;
      return wire === 2 ? [key, varintBytes(BigInt(bytes.length)), bytes] : [key, bytes];
    }),
  );
}

/** A message that still reads as one, in which some fields say what they should not. */
export function hostileMessage(bytes: Uint8Array, random: Random): Uint8Array {
  let fields = readFields(bytes) ?? [];
  for (let times = random.pick([1, 1, 1, 2, 3, 8]); times > 0; times--) if (writeFields(fields).length < MAX_BYTES) fields = inside(fields, random);
  return writeFields(fields);
}

/** Walks down to some message and changes one of its fields. */
function inside(fields: readonly Field[], random: Random): Field[] {
  const at = random.between(0, fields.length);
  const field = fields[at];
  if (!field) return [{ number: random.between(1, 20), wire: 0, value: random.pick(NUMBERS) }];
  if (Array.isArray(field.value) && random.next() < 0.8) return fields.with(at, { ...field, value: inside(field.value, random) });
  return around(fields, { at, field }, random);
}

function around(fields: readonly Field[], { at, field }: { at: number; field: Field }, random: Random): Field[] {
  switch (random.between(0, 10)) {
    case 0:
      return fields.toSpliced(at, 1);
    case 1:
      return fields.toSpliced(at, 0, ...Array.from({ length: Math.ceil(Math.min(random.pick([1, 1, 16, 5_000]), MAX_BYTES / writeFields([field]).length)) }, () => field));
    case 2:
      return fields.with(at, { ...field, value: random.pick(fields).value, wire: random.pick(fields).wire } as Field).map(consistent);
    case 3:
      return [...fields, { ...field, number: random.between(1, 24) }];
    case 4:
      return fields.with(at, { number: field.number, wire: 2, value: nested(field, random.pick([2, 90, 2_000])) });
    case 5:
      return fields.toReversed();
    default:
      return fields.with(at, otherValue(field, random));
  }
}

function otherValue({ number, wire, value }: Field, random: Random): Field {
  if (typeof value === 'bigint') return { number, wire: 0, value: random.pick(NUMBERS) };
  if (wire !== 2) return { number, wire, value: random.bytes(wire === 1 ? 8 : 4) };
  if (Array.isArray(value)) return { number, wire, value: random.bytes(random.pick(LENGTHS)) };
  switch (random.between(0, 5)) {
    case 0:
      return { number, wire, value: random.bytes(random.pick(LENGTHS)) };
    case 1:
      return { number, wire, value: withWord(value, random) };
    case 2:
      return { number, wire, value: value.subarray(0, random.between(0, value.length + 1)) };
    case 3:
      return { number, wire, value: Buffer.concat(Array.from({ length: random.between(1, 4) }, () => varintBytes(random.pick(NUMBERS)))) };
    default:
      return { number, wire, value: Buffer.from(random.pick(TEXTS)) };
  }
}

/** Raw tensor data with one element that is no number. */
function withWord(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length < 4) return bytes;
  const copy = Buffer.from(bytes);
  copy.writeUInt32LE(random.pick(WORDS), 4 * random.between(0, Math.floor(copy.length / 4)));
  return copy;
}

/** The field in itself, so many times. */
function nested(field: Field, times: number): Uint8Array {
  let bytes = writeFields([field]);
  for (let i = 0; i < times && bytes.length < 1_000_000; i++) bytes = Buffer.concat([varintBytes((BigInt(field.number) << 3n) | 2n), varintBytes(BigInt(bytes.length)), bytes]);
  return bytes;
}

/** WHY: a field whose type and content were taken from different places must still be written as one. */
function consistent({ number, value }: Field): Field {
  if (typeof value === 'bigint') return { number, wire: 0, value };
  return { number, wire: 2, value };
}

function varint(reader: { readonly bytes: Uint8Array; at: number }): bigint | undefined {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = reader.bytes[reader.at++];
    if (byte === undefined) return undefined;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return undefined;
}

function stretch(reader: { readonly bytes: Uint8Array; at: number }, length: number): Uint8Array | undefined {
  const end = reader.at + length;
  if (!(end <= reader.bytes.length)) return undefined;
  const value = reader.bytes.subarray(reader.at, end);
  reader.at = end;
  return value;
}

function varintBytes(value: bigint): Uint8Array {
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(64, value); ; rest >>= 7n) {
    if (rest < 0x80n) return Uint8Array.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
}
