import { AssayError, type ErrorCode } from '#core/protocol';

/** The same call again, with the same id, may succeed after these and does nothing twice. */
const AGAIN: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['COORDINATOR_UNREACHABLE', 'SHUTTING_DOWN', 'RATE_LIMITED', 'QUEUE_FULL', 'DATABASE_UNREACHABLE', 'CHAIN_UNREACHABLE']);
const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 250;

/** Repeats an idempotent call while the coordinator cannot take it, up to `ms` in all, as slowly as it asks; not once `stop` has aborted. */
export async function repeated<T>(call: (msLeft: number) => Promise<T>, ms: number, stop?: AbortSignal): Promise<T> {
  const end = performance.now() + ms;
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(Math.max(1, Math.floor(end - performance.now())));
    } catch (error) {
      const pause = pauseAfter(error, attempt);
      if (pause === undefined || stop?.aborted || performance.now() + pause >= end) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

/** undefined: not again. */
function pauseAfter(error: unknown, attempt: number): number | undefined {
  if (!(error instanceof AssayError) || !AGAIN.has(error.code) || attempt >= ATTEMPTS) return undefined;
  const { retryAfterMs } = error.facts;
  return Math.max(FIRST_PAUSE_MS * 2 ** (attempt - 1), typeof retryAfterMs === 'number' ? retryAfterMs : 0);
}
