import type { Address } from 'viem';
import type { Root, Tensor } from '#core/hashing';
import { asAssayError, AssayError, type Job, type NetworkId } from '#core/protocol';
import type { Fence, JobChange, JobRecord, JobStore, ModelRecord } from '#io/storage';
import type { Logger } from '#platform';
import { checkClaim, type Answered } from './claim-check.js';
import { chooseExecutor, type Candidate, type Wanted } from './executor-choice.js';
import type { PresenceBoard } from './presence-board.js';
import type { Stakes } from './stakes.js';

export interface AssignerParts {
  readonly network: NetworkId;
  readonly coordinator: Address;
  readonly leaseMs: number;
  readonly jobs: Pick<JobStore, 'waiting' | 'overdue' | 'leasesExpired' | 'claimants' | 'lease' | 'release' | 'reclaim' | 'answer' | 'fail' | 'expire'>;
  readonly modelById: (modelId: Root) => Promise<ModelRecord | undefined>;
  readonly inputsOf: (job: JobRecord) => Promise<Tensor[]>;
  readonly stakes: Pick<Stakes, 'costOf' | 'coverOf' | 'spend'>;
  /** Gives the job to the executor and brings back what it answered, its outputs in hand. Throws what went wrong. */
  readonly ask: (executor: Address, job: Omit<Job, 'inputs'>, inputs: readonly Tensor[]) => Promise<Answered>;
  readonly board: PresenceBoard;
  /** Tells an executor that nobody wants the answer any more. */
  readonly callOff: (executor: Address, jobId: Root) => void;
  readonly now: () => number;
  readonly log: Logger;
  /** Held as long as this runs; left out by a process that is alone. */
  readonly fence?: Fence;
}

/** Jobs out at executors at once. */
export const MAX_OUT = 64;
/** Failures that executors answered before a job is given up. Silence is none: it may be our own link, and the deadline bounds it. */
const MAX_FAILURES = 5;
/** From so many executors on that failed a job or were silent about it, it pauses before the next one, whoever that is. */
const MAX_AT_ONCE = 5;
/** Looks at waiting jobs and leases at least this often, whatever else happens. */
const LOOK_EVERY_MS = 250;
/** An executor that did not answer, or had no room, is left alone for so long. */
const PAUSE_MS = 1_000;
const NO_ROOM_PAUSE_MS = 100;
/** Waiting jobs looked at beyond those that there is room for, at first and at most: some may fit no executor now. */
const SKIPPED = 8;
const MAX_SKIPPED = 1_024;
/** At the end, so long for jobs that are out; less than what the process gives to the roles. */
const STOP_WAIT_MS = 3_000;
/** Leases that ran out, and deadlines that passed while nobody had room, are found this often. */
const SWEEP_EVERY_MS = 500;

/** WHY no pause: a model made to crash would otherwise keep every executor from the jobs of others, as would a job for which all have signed. */
const NOT_ITS_FAULT = new Set(['JOB_CANCELLED', 'MODEL_QUARANTINED', 'MODEL_TOO_LARGE', 'STATE_CONFLICT']);
/** Failures that say nothing about this executor and this job together: the same one may be asked again. */
const MAY_ASK_AGAIN = new Set(['CAPACITY_EXHAUSTED', 'SHUTTING_DOWN', 'JOB_CANCELLED', 'DATABASE_UNREACHABLE', 'BROKER_UNREACHABLE', 'CHAIN_UNREACHABLE']);
/** Until it says again that it is there, nothing is given to it. */
const GONE = new Set(['PEER_SILENT', 'SHUTTING_DOWN']);
/** Where everybody failed a job once, whoever can take it may try again, so long after the last one for each that failed, or a share of the job's age. */
const SECOND_CHANCE_MS = 1_000;
const SHARE_OF_AGE = 0.1;
const MAX_JOB_PAUSE_MS = 30_000;

/**
 * Gives waiting jobs to executors: one lease at a time per job, a bounded number of jobs out, a bounded number of failures per job.
 * Everything but that number can be read again from the store; leases that an earlier assigner left are taken back at the start.
 */
