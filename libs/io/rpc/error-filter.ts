import { Catch, type ArgumentsHost, type RpcExceptionFilter } from '@nestjs/common';
import { throwError, type Observable } from 'rxjs';
import { AssayError } from '#core/protocol';
import { toStatus } from './status.js';

/** The one method of a logger that this room needs. */
export interface Log {
  error(facts: Record<string, unknown>, text: string): void;
}

/** Turns whatever a method throws into a gRPC status with the error in its trailers. Only what is broken is logged. */
@Catch()
export class ErrorFilter implements RpcExceptionFilter {
  constructor(private readonly log: Log) {}

  catch(thrown: unknown, _host: ArgumentsHost): Observable<never> {
    if (!(thrown instanceof AssayError) || thrown.kind === 'broken') this.log.error({ event: 'call.broken', err: thrown }, 'a call failed unexpectedly');
    return throwError(() => toStatus(thrown));
  }
}
