import type { Root } from '#core/hashing';
import { AssayError } from '#core/protocol';
import { parseMessage, registerMessage, type RegisterHeader } from '#io/rpc';

export interface UploadedModel {
  readonly header: RegisterHeader;
  readonly file: Uint8Array;
}

const MAX_CHUNKS = 1_000_000;

/** Where uploads that can be resumed are kept until they are whole. */
export type KeepUpload = (chunks: AsyncIterable<Uint8Array>, file: { readonly sha256: Root; readonly offset: number; readonly total: number }) => Promise<Uint8Array>;

/**
 * Collects an upload: the first message has the header, every message may have a chunk. With a SHA-256 in the header, `keep` takes the chunks.
 * @throws AssayError MESSAGE_MALFORMED, MODEL_TOO_LARGE as soon as it is, or what `keep` throws
 */
export async function collectUpload(messages: AsyncIterable<unknown>, maxBytes: number, keep: KeepUpload): Promise<UploadedModel> {
  const iterator = messages[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) throw malformed('nothing was sent');
  const { header, chunk } = parseMessage(registerMessage, first.value, 'RegisterModelRequest');
  if (!header) throw malformed('the first message has no header');
  const { fileSha256: sha256, fileBytes: total, offset } = header;
  if (total > maxBytes) throw tooLarge(maxBytes);
  const chunks = chunksOf(chunk, iterator, maxBytes - offset);
  if (sha256) return { header, file: await keep(chunks, { sha256, offset, total }) };
  const parts: Uint8Array[] = [];
  for await (const part of chunks) parts.push(part);
  return { header, file: new Uint8Array(Buffer.concat(parts)) };
}

async function* chunksOf(first: Uint8Array, rest: AsyncIterator<unknown>, maxBytes: number): AsyncGenerator<Uint8Array, void, void> {
  let left = maxBytes;
  let chunk = first;
  for (let count = 0; ; count++) {
    left -= chunk.length;
    if (left < 0) throw tooLarge(maxBytes);
    if (count > MAX_CHUNKS) throw malformed('too many chunks');
    if (chunk.length > 0) yield chunk;
    const next = await rest.next();
    if (next.done) return;
    const message = parseMessage(registerMessage, next.value, 'RegisterModelRequest');
    if (message.header) throw malformed('only the first message has a header');
    chunk = message.chunk;
  }
}

function tooLarge(maxBytes: number): AssayError {
  return new AssayError({ code: 'MODEL_TOO_LARGE', message: `the file is larger than ${maxBytes} bytes`, facts: { limit: 'bytes', allowed: maxBytes } });
}

function malformed(reason: string): AssayError {
  return new AssayError({ code: 'MESSAGE_MALFORMED', message: `RegisterModelRequest is malformed: ${reason}`, facts: { message: 'RegisterModelRequest', reason } });
}
