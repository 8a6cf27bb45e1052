import type { Address, Hex } from 'viem';
import type { Root } from '#core/hashing';
import { AssayError, type JobState, type Request } from '#core/protocol';
import type { JobChanges } from './changes.js';
import { readRequest, toJson, wei, type Charge, type ExecutorTotal } from './codec.js';
import type { Prisma, PrismaClient } from './generated/client.js';
import { moveIn } from './jobs.js';
import { requireHeld, type Fence } from './roles.js';
import { batchRecord, claimRecord, type BatchRecord, type ClaimRecord, type Landing } from './records.js';

export interface NewBatch {
  readonly root: Root;
  /** Claim digests in leaf order. */
  readonly leaves: readonly Root[];
  readonly totals: readonly ExecutorTotal[];
  readonly charges: readonly Charge[];
  readonly now: Date;
  readonly fence?: Fence | undefined;
}

/** A claim with the request it answers. */
export interface BatchedClaim extends ClaimRecord {
  readonly request: Request;
  readonly requestSignature: Hex;
}

/** Questions about claims in batches, and what happens to a batch. */
export class BatchStore {
  constructor(
    private readonly prisma: PrismaClient,
    private readonly changes: JobChanges,
  ) {}

  /** Claims that stand and are in no batch, oldest first. */
  async unbatched(limit: number): Promise<BatchedClaim[]> {
    const rows = await this.prisma.claim.findMany({
      where: { batchSeq: null, job: { state: { in: ['answered', 'upheld'] } } },
      orderBy: [{ answeredAt: 'asc' }, { digest: 'asc' }],
      take: limit,
      include: { job: true },
    });
    return rows.filter((row) => row.job.claimDigest === row.digest).map(batchedClaim);
  }

  /**
   * answered → batched, all or nothing: from here on the batch's content never changes, whatever becomes of its transaction.
   * @throws AssayError STATE_CONFLICT if one of the claims moved meanwhile
   */
  async fix(batch: NewBatch): Promise<BatchRecord> {
    const jobIds = await this.jobIdsOf(batch.leaves);
    const row = await this.prisma.$transaction(async (tx) => {
      const { root, totals, charges, now } = batch;
      await requireHeld(tx, batch.fence);
      const created = await tx.batch.create({ data: { root, count: batch.leaves.length, totals: toJson(totals), charges: toJson(charges), state: 'fixed', fixedAt: now } });
      // WHY raw: one statement for a thousand claims instead of a thousand.
      const placed = await tx.$executeRaw`UPDATE "Claim" SET "batchSeq" = ${created.seq}, "leafIndex" = leaf.position - 1
        FROM unnest(${[...batch.leaves]}::text[]) WITH ORDINALITY AS leaf(digest, position) WHERE "Claim"."digest" = leaf.digest AND "Claim"."batchSeq" IS NULL`;
      const moved = await moveIn(tx, jobIds, 'batched', { from: ['answered', 'upheld'], data: { updatedAt: now } });
      if (moved !== batch.leaves.length || placed !== batch.leaves.length) throw new AssayError({ code: 'STATE_CONFLICT', message: 'a claim moved while its batch was made', facts: { claims: batch.leaves.length, placed, moved } });
      return created;
    });
    this.changes.publish(jobIds, 'batched');
    return batchRecord(row);
  }

  /**
   * batched → answered: takes a batch apart again. Only for one whose transaction certainly never was, and never will be, on chain.
   * Claims in dispute meanwhile lose their place too; they are batched again once upheld.
   */
  async dissolve(seq: number, now: Date, fence?: Fence): Promise<void> {
    const moved = await this.prisma.$transaction(async (tx) => {
      await requireHeld(tx, fence);
      const { count } = await tx.batch.updateMany({ where: { seq, state: 'fixed' }, data: { state: 'fixed' } });
      if (count === 0) throw new AssayError({ code: 'STATE_CONFLICT', message: 'the batch is on chain', facts: { seq } });
      const ids = await standingIn(tx, { seq }, 'batched');
      await tx.claim.updateMany({ where: { batchSeq: seq }, data: { batchSeq: null, leafIndex: null } });
      await tx.batch.delete({ where: { seq } });
      await moveIn(tx, ids, 'answered', { from: ['batched'], data: { updatedAt: now } });
      return ids;
    });
    this.changes.publish(moved, 'answered');
  }

