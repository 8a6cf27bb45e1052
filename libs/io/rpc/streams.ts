import type { ServerDuplexStream } from '@grpc/grpc-js';
import { AssayError } from '#core/protocol';
import { toStatus } from './status.js';

/** How a stream of calls ends: once, and for a reason with its status if the caller is still there. */
export interface StreamEnd {
  fail(error: unknown): void;
  finish(): void;
}

/** When `stopping` aborts the stream ends with SHUTTING_DOWN, after what is under way was `answered`. */
export function streamEnd(call: ServerDuplexStream<unknown, unknown>, stopping: AbortSignal, answered: () => Promise<unknown>): StreamEnd {
  let ended = false;
  const once = (end: () => void) => {
    if (!ended) end();
    ended = true;
    stopping.removeEventListener('abort', stop);
  };
  // WHY not destroy: only an error event carries the status to a caller who is still there.
  const fail = (error: unknown) => once(() => (call.cancelled ? call.destroy() : call.emit('error', toStatus(error))));
  const stop = () => void answered().then(() => fail(new AssayError({ code: 'SHUTTING_DOWN' })));
  stopping.addEventListener('abort', stop);
  if (stopping.aborted) stop();
  return { fail, finish: () => once(() => call.end()) };
}
