import { AssayError } from '#core/protocol';
import type { Datatype } from './datatypes.js';

/** One element as a caller writes it down: JSON has numbers, text and booleans, gRPC numbers, decimal text, booleans and bytes. */
export type Value = number | string | boolean | Uint8Array;

type Writer = (view: DataView, at: number, value: number | bigint) => void;
interface Whole {
  readonly size: number;
  readonly min: bigint;
  readonly max: bigint;
  readonly write: Writer;
}

const whole = (bits: number, signed: boolean, write: Writer): Whole => ({
  size: bits / 8,
  min: signed ? -(2n ** BigInt(bits - 1)) : 0n,
  max: 2n ** BigInt(signed ? bits - 1 : bits) - 1n,
  write,
});

const WHOLE: Partial<Record<Datatype, Whole>> = {
  INT8: whole(8, true, (view, at, v) => view.setInt8(at, Number(v))),
  INT16: whole(16, true, (view, at, v) => view.setInt16(at, Number(v), true)),
  INT32: whole(32, true, (view, at, v) => view.setInt32(at, Number(v), true)),
  INT64: whole(64, true, (view, at, v) => view.setBigInt64(at, BigInt(v), true)),
  UINT8: whole(8, false, (view, at, v) => view.setUint8(at, Number(v))),
  UINT16: whole(16, false, (view, at, v) => view.setUint16(at, Number(v), true)),
  UINT32: whole(32, false, (view, at, v) => view.setUint32(at, Number(v), true)),
  UINT64: whole(64, false, (view, at, v) => view.setBigUint64(at, BigInt(v), true)),
};

/**
 * Elements in the raw form of their type: row-major, little-endian; BYTES with each element after its length.
 * @throws AssayError TENSOR_DATA_MISMATCH if a value is not one of the type, or the type has no written form (FP16, BF16)
 */
export function rawOf(datatype: Datatype, values: readonly Value[], name: string): Uint8Array {
  const integer = WHOLE[datatype];
  if (integer) return packed(values.length * integer.size, (view) => values.forEach((v, i) => integer.write(view, i * integer.size, wholeNumber(v, integer, { name, datatype, element: i }))));
  if (datatype === 'BOOL') return Uint8Array.from(values, (v, i) => (typeof v === 'boolean' ? Number(v) : fail({ name, datatype, element: i })));
  if (datatype === 'FP32') return packed(values.length * 4, (view) => values.forEach((v, i) => view.setFloat32(i * 4, float(v, { name, datatype, element: i }), true)));
  if (datatype === 'FP64') return packed(values.length * 8, (view) => values.forEach((v, i) => view.setFloat64(i * 8, float(v, { name, datatype, element: i }), true)));
  if (datatype === 'BYTES') return lengthPrefixed(values.map((v, i) => (v instanceof Uint8Array ? v : typeof v === 'string' ? new TextEncoder().encode(v) : fail({ name, datatype, element: i }))));
  return fail({ name, datatype }, `${datatype} has no written form: send it raw`);
}

/** Elements of BYTES from the raw form. @throws AssayError TENSOR_DATA_MISMATCH */
export function elementsOf(raw: Uint8Array, name: string): Uint8Array[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  const elements: Uint8Array[] = [];
  for (let at = 0; at < raw.length; ) {
    const end = at + 4 <= raw.length ? at + 4 + view.getUint32(at, true) : Infinity;
    if (end > raw.length) fail({ name, datatype: 'BYTES', element: elements.length }, 'an element is longer than the data');
    elements.push(raw.subarray(at + 4, end));
    at = end;
  }
  return elements;
}

function packed(bytes: number, fill: (view: DataView) => void): Uint8Array {
  const raw = new Uint8Array(bytes);
  fill(new DataView(raw.buffer));
  return raw;
}

function lengthPrefixed(elements: readonly Uint8Array[]): Uint8Array {
  const raw = new Uint8Array(elements.reduce((sum, element) => sum + 4 + element.length, 0));
  const view = new DataView(raw.buffer);
  let at = 0;
  for (const element of elements) {
    view.setUint32(at, element.length, true);
    raw.set(element, at + 4);
    at += 4 + element.length;
  }
  return raw;
}

interface Place {
  readonly name: string;
  readonly datatype: Datatype;
  readonly element?: number;
}

/** WHY decimal text too: JSON numbers beyond 2^53 lose digits, and 64-bit fields of gRPC come as text. */
function wholeNumber(value: Value, { min, max }: Whole, place: Place): bigint {
  const exact = typeof value === 'number' ? Number.isSafeInteger(value) : typeof value === 'string' && /^-?\d{1,20}$/.test(value);
  if (!exact) return fail(place);
  const number = BigInt(value as number | string);
  return number >= min && number <= max ? number : fail(place);
}

const NOT_FINITE: Readonly<Record<string, number>> = { NaN: NaN, Infinity: Infinity, '-Infinity': -Infinity };

function float(value: Value, place: Place): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && Object.hasOwn(NOT_FINITE, value) ? NOT_FINITE[value]! : fail(place);
}

function fail({ name, datatype, element }: Place, reason = `element ${element} is not a ${datatype}`): never {
  throw new AssayError({ code: 'TENSOR_DATA_MISMATCH', message: `input ${name}: ${reason}`, facts: { name, datatype, ...(element === undefined ? {} : { element }) } });
}
