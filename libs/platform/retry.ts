import type { Logger } from 'pino';
import { AssayError, type ErrorCode } from '#core/protocol';
import type { Clock } from './clock.js';

export interface RetryOptions {
  /** What is being reached, for the log and the error: 'chain', 'broker'. */
  readonly what: string;
  /** Code of the error once the attempts are used up, e.g. CHAIN_UNREACHABLE. */
  readonly code: ErrorCode;
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  readonly clock: Clock;
  readonly log?: Logger;
}

/**
 * Tries until it works, with doubling delays, a bounded number of times. An AssayError of another kind than unavailable
 * (wrong credentials, another chain) is final: trying again would not change it.
 * @throws the final error as it came, or AssayError `code` once the attempts are used up
 */
export async function connectWithRetry<T>(connect: () => Promise<T>, options: RetryOptions): Promise<T> {
  let delay = options.firstDelayMs;
  for (let attempt = 1; ; attempt++) {
    try {
      return await connect();
    } catch (cause) {
      if (cause instanceof AssayError && cause.kind !== 'unavailable') throw cause;
      if (attempt >= options.attempts) throw unreachable(options, cause);
      options.log?.warn({ event: 'connect.retry', what: options.what, attempt, attempts: options.attempts, delayMs: delay, reason: reasonOf(cause) }, `${options.what} does not answer`);
      await options.clock.sleep(delay);
      delay = Math.min(delay * 2, options.maxDelayMs);
    }
  }
}

function unreachable(options: RetryOptions, cause: unknown): AssayError {
  if (cause instanceof AssayError) return cause;
  return new AssayError({
    code: options.code,
    message: `the ${options.what} did not answer in ${options.attempts} attempts`,
    facts: { what: options.what, attempts: options.attempts, reason: reasonOf(cause) },
    cause,
  });
}

export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