  /**
   * answered | upheld → accepted for the jobs whose standing claim is this executor's and in no batch: somebody else runs them, for the same fee.
   * @returns the jobs
   */
  async forsake(executor: Address, now: Date, fence?: Fence): Promise<Root[]> {
    const moved = await this.prisma.$transaction(async (tx) => {
      await requireHeld(tx, fence);
      const rows = await tx.claim.findMany({ where: { executor: executor.toLowerCase(), batchSeq: null, job: { state: { in: ['answered', 'upheld'] } } }, select: { digest: true, jobId: true, job: { select: { claimDigest: true } } } });
      const ids = rows.filter((row) => row.job.claimDigest === row.digest).map((row) => row.jobId as Root);
      await moveIn(tx, ids, 'accepted', { from: ['answered', 'upheld'], data: { executor: null, claimDigest: null, tried: { push: executor.toLowerCase() }, updatedAt: now } });
      return ids;
    });
    this.changes.publish(moved, 'accepted');
    return moved;
  }

  /** Batches not known to be on chain, oldest first. */
  async notLanded(): Promise<BatchRecord[]> {
    return (await this.prisma.batch.findMany({ where: { state: 'fixed' }, orderBy: { seq: 'asc' } })).map(batchRecord);
  }

  /** batched → challengeable for its jobs. False if the root is no batch of ours, or had landed before. */
  async land(root: Root, landing: Landing, now: Date): Promise<boolean> {
    const { batchId, transaction, block, committedAt } = landing;
    const jobIds = await this.prisma.$transaction(async (tx) => {
      const { count } = await tx.batch.updateMany({ where: { root, state: 'fixed' }, data: { state: 'landed', chainId: batchId, transaction, committedBlock: block, committedAt } });
      if (count === 0) return undefined;
      const ids = await standingIn(tx, { root }, 'batched');
      await moveIn(tx, ids, 'challengeable', { from: ['batched'], data: { updatedAt: now } });
      return ids;
    });
    this.changes.publish(jobIds ?? [], 'challengeable');
    return jobIds !== undefined;
  }

  /**
   * Writes down, before it is sent, which transaction number of the account the batch's commit has.
   * WHY: whoever sends the batch again uses the same number, so the chain takes one of them at most, whichever process sent it.
   * @throws AssayError STATE_CONFLICT if the role is lost or the batch is not to be sent
   */
  async intend(seq: number, nonce: number, fence?: Fence): Promise<void> {
    await this.prisma.$transaction(async (tx) => {
      await requireHeld(tx, fence);
      const { count } = await tx.batch.updateMany({ where: { seq, state: 'fixed' }, data: { nonce } });
      if (count === 0) throw new AssayError({ code: 'STATE_CONFLICT', message: 'the batch is not to be sent', facts: { seq } });
    });
  }

  /**
   * Undoes landings in blocks from `block` on, which a reorganisation took: challengeable → batched, the batch is to be sent again.
   * Jobs in dispute keep their state; the disputes of those blocks are undone by themselves.
   * @returns the batches
   */
  async unland(block: bigint, now: Date, fence?: Fence): Promise<number[]> {
    const { seqs, ids } = await this.prisma.$transaction(async (tx) => {
      await requireHeld(tx, fence);
      const rows = await tx.batch.findMany({ where: { state: 'landed', committedBlock: { gte: block } }, select: { seq: true } });
      const seqs = rows.map((row) => row.seq);
      await tx.batch.updateMany({ where: { seq: { in: seqs } }, data: { state: 'fixed', chainId: null, transaction: null, committedBlock: null, committedAt: null } });
      const ids = await standingIn(tx, { seq: { in: seqs } }, 'challengeable');
      await moveIn(tx, ids, 'batched', { from: ['challengeable'], data: { updatedAt: now } });
      return { seqs, ids };
    });
    this.changes.publish(ids, 'batched');
    return seqs;
  }

  /** Landed batches committed at or before `committedAt` (seconds, chain time), oldest first. */
  async pastWindow(committedAt: bigint): Promise<BatchRecord[]> {
    return (await this.prisma.batch.findMany({ where: { state: 'landed', committedAt: { lte: committedAt } }, orderBy: { seq: 'asc' } })).map(batchRecord);
  }

  /**
   * challengeable | upheld → final for the jobs whose claim of this batch has no open dispute.
   * The batch is final once none of its claims is in dispute.
   */
  async finalize(seq: number, now: Date): Promise<Root[]> {
    const jobIds = await this.prisma.$transaction(async (tx) => {
      const claims = await tx.claim.findMany({ where: { batchSeq: seq, job: { state: { in: ['challengeable', 'upheld', 'disputed'] } } }, include: { job: { select: { claimDigest: true, state: true } } } });
      const standing = claims.filter((claim) => claim.job.claimDigest === claim.digest);
      const ids = standing.filter((claim) => claim.job.state !== 'disputed').map((claim) => claim.jobId as Root);
      await moveIn(tx, ids, 'final', { data: { updatedAt: now } });
      if (ids.length === standing.length) await tx.batch.update({ where: { seq }, data: { state: 'final' } });
      return ids;
    });
    this.changes.publish(jobIds, 'final');
    return jobIds;
  }

