import { Catch, type RpcExceptionFilter } from '@nestjs/common';
import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { lastValueFrom, throwError, type Observable } from 'rxjs';
import type { z } from 'zod';
import { AssayError } from '#core/protocol';
import type { Exchange } from './exchanges.js';
import type { Messaging, Serving } from './messaging.js';

/** What a controller's pattern says about its messages, as the pattern's extras: @MessagePattern(subject, { exchange, maxInFlight }). */
export interface RequestExtras {
  readonly exchange: Exchange<never, unknown>;
  readonly maxInFlight: number;
}

/** @EventPattern(subject, { schema, maxInFlight }) */
export interface EventExtras {
  readonly schema: z.ZodType;
  readonly maxInFlight: number;
}

export interface NatsTransportOptions {
  readonly messaging: Messaging;
  /** Replaces {self} in patterns. */
  readonly self: string;
}

/**
 * Nest controllers on Assay's typed messaging. Nest's own NATS transport has no place for a schema per subject, a bound per
 * subject or a subject with the process's own address in it.
 */
export class NatsTransport extends Server implements CustomTransportStrategy {
  override readonly transportId = Symbol('assay-nats');
  private servings: Serving[] = [];

  constructor(private readonly options: NatsTransportOptions) {
    super();
  }

  listen(callback: (error?: unknown) => void): void {
    try {
      for (const [pattern, handler] of this.messageHandlers) this.servings.push(this.bind(pattern.replaceAll('{self}', this.options.self.toLowerCase()), handler));
      callback();
    } catch (error) {
      callback(error);
    }
  }

  /** Finishes what is in work. The connection stays: whoever opened it closes it. */
  async close(): Promise<void> {
    await Promise.all(this.servings.splice(0).map((serving) => serving.stop()));
  }

  on(): never {
    throw new AssayError({ code: 'INVARIANT_BROKEN', message: 'this transport has no events of its own' });
  }

  unwrap<T>(): T {
    return this.options.messaging as T;
  }

  private bind(subject: string, handler: MessageHandler): Serving {
    const { exchange, schema, maxInFlight } = (handler.extras ?? {}) as Partial<RequestExtras & EventExtras>;
    if (maxInFlight === undefined || !(handler.isEventHandler ? schema : exchange)) {
      throw new AssayError({ code: 'INVARIANT_BROKEN', message: 'a message pattern does not say its schema or its bound', facts: { subject } });
    }
    const call = async (message: unknown, context: unknown): Promise<unknown> => lastValueFrom(this.transformToObservable<unknown>(await handler(message, context)));
    return handler.isEventHandler
      ? this.options.messaging.subscribe(subject, schema!, async (message, arrival) => void (await lastOrNothing(call(message, arrival))), { maxInFlight })
      : this.options.messaging.serve(subject, exchange as Exchange<unknown, unknown>, call, { maxInFlight });
  }
}

/** An event handler returns nothing, which Nest turns into a stream that may be empty. */
async function lastOrNothing(result: Promise<unknown>): Promise<void> {
  await result.catch((error: unknown) => {
    if (!(error instanceof Error) || error.name !== 'EmptyError') throw error;
  });
}

/** Lets an error leave a controller as it is; Nest's own filter would turn it into "Internal server error". */
@Catch()
export class ErrorPassage implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}
