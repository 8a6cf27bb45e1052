import type { Address } from 'viem';
import type { Root } from '#core/hashing';
import { asAssayError, type AssayError } from '#core/protocol';
import type { BatchedClaim, BatchRecord, BatchStore, Fence, JobChange, Landing } from '#io/storage';
import { Rounds, type Logger } from '#platform';
import { planBatch, type BatchPlan } from './batch-plan.js';

export interface BatcherParts {
  readonly batches: Pick<BatchStore, 'unbatched' | 'fix' | 'intend' | 'dissolve' | 'forsake' | 'notLanded' | 'land'>;
  readonly ledger: BatchLedger;
  readonly intervalMs: number;
  readonly maxClaims: number;
  readonly now: () => number;
  readonly log: Logger;
  /** Held as long as this runs; left out by a process that is alone. */
  readonly fence?: Fence;
}

/** What batching needs from the chain. */
export interface BatchLedger {
  commit(plan: Omit<BatchPlan, 'leaves'> & { count: number }, nonce: number): Promise<Landing>;
  /**
   * Where the root landed, if it did, as far as whoever answers knows. With `upTo` it is certain for the blocks up to that one.
   * @throws AssayError CHAIN_UNREACHABLE where that is not certain
   */
  find(root: Root, upTo?: bigint): Promise<Landing | undefined>;
  numbers(): Promise<AccountNumbers>;
  /** What this coordinator's bond can still answer for, in the token's smallest unit. */
  room(): Promise<bigint>;
  /** True if the executor answers for nothing any more: it has no stake. */
  hasNoStake(executor: Address): Promise<boolean>;
  /** Uses up a transaction number without effect. */
  burn(nonce: number): Promise<void>;
}

/** The account's transaction numbers: those below `mined` are used up, those below `pending` are used up or under way. */
export interface AccountNumbers {
  readonly mined: number;
  readonly pending: number;
  /** Where that was so. SAFETY: the next question may be answered by a node that does not have it. */
  readonly block: bigint;
}

/** An account for whose sake the contract refused a batch is left out for so long. */
const HOLD_BACK_MS = 30_000;

/**
 * Puts answered claims into batches and the batches on chain, one at a time.
 * INVARIANT: a batch is stored, with the number of its transaction, before that is sent. It is sent under another number, or taken
 * apart, only when that one is used up and the chain does not have the batch: it lands at most once, whichever process dies or wakes up when.
 */
export class Batcher {
  private answers = 0;
  private readonly heldBack = new Map<string, number>();
  private readonly rounds = new Rounds(() => this.round());

  constructor(private readonly parts: BatcherParts) {}

  start(): void {
    this.rounds.start();
  }

  /** Counts answers; a full batch does not wait for the interval. */
  note({ jobIds, state }: JobChange): void {
    if (state !== 'answered') return;
    this.answers += jobIds.length;
    if (this.isDue) this.rounds.wake();
  }

  /** Waits for the batch under way; claims not batched yet wait in the store. */
  stop(): Promise<void> {
    return this.rounds.stop();
  }

  private get isDue(): boolean {
    return this.answers >= this.parts.maxClaims;
  }

  private async round(): Promise<number> {
    this.answers = 0;
    await this.batch().catch((thrown: unknown) => {
      const { code, message, facts } = asAssayError(thrown);
      this.parts.log.error({ event: 'batch.failed', code, facts, err: thrown }, `no batch this time: ${message}`);
    });
    return this.isDue ? 0 : this.parts.intervalMs;
  }

  private async batch(): Promise<void> {
    for (const batch of await this.parts.batches.notLanded()) await this.resume(batch);
    const claims = await this.parts.batches.unbatched(this.parts.maxClaims);
    if (claims.length === 0) return;
    const room = await this.parts.ledger.room();
    const plan = planBatch(claims.filter((claim) => !this.isHeldBack(claim)), room);
    if (!plan) return this.parts.log.warn({ event: 'batch.none', waiting: claims.length, room }, 'no claim fits a batch now: the bond answers for no more until earlier batches are final, or their accounts are held back');
    const batch = await this.parts.batches.fix({ ...plan, now: new Date(this.parts.now()), fence: this.parts.fence });
    this.parts.log.info({ event: 'batch.fixed', seq: batch.seq, root: batch.root, count: batch.count }, 'batch made');
    await this.send(batch);
  }