export class Assigner {
  private readonly out = new Map<Root, { executor: string; cost: bigint; done: Promise<void> }>();
  private readonly paused = new Map<string, number>();
  /** Of jobs that have no answer: how often executors said they could not do them, and who was asked in vain in this round. */
  private readonly troubles = new Map<Root, { failures: number; readonly round: Set<string> }>();
  private looking: Promise<void> | undefined;
  private lookAgain = false;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private sweptAt = 0;
  private skipped = SKIPPED;
  private reclaimed = false;

  constructor(private readonly parts: AssignerParts) {}

  start(): void {
    this.timer = setInterval(() => this.wake(), LOOK_EVERY_MS);
    this.wake();
  }

  /** A job changed, here or in another process. */
  note({ jobIds, state }: JobChange): void {
    if (state === 'accepted' || state === 'overturned') this.wake();
    if (state === 'cancelled') for (const jobId of jobIds) this.callOff(jobId);
    if (state !== 'accepted' && state !== 'assigned') for (const jobId of jobIds) this.troubles.delete(jobId);
  }

  private callOff(jobId: Root): void {
    const out = this.out.get(jobId);
    if (out) this.parts.callOff(out.executor as Address, jobId);
  }

  /** Jobs that an earlier assigner gave away: its answers come to nobody. */
  private async reclaim(): Promise<void> {
    const { fence, jobs, now, log } = this.parts;
    if (!fence || this.reclaimed) return;
    const count = await jobs.reclaim(fence, new Date(now()));
    this.reclaimed = true;
    if (count) log.info({ event: 'assignment.reclaimed', jobs: count }, 'jobs of an earlier assigner are given away again');
  }

  /** Something may be to do: a new job, a new executor. */
  wake(): void {
    if (this.stopped) return;
    if (this.looking) {
      this.lookAgain = true;
      return;
    }
    this.looking = this.look()
      .catch((err: unknown) => this.parts.log.error({ event: 'assignment.failed', err }, 'waiting jobs could not be looked at; trying again'))
      .finally(() => {
        this.looking = undefined;
        if (this.lookAgain) {
          this.lookAgain = false;
          this.wake();
        }
      });
  }

  /** Takes no new job and waits a little for those that are out; the others lose their lease and go on with the next process. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.looking;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, STOP_WAIT_MS)));
    await Promise.race([Promise.all([...this.out.values()].map(({ done }) => done)), patience]);
    clearTimeout(timer);
  }

  private async look(): Promise<void> {
    if (this.sweepDue()) await this.sweep();
    const candidates = await this.candidates();
    const room = Math.min(MAX_OUT - this.out.size, candidates.reduce((sum, c) => sum + Math.max(0, c.capacity - c.busy), 0));
    if (room === 0) return;
    const limit = room + this.skipped;
    const waiting = await this.parts.jobs.waiting(limit);
    const before = this.out.size;
    for (const job of waiting) {
      if (this.out.size >= before + room || this.stopped) break;
      if (!this.out.has(job.jobId)) await this.give(job, candidates);
    }
    // WHY: jobs that fit nobody must not hide the ones behind them, nor be read again and again when there are none.
    const stuck = waiting.length === limit && this.out.size === before;
    this.skipped = stuck ? Math.min(2 * this.skipped, MAX_SKIPPED) : SKIPPED;
  }

  private sweepDue(): boolean {
    if (this.parts.now() - this.sweptAt < SWEEP_EVERY_MS) return false;
    this.sweptAt = this.parts.now();
    return true;
  }

  /** Jobs too late for anybody, and leases that ran out without anybody here waiting for an answer: left by a process that died. */
  private async sweep(): Promise<void> {
    await this.reclaim();
    const now = new Date(this.parts.now());
    for (const job of await this.parts.jobs.overdue(now, 4 * MAX_OUT)) await this.isOver(job, now.getTime());
    for (const job of await this.parts.jobs.leasesExpired(now, 4 * MAX_OUT)) {
      if (!this.out.has(job.jobId) && job.executor) await this.parts.jobs.release(job.jobId, { executor: job.executor, askAgain: wasTried(job, job.executor), now, fence: this.parts.fence });
    }
  }

