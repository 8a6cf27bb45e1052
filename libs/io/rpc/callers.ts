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

/** The network address without the port. SAFETY: whoever comes over the network has one; only this process's own door is believed when it names another's. */
export function peerOf(call: Pick<ServerUnaryCall<unknown, unknown>, 'getPeer' | 'metadata'>): string {
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

/** A reader that takes nothing for so long has gone, or means harm. */
const READER_PATIENCE_MS = 30_000;

/**
 * Everything, as fast as the reader takes it: what comes next is not made before there is room for it.
 * @throws AssayError QUEUE_FULL if the reader takes nothing for `patienceMs`
 */
export async function* pacedBy<T>(call: Pick<ServerWritableStream<unknown, unknown>, 'writableNeedDrain' | 'once' | 'off'>, items: AsyncIterable<T>, patienceMs = READER_PATIENCE_MS): AsyncGenerator<T, void, void> {
  for await (const item of items) {
    yield item;
    if (call.writableNeedDrain) await roomIn(call, patienceMs);
  }
}

/** Also when the caller is gone: whoever goes on finds that out. */
function roomIn(call: Parameters<typeof pacedBy>[0], patienceMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = (end: () => void) => {
      clearTimeout(timer);
      for (const event of ['drain', 'cancelled']) call.off(event, room);
      end();
    };
    const room = () => over(resolve);
    const timer = setTimeout(() => over(() => reject(new AssayError({ code: 'QUEUE_FULL', message: 'this reader is too slow', facts: { patienceMs } }))), patienceMs);
    for (const event of ['drain', 'cancelled']) call.once(event, room);
  });
}
