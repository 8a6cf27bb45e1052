import { encode, Token, Type } from 'cborg';
import type { Random } from '#testing';

const NUMBERS = [0, -0, -1, 0.5, 1, 16, 257, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), 1e308, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const BIGINTS = [0n, 1n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n, 2n ** 128n - 1n, 2n ** 128n, 2n ** 255n, 2n ** 300n];
const TEXTS = ['', '0x', '\u0000', '__proto__', 'constructor', '../../x', '0x' + 'zz'.repeat(32), '0x' + '00'.repeat(32), '0x' + 'AB'.repeat(20), '0x' + '00'.repeat(5_000), 'float64', 'x'.repeat(3_000)];

/** A copy of the message as CBOR in which some field is missing, too much, of another type, or on the edge of its range. */
export function hostileObject(message: object, random: Random): Uint8Array {
  let copy: unknown = structuredClone(message);
  for (let times = random.pick([1, 1, 1, 2, 5]); times > 0; times--) copy = inside(copy, random);
  return encodeObject(copy);
}

/** As the codec writes messages, without a look whether they may be sent. */
export function encodeObject(message: unknown): Uint8Array {
  return encode(message, { typeEncoders: { bigint: encodeBigint }, float64: true });
}

function inside(value: unknown, random: Random): unknown {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null || random.next() < 0.1) return other(value, random);
  if (Array.isArray(value)) return random.next() < 0.7 && value.length > 0 ? value.with(random.between(0, value.length), inside(random.pick(value), random)) : changedList(value, random);
  const entries = Object.entries(value);
  if (entries.length === 0) return other(value, random);
  const [name, field] = random.pick(entries);
  switch (random.between(0, 8)) {
    case 0:
      return Object.fromEntries(entries.filter(([key]) => key !== name));
    case 1:
      return { ...value, [random.pick(['more', '', '__proto__', 'failure', 'x'.repeat(2_000)])]: random.pick([null, 1, 'x', { deep: true }]) };
    case 2:
      return { ...value, [name]: random.pick(entries)[1] };
    default:
      return { ...value, [name]: inside(field, random) };
  }
}

function changedList(list: readonly unknown[], random: Random): unknown[] {
  const item = list.length > 0 ? random.pick(list) : 'x';
  return random.pick([() => [], () => [...list, item], () => Array.from({ length: 5_000 }, () => item), () => [...list].reverse(), () => [list]])();
}

/** Something else, mostly of the same type. */
function other(value: unknown, random: Random): unknown {
  if (random.next() < 0.2) return random.pick([null, true, 0, '', [], {}, nested(random.pick([15, 17, 400])), random.bytes(40)]);
  if (typeof value === 'number') return random.pick(NUMBERS);
  if (typeof value === 'bigint') return random.pick(BIGINTS);
  if (value instanceof Uint8Array) return random.bytes(random.pick([0, 1, value.length, value.length + 1, 300_000]));
  if (typeof value !== 'string') return random.pick(TEXTS);
  return random.pick([...TEXTS, value.toUpperCase(), value.slice(0, -2), `${value}00`, value.replace(/[0-9a-f]$/, (digit) => (digit === '0' ? '1' : '0'))]);
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = i % 2 ? [value] : { a: value };
  return value;
}

function encodeBigint(value: bigint): Token[] {
  const hex = value.toString(16);
  return [new Token(Type.tag, 2), new Token(Type.bytes, Uint8Array.from(Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex')))];
}
