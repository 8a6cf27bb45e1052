import type { DescMethod, JsonValue } from '@bufbuild/protobuf';
import { callError, ERROR_KEY, UNAVAILABLE } from './call-error.js';
import { onAbort, type Calls, type Deadline, type Messages, type Method } from './calls.js';
import { Coordinator } from './client.js';
import { frame, frames, WEB_TYPE } from './web-frames.js';
import { WebMessages } from './web-messages.js';

/** Calls of a stream of submissions at once; browsers open six connections to one place and let others wait. */
const MAX_AT_ONCE = 4;
const CANCELLED = 1;
const DEADLINE_EXCEEDED = 4;
/** How much longer than its deadline a call may take, so that the coordinator's word and not our timer decides. */
const MARGIN_MS = 2_000;

/** A coordinator's gRPC-Web address, for pages: fetch and nothing else. */
export class WebCoordinator extends Coordinator {
  /** @param url such as https://node.example:50052. @param image proto/image.json */
  constructor(url: string, image: JsonValue) {
    super(new WebCalls(url.replace(/\/+$/, ''), new WebMessages(image)));
  }
}

class WebCalls implements Calls {
  private readonly closing = new AbortController();

  constructor(
    readonly target: string,
    private readonly messages: WebMessages,
  ) {}

  async single(method: Method, messages: Messages, options: Deadline): Promise<unknown> {
    for await (const reply of this.answers(this.messages.method(method), messages, options)) return reply;
    throw callError({ target: this.target, status: UNAVAILABLE, details: 'no answer', json: undefined });
  }

  /** WHY a call for each message where the method takes many: a browser sends nothing before it has the whole body. */
  async *stream(method: Method, messages: Messages, options: Deadline): AsyncGenerator<unknown, void, void> {
    const desc = this.messages.method(method);
    if (desc.methodKind !== 'bidi_streaming') return yield* this.answers(desc, messages, options);
    yield* merged(messages, (message) => this.answers(desc, [message], options));
    if (options.signal?.aborted) throw callError({ target: this.target, status: CANCELLED, details: 'called off', json: undefined });
  }

  close(): void {
    this.closing.abort();
  }

  private async *answers(desc: DescMethod, messages: Messages, { timeoutMs, signal }: Deadline): AsyncGenerator<unknown, void, void> {
    const over = new AbortController();
    const kept = [this.closing.signal, signal].map((one) => onAbort(one, () => over.abort()));
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => over.abort(new DOMException('no answer in time', 'TimeoutError')), timeoutMs + MARGIN_MS);
    try {
      const parts: Uint8Array<ArrayBuffer>[] = [];
      for await (const message of messages) parts.push(frame(this.messages.encode(desc, message)));
      const headers = { 'content-type': WEB_TYPE, 'x-grpc-web': '1', ...(timeoutMs === undefined ? {} : { 'grpc-timeout': `${Math.min(Math.ceil(timeoutMs), 99_999_999)}m` }) };
      yield* this.read(desc, await this.reach(desc, { method: 'POST', headers, body: new Blob(parts), signal: over.signal }));
    } catch (error) {
      if (signal?.aborted) return;
      throw error;
    } finally {
      clearTimeout(timer);
      for (const release of kept) release();
      over.abort();
    }
  }

  private async reach(desc: DescMethod, init: RequestInit): Promise<ReadableStream<Uint8Array>> {
    const response = await fetch(`${this.target}/${desc.parent.typeName}/${desc.name}`, init).catch((cause: unknown) => Promise.reject(this.broken(cause)));
    if (!response.ok || !response.body) throw callError({ target: this.target, status: UNAVAILABLE, details: `HTTP ${response.status}`, json: undefined });
    return response.body;
  }

  private async *read(desc: DescMethod, body: ReadableStream<Uint8Array>): AsyncGenerator<unknown, void, void> {
    for await (const found of frames(this.chunks(body))) {
      if ('message' in found) yield this.messages.decode(desc, found.message);
      else return requireOk(found.trailers, this.target);
    }
    throw this.broken(new Error('the answer has no end'));
  }

  /** WHY a reader: Safari cannot iterate a stream. */
  private async *chunks(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
    const reader = body.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read().catch((cause: unknown) => Promise.reject(this.broken(cause)));
        if (done) return;
        yield value;
      }
    } finally {
      void reader.cancel().catch(() => undefined);
    }
  }

  private broken(cause: unknown) {
    const late = cause instanceof Error && cause.name === 'TimeoutError';
    return callError({ target: this.target, status: late ? DEADLINE_EXCEEDED : UNAVAILABLE, details: cause instanceof Error ? cause.message : String(cause), json: undefined, cause });
  }
}

/** @throws AssayError what the coordinator says */
function requireOk(trailers: Readonly<Record<string, string>>, target: string): void {
  const status = Number(trailers['grpc-status'] ?? UNAVAILABLE);
  if (status === 0) return;
  const bytes = trailers[ERROR_KEY];
  throw callError({ target, status, details: decodeURIComponent(trailers['grpc-message'] ?? ''), json: bytes === undefined ? undefined : new TextDecoder().decode(Uint8Array.from(atob(bytes), (char) => char.charCodeAt(0))) });
}

/** What the calls for the messages answer, as it comes. */
async function* merged(messages: Messages, call: (message: object) => AsyncGenerator<unknown, void, void>): AsyncGenerator<unknown, void, void> {
  const source = Symbol.asyncIterator in messages ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]();
  const running = new Map<AsyncGenerator<unknown, void, void>, Promise<Step>>();
  let asked: Promise<Step> | undefined;
  let over = false;
  try {
    for (;;) {
      if (!over && running.size < MAX_AT_ONCE) asked ??= Promise.resolve(source.next()).then((found) => ({ found }));
      asked?.catch(() => undefined);
      const waiting = [...running.values(), ...(asked ? [asked] : [])];
      if (waiting.length === 0) return;
      const { of, found } = await Promise.race(waiting);
      if (!of) {
        asked = undefined;
        over = found.done === true;
        if (!found.done) step(running, call(found.value as object));
      } else if (found.done) running.delete(of);
      else {
        step(running, of);
        yield found.value;
      }
    }
  } finally {
    for (const one of running.keys()) void one.return();
    void source.return?.();
  }
}

interface Step {
  readonly of?: AsyncGenerator<unknown, void, void>;
  readonly found: IteratorResult<unknown, unknown>;
}

function step(running: Map<AsyncGenerator<unknown, void, void>, Promise<Step>>, of: AsyncGenerator<unknown, void, void>): void {
  const next = of.next().then((found) => ({ of, found }));
  next.catch(() => undefined);
  running.set(of, next);
}
