import type { Root } from '#core/hashing';
import { isTerminal, JOB_STATES } from '#core/protocol';
import { Prisma, type PrismaClient } from './generated/client.js';
import { stateIn } from './jobs.js';
import { requireHeld, type Fence } from './roles.js';

export interface Clearing {
  /** Jobs that ended before this have been kept long enough. */
  readonly before: Date;
  /** Jobs at once. */
  readonly limit: number;
  readonly now: Date;
  readonly fence?: Fence | undefined;
}

export interface Cleared {
  readonly jobs: number;
  /** Roots of the tensors removed. */
  readonly tensors: readonly Root[];
}

/** A tensor is as old as this more before it goes: its time of use may be behind by that much. */
const SLACK_MS = 3_600_000;
const ENDED = JOB_STATES.filter(isTerminal);
const UNDER_WAY = JOB_STATES.filter((state) => !isTerminal(state) && state !== 'cancelled');

/**
 * Removes the tensors of jobs that ended long ago. Job, claims and batch stay: receipts, proofs and the nonces of requests rest on them.
 * INVARIANT: no tensor goes that a job names which has not ended, ended too short a while ago, may come back, or has a claim in an open dispute.
 */
export class RetentionStore {
  constructor(private readonly prisma: PrismaClient) {}

  /** One bounded pass, all or nothing. @throws AssayError STATE_CONFLICT if the role is lost */
  async clear({ before, limit, now, fence }: Clearing): Promise<Cleared> {
    const over = Prisma.sql`${before}::timestamp`;
    const unused = new Date(before.getTime() - SLACK_MS);
    // A cancelled job comes back with its request, as long as that is in time.
    const comesBack = Prisma.sql`state = 'cancelled' AND deadline >= ${BigInt(Math.floor(before.getTime() / 1000))}`;
    return this.prisma.$transaction(async (tx) => {
      await requireHeld(tx, fence);
      const jobs = await tx.$queryRaw<{ id: string }[]>`
        SELECT id FROM "Job" WHERE "clearedAt" IS NULL AND ${stateIn([...ENDED, 'cancelled'])} AND "updatedAt" < ${over} AND NOT (${comesBack})
          AND NOT EXISTS (SELECT 1 FROM "Claim" c JOIN "Dispute" d ON d."claimDigest" = c.digest WHERE c."jobId" = "Job".id AND d.state = 'open')
        ORDER BY "updatedAt" LIMIT ${limit}`;
      const ids = jobs.map(({ id }) => id);
      // WHY only jobs accepted before: what a later one brought has a later time of use.
      const removed = await tx.$queryRaw<{ root: Root }[]>`
        WITH candidate AS (
          SELECT unnest(inputs) AS root FROM "Job" WHERE id = ANY(${ids}::text[])
          UNION SELECT unnest(outputs) FROM "Claim" WHERE "jobId" = ANY(${ids}::text[])
        ), needed AS (
          SELECT id, inputs FROM "Job" WHERE "acceptedAt" < ${over} AND ${stateIn(UNDER_WAY)}
          UNION ALL SELECT id, inputs FROM "Job" WHERE "clearedAt" IS NULL AND "acceptedAt" < ${over} AND "updatedAt" >= ${over}
          UNION ALL SELECT id, inputs FROM "Job" WHERE "clearedAt" IS NULL AND ${comesBack}
          UNION ALL SELECT j.id, j.inputs FROM "Dispute" d JOIN "Claim" c ON c.digest = d."claimDigest" JOIN "Job" j ON j.id = c."jobId" WHERE d.state = 'open'
        ), kept AS (
          SELECT unnest(inputs) AS root FROM needed UNION SELECT unnest(outputs) FROM "Claim" JOIN needed ON needed.id = "Claim"."jobId"
        )
        DELETE FROM "Tensor" WHERE "usedAt" < ${unused}::timestamp AND root IN (SELECT root FROM candidate EXCEPT SELECT root FROM kept) RETURNING root`;
      await tx.job.updateMany({ where: { id: { in: ids } }, data: { clearedAt: now } });
      return { jobs: ids.length, tensors: removed.map(({ root }) => root) };
    });
  }
}
