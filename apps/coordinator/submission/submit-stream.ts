import type { ServerDuplexStream } from '@grpc/grpc-js';
import { toStatus } from '#io/rpc';

/** Submissions of one stream under way at once; further ones wait in the transport. */
const MAX_IN_FLIGHT = 64;

/** Answers every message of a stream as soon as it is done. What `answer` throws ends the stream with that status. */
export async function answerStream(call: ServerDuplexStream<unknown, unknown>, answer: (message: unknown) => Promise<unknown>): Promise<void> {
  const underWay = new Set<Promise<void>>();
  try {
    // WHY: the usual iterator destroys a duplex stream when its readable half ends, and the answers with it.
    for await (const message of call.iterator({ destroyOnReturn: false })) {
      const done: Promise<void> = answer(message).then((reply) => write(call, reply)).finally(() => underWay.delete(done));
      done.catch(() => {});
      underWay.add(done);
      if (underWay.size >= MAX_IN_FLIGHT) await Promise.race(underWay);
    }
    await Promise.all(underWay);
    call.end();
  } catch (error) {
    // WHY not destroy: only an error event carries the status to a caller who is still there.
    if (call.cancelled) call.destroy();
    else call.emit('error', toStatus(error));
  }
}

/** Resolves when the caller's side has taken it, so that a slow reader slows the reading down. */
function write(call: ServerDuplexStream<unknown, unknown>, reply: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    if (call.cancelled || call.destroyed) return reject(new Error('the stream is closed'));
    call.write(reply, (error?: Error | null) => (error ? reject(error) : resolve()));
  });
}
