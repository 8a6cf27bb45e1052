import { Inject, Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { peerOf } from '#io/rpc';
import type { RateLimit } from './rates.js';

/** Calls a second, by the caller's network address: one RateLimit for everything that is asked here. */
export const CALLERS = Symbol('callers');

/** Counts a call by the address it comes from. WHY not around submissions: they are counted where their refusals are measured. */
@Injectable()
export class CallerLimit implements NestInterceptor {
  constructor(@Inject(CALLERS) private readonly callers: Pick<RateLimit, 'take'>) {}

  /** @throws AssayError RATE_LIMITED */
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    // SAFETY: a method that reads a stream has its call in another place, and what is thrown there nobody handles; it counts by itself.
    const call = context.getArgByIndex<Parameters<typeof peerOf>[0] | undefined>(2);
    if (call) this.callers.take(peerOf(call));
    return next.handle();
  }
}
