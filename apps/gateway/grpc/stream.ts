import type { ServerDuplexStream } from '@grpc/grpc-js';
import { streamEnd } from '#io/rpc';

/** Requests of one stream under way at once; further ones wait in the transport. */
const MAX_IN_FLIGHT = 16;

/** Answers every message of a stream, several at a time, in the order they came in, until `stopping`. `answer` must not throw. */
export async function streamInOrder(call: ServerDuplexStream<unknown, unknown>, answer: (message: unknown) => Promise<unknown>, stopping: AbortSignal): Promise<void> {
  let written: Promise<void> = Promise.resolve();
  const underWay: Promise<void>[] = [];
  const end = streamEnd(call, stopping, () => written.catch(() => undefined));
  try {
    // WHY: the usual iterator destroys a duplex stream when its readable half ends, and the answers with it.
    for await (const message of call.iterator({ destroyOnReturn: false })) {
      const answered = answer(message);
      written = Promise.all([answered, written]).then(([reply]) => write(call, reply));
      underWay.push(written);
      if (underWay.length >= MAX_IN_FLIGHT) await underWay.shift();
    }
    await written;
    end.finish();
  } catch (error) {
    // The caller went away; what was sent is settled all the same.
    end.fail(error);
  }
}

function write(call: ServerDuplexStream<unknown, unknown>, reply: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    if (call.cancelled || call.destroyed) return reject(new Error('the stream is closed'));
    call.write(reply, (error?: Error | null) => (error ? reject(error) : resolve()));
  });
}
