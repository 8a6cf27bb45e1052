import type { Random } from '#testing';

const TELLING = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

/** A copy of the bytes with something wrong: bits, bytes, a stretch cut out, doubled or moved, an end cut off, or nothing kept at all. */
export function mutated(bytes: Uint8Array, random: Random): Uint8Array {
  let result = Buffer.from(bytes);
  for (let times = random.pick([1, 1, 1, 2, 4, 16]); times > 0; times--) result = once(result, random);
  return new Uint8Array(result);
}

function once(bytes: Buffer, random: Random): Buffer<ArrayBuffer> {
  if (bytes.length === 0) return Buffer.from(random.bytes(random.between(1, 64)));
  const at = random.between(0, bytes.length);
  const end = Math.min(bytes.length, at + random.between(1, 65));
  const [before, cut, after] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
  switch (random.between(0, 8)) {
    case 0:
      return Buffer.concat([before, after]);
    case 1:
      return Buffer.concat([before, cut, cut, after]);
    case 2:
      return Buffer.concat([after, before, cut]);
    case 3:
      return Buffer.from(before);
    case 4:
      return Buffer.from(random.bytes(random.between(0, 256)));
    case 5:
      return Buffer.concat([before, Buffer.from(random.bytes(random.between(1, 12))), after]);
    default: {
      const copy = Buffer.from(bytes);
      copy[at] = random.next() < 0.5 ? random.pick(TELLING) : copy[at]! ^ (1 << random.between(0, 8));
      return copy;
    }
  }
}

/** The same object with one of its leaves replaced by something of the same type that is not right. */
export function withOddLeaf<T extends object>(right: T, random: Random): T {
  const copy = structuredClone(right) as Record<string, unknown>;
  let at: Record<string, unknown> = copy;
  for (;;) {
    const key = random.pick(Object.keys(at));
    const value = at[key];
    if (value && typeof value === 'object' && !(value instanceof Uint8Array) && Object.keys(value).length > 0) at = value as Record<string, unknown>;
    else {
      at[key] = oddOf(value, random);
      return copy as T;
    }
  }
}

function oddOf(value: unknown, random: Random): unknown {
  if (value instanceof Uint8Array) return Buffer.from(mutated(value, random));
  if (typeof value === 'number') return random.pick([0, 1, 7, 2 ** 31 - 1, 4_000_000]);
  if (typeof value !== 'string') return value;
  if (/^\d+$/.test(value)) return random.pick(['0', '-1', '18446744073709551615', '1', '99999999999999999999999999999999999999', `${value}0`]);
  return random.pick(['', `${value}x`, value.slice(0, -1), value.toUpperCase(), '0x', 'x'.repeat(random.pick([100, 5_000])), '\u0000', value.replace(/[0-9a-f]$/, '0'), '../../etc/passwd', 'FP64']);
}
