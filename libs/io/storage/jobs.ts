import type { Address, Hex } from 'viem';
import { encodeHeader, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { AssayError, INITIAL_STATE, statesBefore, type Claim, type JobState, type Request } from '#core/protocol';
import type { JobChanges } from './changes.js';
import { toJson, wei } from './codec.js';
import { Prisma, type PrismaClient } from './generated/client.js';
import { Groups } from './groups.js';
import { isOutage } from './outage.js';
import { claimRecord, jobRecord, type ClaimRecord, type JobRecord } from './records.js';
import { holds, type Fence } from './roles.js';

export interface NewJob {
  readonly jobId: Root;
  readonly request: Request;
  readonly signature: Hex;
  readonly fee: bigint;
  readonly inputs: readonly Tensor[];
  readonly now: Date;
  /** What the submitter has on deposit. If given, it must cover this fee beside all that are not charged yet. */
  readonly deposit?: bigint;
}

/** Which assigner acts. Left out by a process that is alone with its database. */
interface Fenced {
  readonly fence?: Fence | undefined;
}

export interface Lease extends Fenced {
  readonly executor: Address;
  readonly until: Date;
  readonly now: Date;
}

export interface NewAnswer extends Fenced {
  readonly digest: Root;
  readonly claim: Claim;
  readonly signature: Hex;
  readonly outputs: readonly Tensor[];
  readonly now: Date;
}

/** Which jobs of a submitter; `before` is where the page before ended. */
export interface JobQuery {
  readonly submitter: Address;
  readonly states: readonly JobState[];
  readonly modelId: Root | undefined;
  readonly before: { readonly acceptedAt: Date; readonly jobId: Root } | undefined;
  readonly limit: number;
}

type Transaction = Omit<PrismaClient, '$connect' | '$disconnect' | '$on' | '$transaction' | '$extends'>;

/** Jobs of one submitter that are stored in one transaction. */
const MAX_ACCEPTED_AT_ONCE = 32;

/**
 * Questions about jobs, and the changes of their state.
 * INVARIANT: every update of `state` has the states of JOB_TRANSITIONS that lead to the new one in its condition,
 * so the database refuses what the table does not allow; the methods then return false or nothing.
 */
export class JobStore {
  private readonly accepting = new Groups<NewJob, boolean>({ work: (jobs) => this.insert(jobs), max: MAX_ACCEPTED_AT_ONCE, concernsAll: isOutage });

  constructor(
    private readonly prisma: PrismaClient,
    private readonly changes: JobChanges,
  ) {}

  /**
   * Stores a job with its input tensors before anybody is told that it was accepted, and reserves its fee.
   * The same request again gives the job there is; one that was cancelled waits again.
   * @throws AssayError NONCE_REUSED if the submitter's nonce belongs to another request; DEPOSIT_TOO_LOW
   */
  async accept(job: NewJob): Promise<JobRecord> {
    if (!(await this.accepting.run(job.request.submitter.toLowerCase(), job))) return this.sameJob(job);
    this.changes.publish([job.jobId], INITIAL_STATE);
    return freshRecord(job);
  }

  /** Jobs of one submitter. @returns for each whether it was stored */
  private async insert(jobs: readonly NewJob[]): Promise<boolean[]> {
    // WHY a lock: two jobs at once, here or in another process, must not be promised from the same deposit.
    // It comes in a statement of its own, so that the next ones see what was committed under it.
    const lock = this.prisma.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${jobs[0]!.request.submitter.toLowerCase()}, 1))`;
    const [, ...stored] = await this.prisma.$transaction([lock, ...jobs.map((job) => this.prisma.$executeRaw(jobInsert(job)))]);
    return stored.map((count) => count > 0);
  }

  /** Newest first. */
  async ofSubmitter({ submitter, states, modelId, before, limit }: JobQuery): Promise<JobRecord[]> {
    const where: Prisma.JobWhereInput = {
      submitter: submitter.toLowerCase(),
      ...(states.length > 0 ? { state: { in: [...states] } } : {}),
      ...(modelId ? { modelId } : {}),
      ...(before ? { OR: [{ acceptedAt: { lt: before.acceptedAt } }, { acceptedAt: before.acceptedAt, id: { lt: before.jobId } }] } : {}),
    };
    const rows = await this.prisma.job.findMany({ where, orderBy: [{ acceptedAt: 'desc' }, { id: 'desc' }], take: limit });
    return rows.map(jobRecord);
  }

  async byId(jobId: Root): Promise<JobRecord | undefined> {
    const row = await this.prisma.job.findUnique({ where: { id: jobId } });
    return row ? jobRecord(row) : undefined;
  }

  async byNonce(submitter: Address, nonce: bigint): Promise<JobRecord | undefined> {
    const row = await this.prisma.job.findUnique({ where: { submitter_nonce: { submitter: submitter.toLowerCase(), nonce: nonce.toString() } } });
    return row ? jobRecord(row) : undefined;
  }

  /**
   * Jobs that nobody works on, overturned ones among them. Fair between submitters: whoever has fewest with executors comes first,
   * and everybody's oldest before anybody's second.
   */
  async waiting(limit: number): Promise<JobRecord[]> {
    const rows = await this.prisma.$queryRaw<{ id: string }[]>`
      SELECT id FROM (
        SELECT w.id, w."acceptedAt", row_number() OVER (PARTITION BY w.submitter ORDER BY w."acceptedAt", w.id) + coalesce(o.count, 0) AS turn
        FROM "Job" w LEFT JOIN (SELECT submitter, count(*) AS count FROM "Job" WHERE state = 'assigned' GROUP BY submitter) o USING (submitter)
        WHERE w.state IN ('accepted', 'overturned')
      ) AS queue ORDER BY turn, "acceptedAt", id LIMIT ${limit}`;
    const jobs = await this.prisma.job.findMany({ where: { id: { in: rows.map(({ id }) => id) } } });
    const found = new Map(jobs.map((job) => [job.id, job]));
    return rows.flatMap(({ id }) => found.get(id) ?? []).map(jobRecord);
  }

  /** Jobs that nobody works on and whose deadline has passed; one that is run again for nothing is owed however late. */
  async overdue(now: Date, limit: number): Promise<JobRecord[]> {
    const deadline = { lte: BigInt(Math.floor(now.getTime() / 1000)) };
    const rows = await this.prisma.job.findMany({ where: { state: { in: ['accepted', 'overturned'] }, fee: { gt: 0 }, deadline }, take: limit });
    return rows.map(jobRecord);
  }

  /** Jobs whose executor kept them past the lease. */
  async leasesExpired(now: Date, limit: number): Promise<JobRecord[]> {
    const rows = await this.prisma.job.findMany({ where: { state: 'assigned', leaseUntil: { lt: now } }, take: limit });
    return rows.map(jobRecord);
  }

  /** Executors that ever answered the job, in lower case. */
  async claimants(jobId: Root): Promise<string[]> {
    const rows = await this.prisma.claim.findMany({ where: { jobId }, select: { executor: true } });
    return rows.map(({ executor }) => executor);
  }

  /** Number of jobs that wait for an answer, by submitter in lower case. */
  async unanswered(): Promise<Map<string, number>> {
    const rows = await this.prisma.job.groupBy({ by: ['submitter'], where: { state: { in: ['accepted', 'assigned', 'overturned'] } }, _count: { _all: true } });
    return new Map(rows.map((row) => [row.submitter, row._count._all]));
  }

  /** How many jobs are in each of the states that any is in. */
  async countByState(states: readonly JobState[]): Promise<Partial<Record<JobState, { readonly count: number }>>> {
    const rows = await this.prisma.job.groupBy({ by: ['state'], where: { state: { in: [...states] } }, _count: { _all: true } });
    return Object.fromEntries(rows.map((row) => [row.state, { count: row._count._all }]));
  }

  /** The same, and when the one that changed longest ago did. */
  async oldestByState(states: readonly JobState[]): Promise<Partial<Record<JobState, { readonly count: number; readonly oldest: Date }>>> {
    const rows = await this.prisma.job.groupBy({ by: ['state'], where: { state: { in: [...states] } }, _count: { _all: true }, _min: { updatedAt: true } });
    return Object.fromEntries(rows.map((row) => [row.state, { count: row._count._all, oldest: row._min.updatedAt }]));
  }

  /** Fees promised by a submitter that no batch on chain has charged yet. */
  async unchargedFees(submitter: Address): Promise<bigint> {
    const { _sum } = await this.prisma.job.aggregate({
      where: { submitter: submitter.toLowerCase(), state: { in: [...PROMISED] } },
      _sum: { fee: true },
    });
    return wei(_sum.fee);
  }

  /** accepted | overturned → assigned. False if somebody else was first, or `fence` is not the assigner's any more. */
  async lease(jobId: Root, { executor, until, now, fence }: Lease): Promise<boolean> {
    const moved = await this.prisma.$executeRaw`
      UPDATE "Job" SET state = 'assigned', executor = ${executor.toLowerCase()}, "leaseUntil" = ${until}, "leaseToken" = ${tokenOf(fence)}, "updatedAt" = ${now}
      WHERE id = ${jobId} AND ${stateIn(statesBefore('assigned'))} AND ${holds(fence)}`;
    if (moved > 0) this.changes.publish([jobId], 'assigned');
    return moved > 0;
  }

  /** assigned → accepted: the executor did not answer. With `askAgain` false it is not asked again for this job. */
  async release(jobId: Root, { executor, askAgain, now, fence }: Fenced & { executor: Address; askAgain: boolean; now: Date }): Promise<boolean> {
    const tried = askAgain ? {} : { tried: { push: executor.toLowerCase() } };
    return this.move(jobId, 'accepted', { from: ['assigned'], where: { executor: executor.toLowerCase(), ...leasedUnder(fence) }, data: { executor: null, leaseUntil: null, ...tried, updatedAt: now } });
  }

  /** assigned → accepted for every lease that an earlier holder of the role left: nobody waits for those executors' answers any more. */
  async reclaim(fence: Fence, now: Date): Promise<number> {
    const rows = await this.prisma.$queryRaw<{ id: Root }[]>`
      UPDATE "Job" SET state = 'accepted', executor = NULL, "leaseUntil" = NULL, "updatedAt" = ${now}
      WHERE state = 'assigned' AND "leaseToken" < ${fence.token} AND ${holds(fence)} RETURNING id`;
    this.changes.publish(rows.map(({ id }) => id), 'accepted');
    return rows.length;
  }

  /** assigned → answered: stores the claim and the outputs, if the executor still holds the lease. One statement, so all or nothing. */
  async answer(jobId: Root, answer: NewAnswer): Promise<boolean> {
    const { digest, claim, now, fence } = answer;
    const stored = await this.prisma.$executeRaw`
      WITH moved AS (
        UPDATE "Job" SET state = 'answered', "claimDigest" = ${digest}, "leaseUntil" = NULL, "updatedAt" = ${now}
        WHERE id = ${jobId} AND state = 'assigned' AND executor = ${claim.executor.toLowerCase()} AND "leaseToken" = ${tokenOf(fence)} RETURNING id
      ), kept AS (${tensorInsert(answer.outputs, { now, condition: Prisma.sql`EXISTS (SELECT 1 FROM moved)` })})
      ${claimInsert(answer)}`;
    if (stored > 0) this.changes.publish([jobId], 'answered');
    return stored > 0;
  }

  /** accepted | assigned → cancelled: nothing is charged, an answer that still comes is not used. */
  async cancel(jobId: Root, now: Date, reason = 'whoever waited for it left'): Promise<{ readonly executor: Address | undefined } | undefined> {
    const job = await this.byId(jobId);
    const moved = job !== undefined && (await this.move(jobId, 'cancelled', { data: { failureCode: 'JOB_CANCELLED', failureMessage: reason, leaseUntil: null, updatedAt: now } }));
    return moved ? { executor: job.executor } : undefined;
  }

  async fail(jobId: Root, failure: { code: string; message: string; now: Date }): Promise<boolean> {
    return this.move(jobId, 'failed', { data: { failureCode: failure.code, failureMessage: failure.message.slice(0, 2048), updatedAt: failure.now } });
  }

  async expire(jobId: Root, now: Date): Promise<boolean> {
    return this.move(jobId, 'expired', { data: { failureCode: 'REQUEST_EXPIRED', failureMessage: 'the deadline passed before an executor answered', updatedAt: now } });
  }

  /** The claim that answers the job now. */
  async claimOf(job: JobRecord): Promise<ClaimRecord | undefined> {
    if (!job.claimDigest) return undefined;
    const row = await this.prisma.claim.findUnique({ where: { digest: job.claimDigest } });
    return row ? claimRecord(row, job.request) : undefined;
  }

  private async move(jobId: Root, to: JobState, change: Change): Promise<boolean> {
    const moved = await moveIn(this.prisma, [jobId], to, change);
    if (moved > 0) this.changes.publish([jobId], to);
    return moved > 0;
  }

  /** Nothing was stored: the job is there already, the nonce is another's, or the money does not suffice. */
  private async sameJob(job: NewJob): Promise<JobRecord> {
    const { submitter, nonce } = job.request;
    const existing = await this.byNonce(submitter, nonce);
    if (!existing) throw await this.tooLow(job);
    if (existing.jobId !== job.jobId) throw new AssayError({ code: 'NONCE_REUSED', facts: { submitter, nonce, jobId: existing.jobId } });
    return existing.state === 'cancelled' ? this.revive(existing, job) : existing;
  }

  /** cancelled → accepted, if there is still money for it. */
  private async revive(existing: JobRecord, job: NewJob): Promise<JobRecord> {
    const change = { from: ['cancelled'], data: { executor: null, failureCode: null, failureMessage: null, updatedAt: job.now } } as const;
    const moved = await this.prisma.$transaction(async (tx) => {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${job.request.submitter.toLowerCase()}, 1))`;
      const [row] = await tx.$queryRaw<{ covered: boolean }[]>`SELECT ${covered(job)} AS covered`;
      return row!.covered ? moveIn(tx, [job.jobId], 'accepted', change) : undefined;
    });
    if (moved === undefined) throw await this.tooLow(job);
    if (moved > 0) this.changes.publish([job.jobId], 'accepted');
    return (await this.byId(existing.jobId)) ?? existing;
  }

  private async tooLow({ request: { submitter }, fee, deposit = 0n }: NewJob): Promise<AssayError> {
    const promised = await this.unchargedFees(submitter);
    return new AssayError({ code: 'DEPOSIT_TOO_LOW', message: `the deposit of ${deposit} does not cover ${fee} beside ${promised} already promised`, facts: { submitter, deposit, promised, price: fee, missing: promised + fee - deposit } });
  }
}

