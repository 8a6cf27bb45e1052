import type { Address } from 'viem';
import type { Root } from '#core/hashing';
import type { JobState } from '#core/protocol';
import type { JobChanges } from './changes.js';
import type { PrismaClient } from './generated/client.js';
import { moveIn } from './jobs.js';
import { requireHeld, type Fence } from './roles.js';

export interface OpenedDispute {
  readonly gameId: Root;
  readonly claimDigest: Root;
  readonly challenger: Address;
  /** Block of the event. */
  readonly block?: bigint;
  readonly now: Date;
}

export interface DisputeRecord {
  readonly gameId: Root;
  readonly claimDigest: Root;
  readonly challenger: Address;
  readonly state: 'open' | 'upheld' | 'overturned';
  readonly openedBlock: bigint;
  /** undefined if the claim is not of this coordinator. */
  readonly jobId: Root | undefined;
}

export interface DisputeQuery {
  readonly state: DisputeRecord['state'] | undefined;
  /** Where the page before ended. */
  readonly before: { readonly block: bigint; readonly gameId: string } | undefined;
  readonly limit: number;
}

/** What chain events about disputes do to jobs. Every method may be called again with the same event. */
export class DisputeStore {
  constructor(
    private readonly prisma: PrismaClient,
    private readonly changes: JobChanges,
  ) {}

  /** The claim's job → disputed. Disputes about claims that are not ours are noted and change no job. */
  async opened({ gameId, claimDigest, challenger, block = 0n, now }: OpenedDispute): Promise<void> {
    const jobId = await this.prisma.$transaction(async (tx) => {
      const { count } = await tx.dispute.createMany({ data: [{ gameId, claimDigest, challenger: challenger.toLowerCase(), state: 'open', openedBlock: block }], skipDuplicates: true });
      if (count === 0) return undefined;
      const job = await tx.job.findUnique({ where: { claimDigest }, select: { id: true } });
      if (!job) return undefined;
      const moved = await moveIn(tx, [job.id as Root], 'disputed', { data: { updatedAt: now } });
      return moved > 0 ? (job.id as Root) : undefined;
    });
    this.changes.publish(jobId ? [jobId] : [], 'disputed');
  }

  /**
   * The game's end. If the executor lost: disputed → overturned, free of charge from now on, and whoever answered it is not asked again;
   * the first proven fraud settles the claim. Else disputed → upheld once no other game against the claim is open.
   * WHY those that failed it may be asked again: what is owed must not be given up for an outage before it was answered.
   */
  async ended(gameId: Root, outcome: 'upheld' | 'overturned', now: Date): Promise<void> {
    const jobId = await this.prisma.$transaction(async (tx) => {
      const { count } = await tx.dispute.updateMany({ where: { gameId, state: 'open' }, data: { state: outcome } });
      const dispute = count === 0 ? null : await tx.dispute.findUnique({ where: { gameId } });
      const job = dispute && (await tx.job.findUnique({ where: { claimDigest: dispute.claimDigest }, select: { id: true, claims: { select: { executor: true } } } }));
      if (!dispute || !job) return undefined;
      if (outcome === 'upheld' && (await tx.dispute.count({ where: { claimDigest: dispute.claimDigest, state: 'open' } })) > 0) return undefined;
      const verdict = outcome === 'upheld' ? {} : { fee: 0, executor: null, tried: [...new Set(job.claims.map(({ executor }) => executor))] };
      const moved = await moveIn(tx, [job.id as Root], outcome, { data: { ...verdict, updatedAt: now } });
      return moved > 0 ? (job.id as Root) : undefined;
    });
    this.changes.publish(jobId ? [jobId] : [], outcome);
  }

  /**
   * Undoes games opened in blocks from `block` on, which a reorganisation took, and that are not over: their jobs go back to where
   * they were. A game that ended has had its effect; if it is played again on the new chain, it ends as its evidence says.
   */
  async unopen(block: bigint, now: Date, fence?: Fence): Promise<void> {
    const moved = await this.prisma.$transaction(async (tx) => {
      await requireHeld(tx, fence);
      const games = await tx.dispute.findMany({ where: { state: 'open', openedBlock: { gte: block } } });
      await tx.dispute.deleteMany({ where: { gameId: { in: games.map((game) => game.gameId) } } });
      const moved: { jobId: Root; state: JobState }[] = [];
      for (const claimDigest of new Set(games.map((game) => game.claimDigest))) {
        const state = await this.stateWithout(tx, claimDigest);
        const job = state && (await tx.job.findUnique({ where: { claimDigest }, select: { id: true } }));
        if (job && (await moveIn(tx, [job.id as Root], state, { from: ['disputed'], data: { updatedAt: now } })) > 0) moved.push({ jobId: job.id as Root, state });
      }
      return moved;
    });
    for (const { jobId, state } of moved) this.changes.publish([jobId], state);
  }

  /** Where the job of a claim is that nobody disputes; undefined while somebody does. */
  private async stateWithout(tx: Pick<PrismaClient, 'dispute' | 'claim'>, claimDigest: string): Promise<JobState | undefined> {
    const others = await tx.dispute.findMany({ where: { claimDigest } });
    if (others.some((game) => game.state === 'open')) return undefined;
    if (others.some((game) => game.state === 'upheld')) return 'upheld';
    const claim = await tx.claim.findUnique({ where: { digest: claimDigest }, select: { batch: { select: { state: true } } } });
    if (!claim?.batch) return 'answered';
    return claim.batch.state === 'fixed' ? 'batched' : 'challengeable';
  }

  /** Newest first. */
  async page({ state, before, limit }: DisputeQuery): Promise<DisputeRecord[]> {
    const where = {
      ...(state ? { state } : {}),
      ...(before ? { OR: [{ openedBlock: { lt: before.block } }, { openedBlock: before.block, gameId: { lt: before.gameId } }] } : {}),
    };
    const games = await this.prisma.dispute.findMany({ where, orderBy: [{ openedBlock: 'desc' }, { gameId: 'desc' }], take: limit });
    const claims = await this.prisma.claim.findMany({ where: { digest: { in: games.map((game) => game.claimDigest) } }, select: { digest: true, jobId: true } });
    const jobs = new Map(claims.map((claim) => [claim.digest, claim.jobId as Root]));
    return games.map((game) => ({ gameId: game.gameId as Root, claimDigest: game.claimDigest as Root, challenger: game.challenger as Address, state: game.state, openedBlock: game.openedBlock, jobId: jobs.get(game.claimDigest) }));
  }

  /** Number of games that are not over. */
  async open(): Promise<number> {
    return this.prisma.dispute.count({ where: { state: 'open' } });
  }
}
