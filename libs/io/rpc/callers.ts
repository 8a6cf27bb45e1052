import type { ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { tap, type MonoTypeOperatorFunction } from 'rxjs';
import { AssayError } from '#core/protocol';

/** Messages that may wait for a reader who takes none. */
const MAX_UNREAD = 256;

/** Request header with the network address of a caller whose connection has none. */
export const PEER_KEY = 'assay-peer';

/** Who calls: their network address without the port, and a signal that aborts when they hang up, or their deadline passes. */
export function callerOf(call: Pick<ServerUnaryCall<unknown, unknown>, 'cancelled' | 'getPeer' | 'metadata'> & { on(event: 'cancelled', listener: () => void): unknown }): { readonly peer: string; readonly gone: AbortSignal } {
  const gone = new AbortController();
  if (call.cancelled) gone.abort();
  call.on('cancelled', () => gone.abort());
  return { peer: peerOf(call), gone: gone.signal };
}

/** SAFETY: whoever comes over the network has an address; only this process's own door is believed when it names another's. */
function peerOf(call: Pick<ServerUnaryCall<unknown, unknown>, 'getPeer' | 'metadata'>): string {
  const peer = call.getPeer();
  return peer === 'unknown' ? String(call.metadata.get(PEER_KEY)[0] ?? peer) : peer.replace(/:\d+$/, '');
}

/** Ends a stream whose reader does not read, instead of keeping its messages. @throws AssayError QUEUE_FULL into the stream */
export function readAtLeast<T>(call: Pick<ServerWritableStream<unknown, unknown>, 'writableNeedDrain' | 'on'>): MonoTypeOperatorFunction<T> {
  let unread = 0;
  call.on('drain', () => (unread = 0));
  return tap(() => {
    unread = call.writableNeedDrain ? unread + 1 : 0;
    if (unread > MAX_UNREAD) throw new AssayError({ code: 'QUEUE_FULL', message: 'this reader is too slow', facts: { unread, limit: MAX_UNREAD } });
  });
}