export interface Change {
  /** States it may come from, if not all that the table allows. */
  readonly from?: readonly JobState[];
  readonly where?: Prisma.JobWhereInput;
  readonly data: Prisma.JobUpdateManyMutationInput;
}

/** The usual way to write `state` after the first: the condition comes from the lifecycle table. Returns how many jobs moved. */
export async function moveIn(tx: Transaction, jobIds: readonly Root[], to: JobState, change: Change): Promise<number> {
  const allowed = statesBefore(to).filter((state) => change.from?.includes(state) ?? true);
  const { count } = await tx.job.updateMany({ where: { ...change.where, id: { in: [...jobIds] }, state: { in: allowed } }, data: { ...change.data, state: to } });
  return count;
}

/** WHY in the text and not as a parameter: the planner then knows how few rows are in such states and takes an index, where it would else read every job there ever was. */
export function stateIn(states: readonly JobState[]): Prisma.Sql {
  return Prisma.raw(`state IN (${states.map((state) => `'${state}'`).join(', ')})`);
}

function tokenOf(fence: Fence | undefined): bigint {
  return fence?.token ?? 0n;
}

/** WHY the token in the job's row fences too: whoever took the role over has given every lease a new one. */
function leasedUnder(fence: Fence | undefined): Prisma.JobWhereInput {
  return fence ? { leaseToken: fence.token } : {};
}

