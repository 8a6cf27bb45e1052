import { AssayError } from '#core/protocol';
import { MAX_MESSAGE_BYTES } from './sizes.js';

export const WEB_TYPE = 'application/grpc-web+proto';

/** A frame: flags, length as 32 bits with the high byte first, bytes. The highest flag marks the trailers. */
const HEAD = 5;
const TRAILERS = 0x80;

export function frame(bytes: Uint8Array, flags = 0): Uint8Array<ArrayBuffer> {
  const framed = new Uint8Array(HEAD + bytes.length);
  framed[0] = flags;
  new DataView(framed.buffer).setUint32(1, bytes.length);
  framed.set(bytes, HEAD);
  return framed;
}

/** Trailers as the last frame of a body; HTTP/2's own names are left out. */
export function trailersFrame(trailers: Readonly<Record<string, unknown>>): Uint8Array {
  const lines = Object.entries(trailers).filter(([name]) => !name.startsWith(':') && name !== 'content-type' && name !== 'date');
  return frame(new TextEncoder().encode(lines.map(([name, value]) => `${name}: ${String(value)}\r\n`).join('')), TRAILERS);
}

export type Frame = { readonly message: Uint8Array } | { readonly trailers: Readonly<Record<string, string>> };

/** The frames of a body. @throws AssayError MESSAGE_MALFORMED if one is larger than any message or breaks off */
export async function* frames(body: AsyncIterable<Uint8Array>): AsyncGenerator<Frame, void, void> {
  let held: Uint8Array[] = [];
  let size = 0;
  let needed = HEAD;
  for await (const chunk of body) {
    held.push(chunk);
    size += chunk.length;
    if (size < needed) continue;
    let rest = joined(held, size);
    for (let length = lengthOf(rest); length !== undefined && rest.length >= HEAD + length; length = lengthOf(rest)) {
      const bytes = rest.slice(HEAD, HEAD + length);
      yield rest[0]! >= TRAILERS ? { trailers: parseTrailers(bytes) } : { message: bytes };
      rest = rest.subarray(HEAD + length);
    }
    held = [rest];
    size = rest.length;
    needed = HEAD + (lengthOf(rest) ?? 0);
  }
  if (size > 0) throw new AssayError({ code: 'MESSAGE_MALFORMED', message: 'the answer breaks off within a frame', facts: { left: size } });
}

function lengthOf(bytes: Uint8Array): number | undefined {
  if (bytes.length < HEAD) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  if (length > MAX_MESSAGE_BYTES) throw new AssayError({ code: 'MESSAGE_MALFORMED', message: `a frame of ${length} bytes`, facts: { length, limit: MAX_MESSAGE_BYTES } });
  return length;
}

function parseTrailers(bytes: Uint8Array): Record<string, string> {
  const lines = new TextDecoder().decode(bytes).split('\r\n').filter((line) => line.includes(':'));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')).trim().toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
}

export function joined(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
