import { asAssayError } from '#core/protocol';
import type { PayloadStore } from '#io/messaging';
import type { Fence, RetentionStore } from '#io/storage';
import { Rounds, type Logger } from '#platform';
import type { Duty } from '../roles/role-keeper.js';

export interface CleanerParts {
  readonly retention: Pick<RetentionStore, 'clear'>;
  readonly payloads: Pick<PayloadStore, 'removeTensor'>;
  /** How long inputs and outputs are kept after a job's end. */
  readonly retentionMs: number;
  readonly now: () => number;
  readonly log: Logger;
  /** Held as long as this runs; left out by a process that is alone. */
  readonly fence?: Fence;
}

/** Jobs cleared at once. */
const MAX_JOBS = 256;
const EVERY_MS = 60_000;
/** Where one pass did not do it. */
const NEXT_MS = 1_000;

/** Removes inputs and outputs of jobs that ended long ago, from the database and then from the broker. */
export class Cleaner implements Duty {
  private readonly rounds = new Rounds(() => this.round());

  constructor(private readonly parts: CleanerParts) {}

  start(): void {
    this.rounds.start();
  }

  stop(): Promise<void> {
    return this.rounds.stop();
  }

  private round(): Promise<number> {
    return this.pass().catch((err: unknown) => {
      this.parts.log.warn({ event: 'retention.failed', code: asAssayError(err).code, err }, 'old inputs and outputs could not be removed; trying again');
      return EVERY_MS;
    });
  }

  /** @returns milliseconds until the next */
  private async pass(): Promise<number> {
    const { retention, retentionMs, now, log, fence } = this.parts;
    const { jobs, tensors } = await retention.clear({ before: new Date(now() - retentionMs), limit: MAX_JOBS, now: new Date(now()), fence });
    // WHY after the database: what a crash leaves here expires at the broker, and what only the broker lost is put there again.
    for (const root of tensors) {
      if (this.rounds.isStopping) break;
      await this.parts.payloads.removeTensor(root);
    }
    if (jobs > 0) log.info({ event: 'retention.cleared', jobs, tensors: tensors.length }, 'inputs and outputs of old jobs removed');
    return jobs === MAX_JOBS ? NEXT_MS : EVERY_MS;
  }
}