/** States in which a job's fee is promised but not charged on chain. */
const PROMISED: readonly JobState[] = ['accepted', 'assigned', 'answered', 'batched'];

function covered({ request, fee, deposit }: NewJob): Prisma.Sql {
  if (deposit === undefined) return Prisma.sql`true`;
  const submitter = request.submitter.toLowerCase();
  return Prisma.sql`(SELECT coalesce(sum(fee), 0) + ${fee.toString()}::numeric <= ${deposit.toString()}::numeric FROM "Job" WHERE submitter = ${submitter} AND ${stateIn(PROMISED)})`;
}

function inputRoots({ inputs }: NewJob): Root[] {
  return inputs.map((tensor) => tensorRoot(tensor));
}

/** What a job just stored reads as: the same as byId would give, without asking. */
function freshRecord(job: NewJob): JobRecord {
  const { jobId, request, signature, fee, now } = job;
  const inputs = inputRoots(job);
  const nothing = { executor: undefined, leaseUntil: undefined, claimDigest: undefined, failure: undefined };
  return { jobId, request, signature, fee, inputs, state: INITIAL_STATE, tried: [], acceptedAt: now, updatedAt: now, ...nothing };
}

/**
 * Tensors are content: the same root again is the same row.
 * WHY a time, and only once an hour: it keeps what is used again from the clean-up, and a row that everybody sends is neither written nor
 * locked each time.
 */
