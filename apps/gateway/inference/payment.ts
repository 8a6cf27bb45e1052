import { setTimeout as sleep } from 'node:timers/promises';
import { AssayError, hasAnswer, isTerminal } from '#core/protocol';
import type { KeyAccount, Reservation, SpendingBook } from '#io/keys';
import type { RemoteJob } from '#io/rpc';

/** Says what became of a job. */
export interface JobSource {
  job(jobId: Reservation['jobId']): Promise<RemoteJob>;
}

/** Codes that say something about the answer, not that there is no job: the job may well be charged. */
const AFTER_THE_ANSWER = ['CLAIM_INVALID', 'CLAIM_SIGNATURE_INVALID', 'RECEIPT_MALFORMED', 'RECEIPT_MISMATCH', 'MESSAGE_MALFORMED'];

/** True if the error means that the job was refused or failed, so that nobody will be charged for it. */
export function isUncharged(error: unknown): boolean {
  if (!(error instanceof AssayError) || AFTER_THE_ANSWER.includes(error.code)) return false;
  return error.kind === 'invalid' || error.kind === 'refused' || error.code === 'QUEUE_FULL';
}

/**
 * Asks what became of a job whose fee is not known, and settles it if that is decided.
 * WHY also when nobody knows the job: until its deadline a copy of the request may still arrive.
 */
export async function settleLate(account: KeyAccount, { jobId, request }: Reservation, { source, now }: { source: JobSource; now: number }): Promise<void> {
  const job = await source.job(jobId).catch((error: unknown) => {
    if (error instanceof AssayError && error.code === 'JOB_UNKNOWN') return undefined;
    throw error;
  });
  // WHY not yet where it was called off: the same request may come again, and is answered then.
  if (!job || job.state === 'cancelled') {
    if (BigInt(Math.floor(now / 1000)) > request.deadline) await account.settle(jobId, 0n);
  } else if (job.claim) await account.settle(jobId, job.claim.fee);
  else if (isTerminal(job.state) && !hasAnswer(job.state)) await account.settle(jobId, 0n);
}

export interface LatePartsOf {
  readonly spending: SpendingBook;
  readonly keyIds: () => Promise<readonly string[]>;
  readonly source: JobSource;
  readonly now: () => number;
  readonly everyMs: number;
  readonly warn: (error: unknown) => void;
}

/** Settles, now and then, what calls left open: the caller went away, the coordinator did, or this process did. */
export function settleNowAndThen(parts: LatePartsOf, signal: AbortSignal): Promise<void> {
  const round = async () => {
    for (const keyId of await parts.keyIds()) {
      const account = await parts.spending.of(keyId);
      for (const open of account.unsettled) await settleLate(account, open, { source: parts.source, now: parts.now() });
    }
  };
  return (async () => {
    while (!signal.aborted) {
      await round().catch(parts.warn);
      await sleep(parts.everyMs, undefined, { signal }).catch(() => undefined);
    }
  })();
}
