import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { deflate, gunzip, gzip, inflate } from 'node:zlib';
import { AssayError } from '#core/protocol';
import { MAX_MESSAGE_BYTES } from '#io/rpc';

const DECODERS = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const;
const ENCODERS = { gzip: promisify(gzip), deflate: promisify(deflate) } as const;
type Encoding = keyof typeof DECODERS;

const isEncoding = (name: string): name is Encoding => Object.hasOwn(DECODERS, name);

/** The request's whole body, decompressed. @throws AssayError TENSOR_TOO_LARGE, OPTION_UNSUPPORTED, MESSAGE_MALFORMED */
export async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity' && !isEncoding(encoding)) throw new AssayError({ code: 'OPTION_UNSUPPORTED', message: `bodies compressed by ${encoding} are not read`, facts: { option: 'content-encoding', known: Object.keys(DECODERS) } });
  const body = await collect(request);
  if (encoding === 'identity') return body;
  return DECODERS[encoding](body, { maxOutputLength: MAX_MESSAGE_BYTES }).catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    throw new AssayError({ code: 'MESSAGE_MALFORMED', message: `the body is not ${encoding}`, facts: { encoding }, cause });
  });
}

async function collect(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_MESSAGE_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

function tooLarge(): AssayError {
  return new AssayError({ code: 'TENSOR_TOO_LARGE', message: `the body is larger than ${MAX_MESSAGE_BYTES} bytes`, facts: { limit: MAX_MESSAGE_BYTES } });
}

/** The body as the caller asked for it in accept-encoding. */
export async function compressed(body: Uint8Array, accepted: string | undefined): Promise<{ body: Uint8Array; encoding?: Encoding }> {
  const encoding = (accepted ?? '').split(',').map((name) => name.trim()).find(isEncoding);
  return encoding ? { body: await ENCODERS[encoding](body), encoding } : { body };
}