function tensorInsert(tensors: readonly Tensor[], { now, condition }: { readonly now: Date; readonly condition: Prisma.Sql }): Prisma.Sql {
  if (tensors.length === 0) return Prisma.sql`SELECT 1`;
  const given = new Map(tensors.map((tensor) => [tensorRoot(tensor), tensor]));
  const rows = [...given].map(([root, tensor]) => Prisma.sql`(${root}, ${encodeHeader(tensor)}, ${Buffer.from(tensor.data)}::bytea, ${now}::timestamp)`);
  return Prisma.sql`INSERT INTO "Tensor" AS kept (root, header, bytes, "usedAt") SELECT * FROM (VALUES ${Prisma.join(rows)}) AS given(root, header, bytes, "usedAt") WHERE ${condition}
      AND NOT EXISTS (SELECT 1 FROM "Tensor" known WHERE known.root = given.root AND known."usedAt" >= given."usedAt" - interval '1 hour')
    ON CONFLICT (root) DO UPDATE SET "usedAt" = greatest(kept."usedAt", excluded."usedAt")`;
}

/** One statement that stores job and tensors. WHY no tensors where the nonce is taken: nobody would name them, so no clean-up would find them. */
function jobInsert(job: NewJob): Prisma.Sql {
  const { jobId, request, signature, fee, now } = job;
  return Prisma.sql`
    WITH kept AS (${tensorInsert(job.inputs, { now, condition: Prisma.sql`${covered(job)} AND NOT EXISTS (SELECT 1 FROM "Job" WHERE submitter = ${request.submitter.toLowerCase()} AND nonce = ${request.nonce.toString()}::numeric)` })})
    INSERT INTO "Job" (id, submitter, nonce, "modelId", request, signature, fee, inputs, state, tried, deadline, "acceptedAt", "updatedAt")
    SELECT ${jobId}, ${request.submitter.toLowerCase()}, ${request.nonce.toString()}::numeric, ${request.modelId}, ${JSON.stringify(toJson(request))}::jsonb, ${signature}, ${fee.toString()}::numeric,
      ${inputRoots(job)}::text[], ${INITIAL_STATE}::"JobState", ARRAY[]::text[], ${request.deadline.toString()}::bigint, ${now}::timestamp, ${now}::timestamp
    WHERE ${covered(job)} ON CONFLICT DO NOTHING`;
}

function claimInsert({ digest, claim, signature, outputs, now }: NewAnswer): Prisma.Sql {
  return Prisma.sql`INSERT INTO "Claim" (digest, "jobId", executor, coordinator, "outputRoot", fee, insured, signature, outputs, "answeredAt")
    SELECT ${digest}, id, ${claim.executor.toLowerCase()}, ${claim.coordinator.toLowerCase()}, ${claim.outputRoot}, ${claim.fee.toString()}::numeric, ${claim.insuredValue.toString()}::numeric,
      ${signature}, ${outputs.map((tensor) => tensorRoot(tensor))}::text[], ${now}::timestamp FROM moved`;
}