  private async candidates(): Promise<(Candidate & { busy: number })[]> {
    const now = this.parts.now();
    const there = this.parts.board.available().filter(({ address }) => (this.paused.get(address.toLowerCase()) ?? 0) <= now);
    return Promise.all(
      there.map(async ({ address, profile, models, capacity }) => {
        const key = address.toLowerCase() as Address;
        const mine = [...this.out.values()].filter((out) => out.executor === key);
        const promised = mine.reduce((sum, out) => sum + out.cost, 0n);
        const cover = await this.parts.stakes.coverOf(key).catch(() => -1n);
        return { address: key, profile, models, capacity, busy: mine.length, cover: cover - promised };
      }),
    );
  }

  private async give(job: JobRecord, candidates: (Candidate & { busy: number; cover: bigint })[]): Promise<void> {
    const now = this.parts.now();
    if (await this.isOver(job, now)) return;
    if (job.tried.length >= MAX_AT_ONCE && !this.hasPaused(job)) return;
    const model = await this.parts.modelById(job.request.modelId);
    if (!model) return void (await this.fail(job, new AssayError({ code: 'MODEL_UNKNOWN', facts: { modelId: job.request.modelId } })));
    const cost = await this.costOf(job);
    const wanted = { modelId: model.modelId, profile: model.profile, cost, excluded: job.tried };
    const chosen = chooseExecutor(candidates, wanted) ?? (await this.secondChance(job, candidates, wanted));
    if (!chosen) return;
    const executor = chosen.address as Address;
    const until = leaseEnd(job, now, this.parts.leaseMs);
    if (!(await this.parts.jobs.lease(job.jobId, { executor, until: new Date(until), now: new Date(now), fence: this.parts.fence }))) return;
    chosen.busy++;
    Object.assign(chosen, { cover: chosen.cover - cost });
    const done = this.attempt({ job, model, executor, until }).finally(() => {
      this.out.delete(job.jobId);
      this.wake();
    });
    this.out.set(job.jobId, { executor, cost, done });
  }

  private costOf({ request: { insuredValue }, fee }: JobRecord): Promise<bigint> {
    return this.parts.stakes.costOf({ insuredValue, fee });
  }

  /** One that failed the job before, each in its turn, if nobody else could take it, busy or not; never one that answered it and was found wrong. */
  private async secondChance<C extends Candidate>(job: JobRecord, candidates: readonly C[], wanted: Wanted): Promise<C | undefined> {
    const others = candidates.map((candidate) => ({ ...candidate, busy: 0 }));
    if (job.tried.length === 0 || chooseExecutor(others, wanted)) return undefined;
    if (!this.hasPaused(job)) return undefined;
    const wrong = await this.parts.jobs.claimants(job.jobId);
    const round = this.troubles.get(job.jobId)?.round;
    if (!chooseExecutor(others, { ...wanted, excluded: [...wrong, ...(round ?? [])] })) round?.clear();
    return chooseExecutor(candidates, { ...wanted, excluded: [...wrong, ...(round ?? [])] });
  }

  /** WHY longer the older it is: a job that nobody can do is not to keep everybody busy until its deadline. */
  private hasPaused({ jobId, tried, acceptedAt, updatedAt }: JobRecord): boolean {
    const times = Math.max(tried.length, this.troubles.get(jobId)?.failures ?? 0);
    const pause = Math.max(times * SECOND_CHANCE_MS, SHARE_OF_AGE * (updatedAt.getTime() - acceptedAt.getTime()));
    return this.parts.now() - updatedAt.getTime() >= Math.min(pause, MAX_JOB_PAUSE_MS);
  }

