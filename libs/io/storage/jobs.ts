import type { Address, Hex } from 'viem';
import { encodeHeader, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { AssayError, INITIAL_STATE, statesBefore, type Claim, type JobState, type Request } from '#core/protocol';
import type { JobChanges } from './changes.js';
import { toJson, wei } from './codec.js';
import { Prisma, type PrismaClient } from './generated/client.js';
import { claimRecord, jobRecord, type ClaimRecord, type JobRecord } from './records.js';

export interface NewJob {
  readonly jobId: Root;
  readonly request: Request;
  readonly signature: Hex;
  readonly fee: bigint;
  readonly inputs: readonly Tensor[];
  readonly now: Date;
}

export interface Lease {
  readonly executor: Address;
  readonly until: Date;
  readonly now: Date;
}

export interface NewAnswer {
  readonly digest: Root;
  readonly claim: Claim;
  readonly signature: Hex;
  readonly outputs: readonly Tensor[];
  readonly now: Date;
}

type Transaction = Omit<PrismaClient, '$connect' | '$disconnect' | '$on' | '$transaction' | '$extends'>;

/**
 * Questions about jobs, and the changes of their state.
 * INVARIANT: every update of `state` has the states of JOB_TRANSITIONS that lead to the new one in its condition,
 * so the database refuses what the table does not allow; the methods then return false or nothing.
 */
export class JobStore {
  constructor(
    private readonly prisma: PrismaClient,
    private readonly changes: JobChanges,
  ) {}

  /**
   * Stores a job with its input tensors before anybody is told that it was accepted.
   * The same request again gives the job there is.
   * @throws AssayError NONCE_REUSED if the submitter's nonce belongs to another request
   */
  async accept(job: NewJob): Promise<JobRecord> {
    const inputs = job.inputs.map((tensor) => tensorRoot(tensor));
    try {
      await this.prisma.$transaction([tensorInsert(this.prisma, job.inputs), this.prisma.job.create({ data: { ...columnsOf(job), inputs } })]);
    } catch (cause) {
      if (!isDuplicate(cause)) throw cause;
      return this.sameJob(job);
    }
    this.changes.publish([job.jobId], INITIAL_STATE);
    return freshRecord(job, inputs);
  }

  async byId(jobId: Root): Promise<JobRecord | undefined> {
    const row = await this.prisma.job.findUnique({ where: { id: jobId } });
    return row ? jobRecord(row) : undefined;
  }

  async byNonce(submitter: Address, nonce: bigint): Promise<JobRecord | undefined> {
    const row = await this.prisma.job.findUnique({ where: { submitter_nonce: { submitter: submitter.toLowerCase(), nonce: nonce.toString() } } });
    return row ? jobRecord(row) : undefined;
  }

  /** Jobs that nobody works on, oldest first; overturned ones are among them. */
  async waiting(limit: number): Promise<JobRecord[]> {
    const rows = await this.prisma.job.findMany({ where: { state: { in: ['accepted', 'overturned'] } }, orderBy: { acceptedAt: 'asc' }, take: limit });
    return rows.map(jobRecord);
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

  /** Number of jobs that wait for an answer. */
  async unanswered(): Promise<number> {
    return this.prisma.job.count({ where: { state: { in: ['accepted', 'assigned', 'overturned'] } } });
  }

  async countByState(): Promise<Partial<Record<JobState, number>>> {
    const rows = await this.prisma.job.groupBy({ by: ['state'], _count: { _all: true } });
    return Object.fromEntries(rows.map((row) => [row.state, row._count._all]));
  }

  /** Fees promised by a submitter that no batch on chain has charged yet. */
  async unchargedFees(submitter: Address): Promise<bigint> {
    const { _sum } = await this.prisma.job.aggregate({
      where: { submitter: submitter.toLowerCase(), state: { in: ['accepted', 'assigned', 'answered', 'batched'] } },
      _sum: { fee: true },
    });
    return wei(_sum.fee);
  }

  /** accepted | overturned → assigned. False if somebody else was first. */
  async lease(jobId: Root, { executor, until, now }: Lease): Promise<boolean> {
    return this.move(jobId, 'assigned', { data: { executor: executor.toLowerCase(), leaseUntil: until, updatedAt: now } });
  }

  /** assigned → accepted: the executor did not answer. With `askAgain` false it is not asked again for this job. */
  async release(jobId: Root, { executor, askAgain, now }: { executor: Address; askAgain: boolean; now: Date }): Promise<boolean> {
    const tried = askAgain ? {} : { tried: { push: executor.toLowerCase() } };
    return this.move(jobId, 'accepted', { where: { executor: executor.toLowerCase() }, data: { executor: null, leaseUntil: null, ...tried, updatedAt: now } });
  }

  /** assigned → answered: stores the claim and the outputs, if the executor still holds the lease. */
  async answer(jobId: Root, answer: NewAnswer): Promise<boolean> {
    const { digest, claim, now } = answer;
    const stored = await this.prisma.$transaction(async (tx) => {
      const moved = await moveIn(tx, [jobId], 'answered', {
        where: { executor: claim.executor.toLowerCase(), AND: { state: 'assigned' } },
        data: { claimDigest: digest, leaseUntil: null, updatedAt: now },
      });
      if (moved === 0) return false;
      await tensorInsert(tx, answer.outputs);
      await tx.claim.create({ data: claimColumns(answer) });
      return true;
    });
    if (stored) this.changes.publish([jobId], 'answered');
    return stored;
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

  private async move(jobId: Root, to: JobState, change: { where?: Prisma.JobWhereInput; data: Prisma.JobUpdateManyMutationInput }): Promise<boolean> {
    const moved = await moveIn(this.prisma, [jobId], to, change);
    if (moved > 0) this.changes.publish([jobId], to);
    return moved > 0;
  }

  private async sameJob(job: NewJob): Promise<JobRecord> {
    const existing = await this.byNonce(job.request.submitter, job.request.nonce);
    if (existing?.jobId === job.jobId) return existing;
    throw new AssayError({ code: 'NONCE_REUSED', facts: { submitter: job.request.submitter, nonce: job.request.nonce, jobId: existing?.jobId } });
  }
}

/** The one place that writes `state` after the first: the condition comes from the lifecycle table. Returns how many jobs moved. */
export async function moveIn(
  tx: Transaction,
  jobIds: readonly Root[],
  to: JobState,
  change: { where?: Prisma.JobWhereInput; data: Prisma.JobUpdateManyMutationInput },
): Promise<number> {
  const { count } = await tx.job.updateMany({ where: { ...change.where, id: { in: [...jobIds] }, state: { in: statesBefore(to) } }, data: { ...change.data, state: to } });
  return count;
}

/** What a job just stored reads as: the same as byId would give, without asking. */
function freshRecord({ jobId, request, signature, fee, now }: NewJob, inputs: readonly Root[]): JobRecord {
  const nothing = { executor: undefined, leaseUntil: undefined, claimDigest: undefined, failure: undefined };
  return { jobId, request, signature, fee, inputs, state: INITIAL_STATE, tried: [], acceptedAt: now, updatedAt: now, ...nothing };
}

/** Tensors are content: the same root again is the same row. */
function tensorInsert(tx: Transaction, tensors: readonly Tensor[]) {
  const data = tensors.map((tensor) => ({ root: tensorRoot(tensor), header: encodeHeader(tensor), bytes: tensor.data as Uint8Array<ArrayBuffer> }));
  return tx.tensor.createMany({ data, skipDuplicates: true });
}

function columnsOf({ jobId, request, signature, fee, now }: NewJob): Omit<Prisma.JobUncheckedCreateInput, 'inputs'> {
  return {
    id: jobId,
    submitter: request.submitter.toLowerCase(),
    nonce: request.nonce.toString(),
    modelId: request.modelId,
    request: toJson(request),
    signature,
    fee: fee.toString(),
    state: INITIAL_STATE,
    deadline: request.deadline,
    acceptedAt: now,
    updatedAt: now,
  };
}

function claimColumns({ digest, claim, signature, outputs, now }: NewAnswer): Prisma.ClaimUncheckedCreateInput {
  return {
    digest,
    jobId: claim.jobId,
    executor: claim.executor.toLowerCase(),
    coordinator: claim.coordinator.toLowerCase(),
    outputRoot: claim.outputRoot,
    fee: claim.fee.toString(),
    insured: claim.insuredValue.toString(),
    signature,
    outputs: outputs.map((tensor) => tensorRoot(tensor)),
    answeredAt: now,
  };
}

function isDuplicate(cause: unknown): boolean {
  return cause instanceof Prisma.PrismaClientKnownRequestError && cause.code === 'P2002';
}