  /** A batch whose fate is unknown: from an earlier process, after a failed attempt, or after a reorganisation of the chain. */
  private async resume(batch: BatchRecord): Promise<void> {
    const landing = await this.parts.ledger.find(batch.root);
    if (landing) await this.landed(batch, landing);
    else await this.send(batch);
  }

  private async send(batch: BatchRecord): Promise<void> {
    const { root, count, totals, charges } = batch;
    const nonce = await this.intended(batch);
    if (nonce === undefined) return;
    try {
      await this.landed(batch, await this.parts.ledger.commit({ root, count, totals, charges }, nonce));
    } catch (thrown) {
      const error = asAssayError(thrown);
      // WHY only then: anything but a refusal by the contract leaves the batch's fate open.
      if (error.code === 'CHAIN_REVERTED') await this.refused({ ...batch, nonce }, error, batch.nonce !== undefined);
      else throw error;
    }
  }

  /** The number for the batch's transaction, written down; undefined if it landed meanwhile, or must wait for another transaction. */
  private async intended(batch: BatchRecord): Promise<number | undefined> {
    const { batches, ledger, log, fence } = this.parts;
    const { mined, pending, block } = await ledger.numbers();
    if (batch.nonce !== undefined && batch.nonce >= mined) {
      await batches.intend(batch.seq, batch.nonce, fence);
      // WHY: a reorganisation took what was below it, and nobody sends that again.
      for (let free = mined; free < batch.nonce; free++) await ledger.burn(free);
      return batch.nonce;
    }
    // WHY again: it may have been mined after we looked for it. SAFETY: whoever is behind that block does not show what used the number up.
    const landing = await ledger.find(batch.root, batch.nonce === undefined ? undefined : block);
    if (landing) return void (await this.landed(batch, landing));
    if (pending > mined) return void log.warn({ event: 'batch.waiting', seq: batch.seq }, 'a transaction of this account is under way; looking again later');
    await batches.intend(batch.seq, mined, fence);
    return mined;
  }

  private async landed(batch: BatchRecord, landing: Landing): Promise<void> {
    await this.parts.batches.land(batch.root, landing, new Date(this.parts.now()));
    this.parts.log.info({ event: 'batch.committed', seq: batch.seq, batchId: landing.batchId, count: batch.count, root: batch.root, txHash: landing.transaction, block: landing.block }, 'batch on chain');
  }

  /** @param sentBefore whether its transaction may wait in some node's pool, where it could still succeed */
  private async refused(batch: BatchRecord & { nonce: number }, error: AssayError, sentBefore: boolean): Promise<void> {
    const culprit = culpritOf(error, batch);
    if (!culprit) throw error;
    if (sentBefore) {
      const { ledger } = this.parts;
      const { mined, block } = await ledger.numbers();
      if (mined <= batch.nonce) await ledger.burn(batch.nonce);
      const landing = await ledger.find(batch.root, block);
      if (landing) return this.landed(batch, landing);
    }
    const { batches, fence, log } = this.parts;
    this.heldBack.set(culprit, this.parts.now() + HOLD_BACK_MS);
    await batches.dissolve(batch.seq, new Date(this.parts.now()), fence);
    log.warn({ event: 'batch.refused', seq: batch.seq, account: culprit, facts: error.facts }, `the contract refused the batch because of ${culprit}: ${error.message}`);
    const isExecutor = batch.totals.some(({ executor }) => executor.toLowerCase() === culprit);
    if (!isExecutor || !(await this.parts.ledger.hasNoStake(culprit))) return;
    const jobs = await batches.forsake(culprit, new Date(this.parts.now()), fence);
    log.warn({ event: 'claims.forsaken', executor: culprit, jobs: jobs.length }, 'an executor lost its stake before its claims were on chain; others run those jobs');
  }

  private isHeldBack({ claim, request }: BatchedClaim): boolean {
    const now = this.parts.now();
    return [claim.executor, request.submitter].some((account) => (this.heldBack.get(account.toLowerCase()) ?? 0) > now);
  }
}

/** The account in the batch that the contract's error names: an executor without stake, a submitter without balance. */
function culpritOf(error: AssayError, batch: BatchRecord): Address | undefined {
  const args = Array.isArray(error.facts['args']) ? error.facts['args'].map((arg) => String(arg).toLowerCase()) : [];
  const accounts = [...batch.totals.map((total) => total.executor), ...batch.charges.map((charge) => charge.submitter)];
  return accounts.map((account) => account.toLowerCase() as Address).find((account) => args.includes(account));
}
