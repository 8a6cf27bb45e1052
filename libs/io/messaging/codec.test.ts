import fc from 'fast-check';
import { encode } from 'cborg';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AssayError, inputsQuerySchema, jobSchema } from '#core/protocol';
import { decodeMessage, encodeMessage, MAX_MESSAGE_BYTES } from './index.js';

const anything = z.unknown();
const refusal = (bytes: Uint8Array, schema: z.ZodType = anything) => {
  try {
    decodeMessage(schema, bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(AssayError);
    return (error as AssayError).code;
  }
  return 'accepted';
};

describe('messages', () => {
  it('keeps bigints bigint and numbers number, whatever their size', () => {
    const value = { small: 0n, one: 1n, wide: 2n ** 128n - 1n, n: 5, big: 2 ** 53 - 1, bytes: Uint8Array.of(1, 2), list: [true, null, 'é'] };
    const decoded = decodeMessage(anything, encodeMessage(anything, value)) as typeof value;
    expect({ ...decoded, bytes: [...decoded.bytes] }).toEqual({ ...value, bytes: [1, 2] });
  });

  it('round-trips every uint256', () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), (n) => decodeMessage(anything, encodeMessage(anything, { n })) as never as boolean ? (decodeMessage(anything, encodeMessage(anything, n)) === n) : false));
  });

  it('does not send what its schema refuses', () => {
    expect(() => encodeMessage(inputsQuerySchema, { jobId: '0x12' })).toThrow(/does not fit/);
    expect(() => encodeMessage(anything, { huge: new Uint8Array(MAX_MESSAGE_BYTES) })).toThrow(/too large/);
    expect(() => encodeMessage(anything, -1n)).toThrow(AssayError);
  });

  it('refuses any bytes that are not a message, and nothing but refuses', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(refusal(bytes, jobSchema)).toBe('MESSAGE_MALFORMED');
      }),
      { numRuns: 2_000 },
    );
  });

  const deep = new Uint8Array(1_000_000).fill(0x81);
  const deepTags = new Uint8Array(1_000_000).fill(0xc2);
  it.each([
    ['empty', new Uint8Array()],
    ['truncated', encode({ jobId: '0x'.padEnd(66, '1') }).subarray(0, 20)],
    ['trailing bytes', Uint8Array.of(...encode({ a: 1 }), 0)],
    ['a million nested arrays', deep],
    ['a million nested tags', deepTags],
    ['nested past the limit, well formed', encode(Array.from({ length: 20 }).reduce((inner) => [inner], 1))],
    ['an array that claims 2^32 items', Uint8Array.of(0x9a, 0xff, 0xff, 0xff, 0xff, 1)],
    ['a byte string that claims 2^53 bytes', Uint8Array.of(0x5b, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)],
    ['a bigint of 33 bytes', Uint8Array.of(0xc2, 0x58, 33, ...new Uint8Array(33).fill(1))],
    ['a bigint of text', Uint8Array.of(0xc2, 0x61, 0x31)],
    ['a duplicate key', Uint8Array.of(0xa2, 0x61, 0x61, 1, 0x61, 0x61, 2)],
    ['an unknown tag', Uint8Array.of(0xc9, 1)],
    ['more than the limit', new Uint8Array(MAX_MESSAGE_BYTES + 1)],
  ])('%s', (_, bytes) => {
    expect(refusal(bytes)).toBe('MESSAGE_MALFORMED');
  });

  it('lets no message reach a prototype', () => {
    const bytes = encode(new Map([['__proto__', { polluted: true }]]));
    refusal(bytes);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
