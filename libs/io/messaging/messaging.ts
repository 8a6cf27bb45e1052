import { NoRespondersError, PermissionViolationError, RequestError, TimeoutError, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import type { z } from 'zod';
import { asAssayError, AssayError } from '#core/protocol';
import { decodeMessage, encodeMessage } from './codec.js';
import { connectBroker, type ConnectionOptions } from './connection.js';
import { failureOf, failureReplySchema, type Exchange } from './exchanges.js';
import { ObjectStore } from './objects.js';
import { PayloadStore } from './payloads.js';
import { INBOXES } from './permissions.js';

/** The one method of a logger that this room needs. */
export interface Log {
  warn(facts: Record<string, unknown>, text: string): void;
}

export interface MessagingOptions extends ConnectionOptions {
  readonly log: Log;
}

export interface ServeOptions {
  /** Requests in work at once; one more is answered with CAPACITY_EXHAUSTED. */
  readonly maxInFlight: number;
  /** Of all who serve under this name, one gets each message. */
  readonly queue?: string;
}

/** Where a message came in: the full subject, for subscriptions with wildcards. */
export interface Arrival {
  readonly subject: string;
}

export interface Serving {
  /** Takes nothing more and waits for what is in work. */
  stop(): Promise<void>;
}

export async function connectMessaging(options: MessagingOptions): Promise<Messaging> {
  return new Messaging(await connectBroker(options), options);
}

/** Typed messages over one NATS connection. Every message in and out goes through its schema. */
export class Messaging {
  readonly objects: ObjectStore;
  readonly payloads: PayloadStore;
  private readonly log: Log;

  constructor(
    private readonly connection: NatsConnection,
    options: Pick<MessagingOptions, 'role' | 'address' | 'log'>,
  ) {
    this.log = options.log;
    this.objects = new ObjectStore(connection);
    this.payloads = new PayloadStore(this.objects, options.role === 'coordinator' ? 'coordinator' : options.address);
    void this.reportStatus();
  }

  /**
   * Asks and waits for the one answer. A failure that the reply's schema has no place for is thrown under its code.
   * @throws AssayError PEER_SILENT, BROKER_UNREACHABLE, MESSAGE_MALFORMED, or what the server answered
   */
  async request<Query, Reply>(subject: string, exchange: Exchange<Query, Reply>, query: Query, options: { timeoutMs: number }): Promise<Reply> {
    const bytes = encodeMessage(exchange.query, query);
    const message = await this.connection.request(subject, bytes, { timeout: options.timeoutMs }).catch((cause: unknown) => Promise.reject(requestError(subject, cause)));
    return decodeMessage(exchange.reply, message.data);
  }

  /** Answers every request on the subject: with what the handler returns, or with a failure. Nothing a peer sends stops it. */
  serve<Query, Reply>(subject: string, exchange: Exchange<Query, Reply>, handler: (query: Query, arrival: Arrival) => Promise<Reply>, options: ServeOptions): Serving {
    const answer = async (message: Msg): Promise<Uint8Array> => encodeMessage(exchange.reply, await handler(decodeMessage(exchange.query, message.data), { subject: message.subject }));
    return this.consume(subject, options, {
      work: async (message) => {
        const bytes = await answer(message).catch((error: unknown) => this.failureBytes(message.subject, error));
        message.respond(bytes);
      },
      overflow: (message) => void message.respond(this.failureBytes(message.subject, new AssayError({ code: 'CAPACITY_EXHAUSTED', facts: { maxInFlight: options.maxInFlight } }))),
    });
  }

  publish<T>(subject: string, schema: z.ZodType<T>, message: T): void {
    this.connection.publish(subject, encodeMessage(schema, message));
  }

  /** Hands every message that fits the schema to the handler; drops, and logs, what does not fit or is too much at once. */
  subscribe<T>(subject: string, schema: z.ZodType<T>, handler: (message: T, arrival: Arrival) => Promise<void> | void, options: ServeOptions): Serving {
    return this.consume(subject, options, {
      work: async (message) => handler(decodeMessage(schema, message.data), { subject: message.subject }),
      overflow: (message) => this.log.warn({ event: 'message.dropped', subject: message.subject, maxInFlight: options.maxInFlight }, 'too many messages at once; one was dropped'),
    });
  }

  /** Undefined while connected, else what is wrong: for health checks. */
  problem(): string | undefined {
    return this.connection.isClosed() ? 'the connection to the broker is closed' : undefined;
  }

  /** Resolves when the connection is over for good; with an error if nobody here closed it. */
  async closed(): Promise<AssayError | undefined> {
    const cause = await this.connection.closed();
    return cause ? new AssayError({ code: 'BROKER_UNREACHABLE', message: 'the connection to the broker was lost and did not come back', cause }) : undefined;
  }

  /** Sends what waits and closes. */
  async close(): Promise<void> {
    if (!this.connection.isClosed()) await this.connection.drain();
  }

  /** Resolves when the broker has everything published so far. */
  flush(): Promise<void> {
    return this.connection.flush();
  }

  private consume(subject: string, { maxInFlight, queue }: ServeOptions, does: { work(message: Msg): Promise<void>; overflow(message: Msg): void }): Serving {
    const inFlight = new Set<Promise<void>>();
    const subscription: Subscription = this.connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (error) return this.log.warn({ event: 'subscription.failed', subject, reason: error.message }, 'a subscription failed');
        // SAFETY: the broker lets us answer wherever whoever asked said, past our own permissions: into stored objects, to calls of JetStream.
        if (message.reply && !message.reply.startsWith(INBOXES)) return this.log.warn({ event: 'message.refused', code: 'MESSAGE_MALFORMED', subject: message.subject, reply: message.reply }, 'the answer was to go to no inbox');
        if (inFlight.size >= maxInFlight) return does.overflow(message);
        const work = does
          .work(message)
          .catch((cause: unknown) => this.log.warn({ event: 'message.refused', ...failureOf(cause), subject: message.subject, facts: asAssayError(cause).facts }, 'a message was refused'))
          .finally(() => inFlight.delete(work));
        inFlight.add(work);
      },
    });
    return {
      stop: async () => {
        if (!subscription.isClosed() && !this.connection.isClosed()) await subscription.drain();
        await Promise.all(inFlight);
      },
    };
  }

  private failureBytes(subject: string, error: unknown): Uint8Array {
    const failure = failureOf(error);
    this.log.warn({ event: 'request.failed', subject, ...failure, facts: asAssayError(error).facts }, 'a request was answered with a failure');
    return encodeMessage(failureReplySchema, { failure });
  }

  private async reportStatus(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === 'disconnect' || status.type === 'reconnect') this.log.warn({ event: `broker.${status.type}`, server: status.server }, `broker: ${status.type}`);
      if (status.type === 'error') this.log.warn({ event: 'broker.error', reason: status.error.message }, 'the broker reports an error');
    }
  }
}

function requestError(subject: string, cause: unknown): AssayError {
  const facts = { subject };
  if (cause instanceof NoRespondersError || (cause instanceof RequestError && cause.isNoResponders())) {
    return new AssayError({ code: 'PEER_SILENT', message: 'nobody listens there', facts: { ...facts, received: false }, cause });
  }
  if (cause instanceof TimeoutError) return new AssayError({ code: 'PEER_SILENT', message: 'no answer in time', facts, cause });
  if (cause instanceof PermissionViolationError || (cause instanceof Error && cause.cause instanceof PermissionViolationError)) {
    return new AssayError({ code: 'BROKER_REFUSED', message: 'the broker does not let this process use the subject', facts, cause });
  }
  return new AssayError({ code: 'BROKER_UNREACHABLE', facts, cause });
}