  /** Insured value and fees of an executor's standing claims that no batch on chain holds yet. */
  async promisedBy(executor: Address): Promise<{ readonly insuredValue: bigint; readonly fee: bigint }> {
    // WHY two questions: with OR the database reads every claim that the executor ever made.
    const sums = await Promise.all(
      [{ batchSeq: null }, { batch: { state: 'fixed' as const } }].map((place) =>
        this.prisma.claim.aggregate({ where: { executor: executor.toLowerCase(), ...place, job: { state: { not: 'overturned' } } }, _sum: { insured: true, fee: true } }),
      ),
    );
    const total = (of: 'insured' | 'fee') => sums.reduce((sum, { _sum }) => sum + wei(_sum[of]), 0n);
    return { insuredValue: total('insured'), fee: total('fee') };
  }

  async bySeq(seq: number): Promise<BatchRecord | undefined> {
    const row = await this.prisma.batch.findUnique({ where: { seq } });
    return row ? batchRecord(row) : undefined;
  }

  async byChainId(batchId: bigint): Promise<BatchRecord | undefined> {
    // WHY: anybody may ask, for any number; the database refuses one that its column cannot hold.
    if (batchId > MAX_CHAIN_ID) return undefined;
    const row = await this.prisma.batch.findUnique({ where: { chainId: batchId } });
    return row ? batchRecord(row) : undefined;
  }

  /** Newest first. */
  async recent(limit: number): Promise<BatchRecord[]> {
    return (await this.prisma.batch.findMany({ orderBy: { seq: 'desc' }, take: limit })).map(batchRecord);
  }

  /** Newest first, those made before the batch `before`. */
  async page(limit: number, before?: number): Promise<BatchRecord[]> {
    const where = before === undefined ? {} : { seq: { lt: before } };
    return (await this.prisma.batch.findMany({ where, orderBy: { seq: 'desc' }, take: limit })).map(batchRecord);
  }

  /** Claims of a batch in leaf order. */
  async claimsOf(seq: number, from: number, limit: number): Promise<BatchedClaim[]> {
    if (from > MAX_LEAF) return [];
    const rows = await this.prisma.claim.findMany({ where: { batchSeq: seq, leafIndex: { gte: from } }, orderBy: { leafIndex: 'asc' }, take: limit, include: { job: true } });
    return rows.map(batchedClaim);
  }

  /** Claims with a fee that a submitter's charge is for: in batches with these ids on chain, in ascending order of job ids. */
  async chargedTo(submitter: Address, range: { readonly after: bigint; readonly upTo: bigint; readonly afterJob: Root; readonly limit: number }): Promise<(BatchedClaim & { readonly batchId: bigint })[]> {
    const rows = await this.prisma.claim.findMany({
      where: { jobId: { gt: range.afterJob }, fee: { gt: 0 }, job: { submitter: submitter.toLowerCase() }, batch: { chainId: { gt: range.after, lte: range.upTo } } },
      orderBy: { jobId: 'asc' },
      take: range.limit,
      include: { job: true, batch: { select: { chainId: true } } },
    });
    return rows.map((row) => ({ ...batchedClaim(row), batchId: row.batch!.chainId! }));
  }

  /** All claim digests of a batch in leaf order. */
  async leavesOf(seq: number): Promise<Root[]> {
    const rows = await this.prisma.claim.findMany({ where: { batchSeq: seq }, orderBy: { leafIndex: 'asc' }, select: { digest: true } });
    return rows.map((row) => row.digest as Root);
  }

  private async jobIdsOf(digests: readonly Root[]): Promise<Root[]> {
    const rows = await this.prisma.claim.findMany({ where: { digest: { in: [...digests] } }, select: { jobId: true } });
    return rows.map((row) => row.jobId as Root);
  }
}

/** The column's type is a signed number of 64 bits. */
const MAX_CHAIN_ID = 2n ** 63n - 1n;
/** And of 32 bits. */
const MAX_LEAF = 2 ** 31 - 1;

/** Jobs in the state whose answer is in such a batch. WHY the answer: a claim that was overturned stays in its batch, while its job goes on under another. */
async function standingIn(tx: Pick<PrismaClient, 'claim'>, batch: Prisma.BatchWhereInput, state: JobState): Promise<Root[]> {
  const rows = await tx.claim.findMany({ where: { batch, job: { state } }, select: { jobId: true, digest: true, job: { select: { claimDigest: true } } } });
  return rows.filter((row) => row.job.claimDigest === row.digest).map((row) => row.jobId as Root);
}

type ClaimWithJob = Parameters<typeof claimRecord>[0] & { job: { request: unknown; signature: string } };

function batchedClaim(row: ClaimWithJob): BatchedClaim {
  const request = readRequest(row.job.request);
  return { ...claimRecord(row, request), request, requestSignature: row.job.signature as Hex };
}
