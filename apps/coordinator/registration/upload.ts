import { AssayError } from '#core/protocol';
import { parseMessage, registerMessage, type RegisterHeader } from '#io/rpc';

export interface UploadedModel {
  readonly header: RegisterHeader;
  readonly file: Uint8Array;
}

const MAX_CHUNKS = 1_000_000;

/**
 * Collects an upload: the first message has the header, every message may have a chunk.
 * @throws AssayError MESSAGE_MALFORMED, MODEL_TOO_LARGE as soon as it is
 */
export async function collectUpload(messages: AsyncIterable<unknown>, maxBytes: number): Promise<UploadedModel> {
  let header: RegisterHeader | undefined;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const message of messages) {
    const parsed = parseMessage(registerMessage, message, 'RegisterModelRequest');
    if (chunks.length === 0 && !header) header = parsed.header ?? undefined;
    else if (parsed.header) throw malformed('only the first message has a header');
    if (!header) throw malformed('the first message has no header');
    bytes += parsed.chunk.length;
    if (bytes > maxBytes) throw new AssayError({ code: 'MODEL_TOO_LARGE', message: `the file is larger than ${maxBytes} bytes`, facts: { limit: 'bytes', allowed: maxBytes } });
    if (parsed.chunk.length > 0) chunks.push(parsed.chunk);
    if (chunks.length > MAX_CHUNKS) throw malformed('too many chunks');
  }
  if (!header) throw malformed('nothing was sent');
  return { header, file: new Uint8Array(Buffer.concat(chunks, bytes)) };
}

function malformed(reason: string): AssayError {
  return new AssayError({ code: 'MESSAGE_MALFORMED', message: `RegisterModelRequest is malformed: ${reason}`, facts: { message: 'RegisterModelRequest', reason } });
}
