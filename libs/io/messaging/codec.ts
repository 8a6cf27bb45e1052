import { decode, encode, Token, Type } from 'cborg';
import type { z } from 'zod';
import { AssayError } from '#core/protocol';

/** Bytes of one message; the NATS server's default max_payload. Larger things go through the object store. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;
/** Nesting of a message; the deepest schema needs 6. */
export const MAX_MESSAGE_DEPTH = 16;
const MAX_BIGINT_BYTES = 32;

const POSITIVE_BIGNUM = 2;

/**
 * CBOR (RFC 8949). bigints always travel as tag 2, so that they come back as bigints whatever their size; plain numbers
 * stay numbers.
 * @throws AssayError MESSAGE_MALFORMED if the value does not fit its schema or is too large
 */
export function encodeMessage<T>(schema: z.ZodType<T>, value: T): Uint8Array {
  const bytes = encode(checked(schema, value), { typeEncoders: { bigint: encodeBigint }, ignoreUndefinedProperties: true });
  if (bytes.length > MAX_MESSAGE_BYTES) throw malformed('a message is too large', { bytes: bytes.length, limit: MAX_MESSAGE_BYTES });
  return bytes;
}

/**
 * Bytes from the network as the message that the schema describes.
 * INVARIANT: whatever the bytes, this returns or throws AssayError MESSAGE_MALFORMED.
 */
export function decodeMessage<T>(schema: z.ZodType<T>, bytes: Uint8Array): T {
  if (bytes.length > MAX_MESSAGE_BYTES) throw malformed('a message is too large', { bytes: bytes.length, limit: MAX_MESSAGE_BYTES });
  return checked(schema, decodeCbor(bytes));
}

function decodeCbor(bytes: Uint8Array): unknown {
  try {
    const value: unknown = decode(bytes, {
      tags: { [POSITIVE_BIGNUM]: (content) => decodeBigint(content()) },
      allowUndefined: false,
      allowBigInt: false,
      allowIndefinite: false,
      rejectDuplicateMapKeys: true,
    });
    if (depthOf(value) > MAX_MESSAGE_DEPTH) throw new RangeError(`nested deeper than ${MAX_MESSAGE_DEPTH}`);
    return value;
  } catch (cause) {
    throw malformed('a message is not CBOR as this network uses it', { bytes: bytes.length, reason: cause instanceof Error ? cause.message : String(cause) }, cause);
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.') || 'message'}: ${issue.message}`);
  throw malformed('a message does not fit its schema', { issues });
}

function encodeBigint(value: bigint): Token[] {
  if (value < 0n) throw malformed('a message has a negative bigint', { value: value.toString() });
  const hex = value.toString(16);
  return [new Token(Type.tag, POSITIVE_BIGNUM), new Token(Type.bytes, Uint8Array.from(Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex')))];
}

function decodeBigint(content: unknown): bigint {
  if (!(content instanceof Uint8Array) || content.length === 0 || content.length > MAX_BIGINT_BYTES) throw new RangeError('a bigint is not 1 to 32 bytes');
  return BigInt(`0x${Buffer.from(content).toString('hex')}`);
}

/** Depth of a decoded value, counted without recursion and no further than the limit. */
function depthOf(value: unknown): number {
  let level = [value];
  for (let depth = 0; depth <= MAX_MESSAGE_DEPTH; depth++) {
    const next = level.flatMap((item) => (item === null || typeof item !== 'object' || item instanceof Uint8Array ? [] : Object.values(item)));
    if (next.length === 0) return depth;
    level = next;
  }
  return MAX_MESSAGE_DEPTH + 1;
}

function malformed(message: string, facts: Record<string, unknown>, cause?: unknown): AssayError {
  return new AssayError({ code: 'MESSAGE_MALFORMED', message, facts, cause });
}