  /** Too late, or executors failed it too often: the job ends here, unless it is owed. */
  private async isOver(job: JobRecord, now: number): Promise<boolean> {
    if (isOwed(job)) return false;
    const failures = this.troubles.get(job.jobId)?.failures ?? 0;
    if (failures >= MAX_FAILURES) {
      await this.fail(job, new AssayError({ code: 'JOB_FAILED', message: `executors failed it ${failures} times` }));
      return true;
    }
    if (job.request.deadline * 1000n > BigInt(now)) return false;
    await this.parts.jobs.expire(job.jobId, new Date(now));
    return true;
  }

  private async fail(job: JobRecord, { code, message }: AssayError): Promise<void> {
    this.parts.log.warn({ event: 'job.failed', jobId: job.jobId, code }, message);
    await this.parts.jobs.fail(job.jobId, { code, message, now: new Date(this.parts.now()) });
  }

  private async attempt(given: { job: JobRecord; model: ModelRecord; executor: Address; until: number }): Promise<void> {
    const { job, executor } = given;
    const { log, jobs } = this.parts;
    try {
      const { digest, answered } = await this.asked(given);
      const stored = await jobs.answer(job.jobId, { digest, ...answered, now: new Date(this.parts.now()), fence: this.parts.fence });
      if (!stored) return log.warn({ event: 'answer.late', jobId: job.jobId, executor }, 'an answer came after its lease; it is not used');
      this.parts.stakes.spend(executor, await this.costOf(job));
      log.info({ event: 'job.answered', jobId: job.jobId, executor, digest }, 'job answered');
    } catch (thrown) {
      await this.takeFrom(given, asAssayError(thrown)).catch((err: unknown) => log.error({ event: 'release.failed', jobId: job.jobId, err }, 'a job could not be taken back; its lease runs out'));
    }
  }

  private async asked({ job, model, executor, until }: { job: JobRecord; model: ModelRecord; executor: Address; until: number }) {
    const { network, coordinator } = this.parts;
    const { jobId, request, fee } = job;
    const inputs = await this.parts.inputsOf(job);
    const message = { jobId, request, requestSignature: job.signature, coordinator, fee, leaseUntil: until };
    const answered = await this.parts.ask(executor, message, inputs);
    const digest = await checkClaim({ network, jobId, request, fee, executor, coordinator, outputs: model.signature.outputs }, answered);
    return { digest, answered };
  }

  private async takeFrom({ job, executor }: { job: JobRecord; executor: Address }, error: AssayError): Promise<void> {
    const mayAskAgain = MAY_ASK_AGAIN.has(error.code) || error.facts['received'] === false;
    this.parts.log.warn({ event: 'job.moved-on', jobId: job.jobId, executor, code: error.code, facts: error.facts }, `the executor did not answer: ${error.message}`);
    if (GONE.has(error.code)) this.parts.board.drop('executor', executor);
    if (!NOT_ITS_FAULT.has(error.code)) this.paused.set(executor, this.parts.now() + (mayAskAgain ? NO_ROOM_PAUSE_MS : PAUSE_MS));
    if (!mayAskAgain) this.noteTrouble(job.jobId, { executor, isFailure: error.code !== 'PEER_SILENT' });
    await this.parts.jobs.release(job.jobId, { executor, askAgain: mayAskAgain || wasTried(job, executor), now: new Date(this.parts.now()), fence: this.parts.fence });
  }

  private noteTrouble(jobId: Root, { executor, isFailure }: { executor: Address; isFailure: boolean }): void {
    const { failures, round } = this.troubles.get(jobId) ?? { failures: 0, round: new Set<string>() };
    this.troubles.set(jobId, { failures: failures + Number(isFailure), round: round.add(executor) });
  }
}

function wasTried(job: JobRecord, executor: Address): boolean {
  return job.tried.includes(executor.toLowerCase() as Address);
}

/** An overturned job is run again for nothing, however long the dispute took. INVARIANT: every other job has a fee. */
function isOwed(job: JobRecord): boolean {
  return job.fee === 0n;
}

/** WHY not beyond the deadline: executors refuse what the submitter no longer wants. */
function leaseEnd(job: JobRecord, now: number, leaseMs: number): number {
  return isOwed(job) ? now + leaseMs : Math.min(now + leaseMs, Number(job.request.deadline) * 1000);
}
