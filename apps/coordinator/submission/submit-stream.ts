import type { ServerDuplexStream } from '@grpc/grpc-js';
import { streamEnd } from '#io/rpc';

/** Submissions of one stream under way at once; further ones wait in the transport. */
const MAX_IN_FLIGHT = 64;

/** Answers every message of a stream as soon as it is done. What `answer` throws ends the stream with that status; so does `stopping`. */
export async function answerStream(call: ServerDuplexStream<unknown, unknown>, answer: (message: unknown) => Promise<unknown>, stopping: AbortSignal): Promise<void> {
  const underWay = new Set<Promise<void>>();
  const end = streamEnd(call, stopping, () => Promise.allSettled(underWay));
  try {
    // WHY: the usual iterator destroys a duplex stream when its readable half ends, and the answers with it.
    for await (const message of call.iterator({ destroyOnReturn: false })) {
      const done: Promise<void> = answer(message).then((reply) => write(call, reply)).finally(() => underWay.delete(done));
      done.catch(() => {});
      underWay.add(done);
      if (underWay.size >= MAX_IN_FLIGHT) await Promise.race(underWay);
    }
    await Promise.all(underWay);
    end.finish();
  } catch (error) {
    end.fail(error);
  }
}

/** Resolves when the caller's side has taken it, so that a slow reader slows the reading down. */
function write(call: ServerDuplexStream<unknown, unknown>, reply: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    if (call.cancelled || call.destroyed) return reject(new Error('the stream is closed'));
    call.write(reply, (error?: Error | null) => (error ? reject(error) : resolve()));
  });
}
