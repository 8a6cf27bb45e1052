import { Observable } from 'rxjs';
import type { Hex } from 'viem';
import { z } from 'zod';
import type { Root } from '#core/hashing';
import { asAssayError, AssayError, hasAnswer, type Access, isTerminal, jobIdOf, type JobState } from '#core/protocol';
import { Pages, type AccessMessage, type JobParts } from '#io/rpc';
import type { JobQuery, JobRecord, JobStore } from '#io/storage';
import { measured, type CallMetrics } from '#platform';
import { acceptJob, type AcceptanceParts, type Submission } from './acceptance.js';
import type { JobFeed } from './job-feed.js';
import { reportJob, type JobReportParts } from './job-report.js';

const USUAL_WAIT_MS = 60_000;
const LONGEST_WAIT_MS = 600_000;
/** States read behind the ones told; a watcher that cannot keep up is ended and may watch again. */
const MAX_BACKLOG = 256;

export interface JobsServiceParts {
  readonly acceptance: AcceptanceParts;
  readonly report: JobReportParts;
  readonly jobs: Pick<JobStore, 'cancel' | 'ofSubmitter'>;
  /** @throws AssayError ACCESS_DENIED unless the submitter signed it for this */
  readonly requireAccess: (access: AccessMessage, what: { readonly action: Access['action']; readonly job?: Pick<JobRecord, 'jobId' | 'request'> }) => Promise<void>;
  /** Calls a second, by the caller's network address. @throws AssayError RATE_LIMITED */
  readonly callers: { take(key: string): void };
  readonly feed: JobFeed;
  readonly metrics: CallMetrics;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Aborts when the process stops. */
  readonly stopping: AbortSignal;
}

/** Who calls: their network address, and a signal that aborts when they are gone. */
export interface Caller {
  readonly peer: string;
  readonly gone: AbortSignal;
}

const pageKey = z.tuple([z.number().int(), z.string().length(66)]);

/** Callers that wait for an answer at once. */
const MAX_WAITING = 20_000;
/** Callers that watch a job at once. */
const MAX_WATCHING = 4_096;
/** Requests accepted here that are remembered. */
const MAX_REMEMBERED = 20_000;
/** So often whoever waits looks for itself, should it have been told nothing. */
const LOOK_EVERY_MS = 2_000;

/** Submit, get, watch: the use cases behind the gRPC methods. */
export class JobsService {
  /** How many wait for a job's answer here. */
  private readonly waiting = new Map<Root, number>();
  private waitingInAll = 0;
  private watching = 0;
  /** Signatures of requests accepted here lately. */
  private readonly accepted = new Map<Root, Hex>();

  constructor(private readonly parts: JobsServiceParts) {}

  /** Aborts when nobody is to wait here any longer. */
  get stopping(): AbortSignal {
    return this.parts.stopping;
  }

  /**
   * @throws AssayError as acceptJob; JOB_PENDING if the answer takes longer than `waitMs`; JOB_FAILED, REQUEST_EXPIRED, JOB_CANCELLED;
   * RATE_LIMITED, QUEUE_FULL
   */
  submit(submission: Submission, waitMs: number, caller: Caller): Promise<JobParts> {
    return measured(this.parts.metrics, () => this.answered(submission, waitMs, caller), (error) => asAssayError(error).code);
  }

  private async answered(submission: Submission, waitMs: number, caller: Caller): Promise<JobParts> {
    if (this.parts.stopping.aborted) throw new AssayError({ code: 'SHUTTING_DOWN' });
    this.parts.callers.take(caller.peer);
    const { jobId } = await this.settled(submission, Math.min(waitMs || USUAL_WAIT_MS, LONGEST_WAIT_MS), caller.gone);
    const job = await this.known(jobId);
    if (job.state === 'failed') throw new AssayError({ code: 'JOB_FAILED', message: job.failure?.message ?? 'no executor answered', facts: { jobId, failure: job.failure } });
    if (job.state === 'expired') throw new AssayError({ code: 'REQUEST_EXPIRED', message: job.failure?.message ?? 'the deadline passed', facts: { jobId } });
    if (job.state === 'cancelled') throw new AssayError({ code: 'JOB_CANCELLED', facts: { jobId } });
    // WHY not pending: whoever asks again, here or elsewhere, waits on.
    if (!hasAnswer(job.state) && this.parts.stopping.aborted) throw new AssayError({ code: 'SHUTTING_DOWN', facts: { jobId, state: job.state } });
    if (!hasAnswer(job.state)) throw new AssayError({ code: 'JOB_PENDING', facts: { jobId, state: job.state } });
    return reportJob(this.parts.report, job, { withOutputs: true });
  }

  /** With `access`, the inputs too. @throws AssayError JOB_UNKNOWN, ACCESS_DENIED */
  async get(jobId: Root, withOutputs: boolean, access?: AccessMessage): Promise<JobParts> {
    const job = await this.known(jobId);
    if (access) await this.parts.requireAccess(access, { action: 'inputs', job });
    return reportJob(this.parts.report, job, { withOutputs, withInputs: access !== undefined });
  }

  /** @throws AssayError JOB_UNKNOWN, ACCESS_DENIED, STATE_CONFLICT if there is an answer, or will never be one */
  async giveUp(jobId: Root, access: AccessMessage): Promise<JobParts> {
    await this.parts.requireAccess(access, { action: 'cancel', job: await this.known(jobId) });
    await this.parts.jobs.cancel(jobId, new Date(this.parts.now()), 'its submitter cancelled it');
    const job = await this.known(jobId);
    if (job.state !== 'cancelled') throw new AssayError({ code: 'STATE_CONFLICT', message: `the job is ${job.state}: it cannot be cancelled any more`, facts: { jobId, state: job.state }, remedy: 'Get the job: it has an answer, or ended without one.' });
    return reportJob(this.parts.report, job, {});
  }

  /** The jobs of whoever signed the access, newest first. @throws AssayError ACCESS_DENIED */
  async list(access: AccessMessage, query: Omit<JobQuery, 'submitter' | 'before'>, pageToken: string): Promise<{ readonly jobs: readonly JobParts[]; readonly nextPageToken: string }> {
    await this.parts.requireAccess(access, { action: 'list' });
    const { submitter } = access;
    const pages = new Pages(['jobs', submitter, query.states, query.modelId], pageKey);
    const key = pages.after(pageToken);
    const found = await this.parts.jobs.ofSubmitter({ ...query, submitter, before: key && { acceptedAt: new Date(key[0]), jobId: key[1] as Root }, limit: query.limit + 1 });
    const { items, nextPageToken } = pages.page(found, query.limit, (job) => [job.acceptedAt.getTime(), job.jobId]);
    return { jobs: await Promise.all(items.map((job) => reportJob(this.parts.report, job, {}))), nextPageToken };
  }

  /** The job now and after every change; completes in a state that nothing follows. @throws AssayError JOB_UNKNOWN, QUEUE_FULL */
  watch(jobId: Root): Observable<JobParts> {
    return new Observable((subscriber) => {
      if (this.watching >= MAX_WATCHING) return subscriber.error(new AssayError({ code: 'QUEUE_FULL', message: 'too many callers watch jobs', facts: { watching: this.watching, retryAfterMs: LOOK_EVERY_MS } }));
      this.watching++;
      let backlog: Promise<void> = Promise.resolve();
      let waiting = 0;
      let last: JobState | undefined;
      const tell = async (state?: JobState) => {
        const job = await this.known(jobId);
        const told = { ...job, state: state ?? job.state };
        last = told.state;
        subscriber.next(await reportJob(this.parts.report, told, {}));
        if (isTerminal(told.state)) subscriber.complete();
      };
      const enqueue = (state?: JobState) => {
        if (++waiting > MAX_BACKLOG) return subscriber.error(new AssayError({ code: 'QUEUE_FULL', message: 'this watcher is too slow', facts: { jobId } }));
        backlog = backlog.then(() => tell(state)).catch((error: unknown) => subscriber.error(error)).finally(() => waiting--);
      };
      const unsubscribe = this.parts.feed.subscribe(jobId, enqueue);
      const timer = setInterval(() => waiting === 0 && void this.parts.report.storage.jobs.byId(jobId).then((job) => job && job.state !== last && waiting === 0 && enqueue(), () => {}), LOOK_EVERY_MS);
      const stop = () => subscriber.error(new AssayError({ code: 'SHUTTING_DOWN' }));
      this.parts.stopping.addEventListener('abort', stop, { once: true });
      enqueue();
      return () => {
        this.watching--;
        clearInterval(timer);
        unsubscribe();
        this.parts.stopping.removeEventListener('abort', stop);
      };
    });
  }

  /** WHY listening comes first: the job may be answered while its acceptance is still on its way back. */
  private async settled(submission: Submission, ms: number, gone: AbortSignal): Promise<JobRecord> {
    const jobId = jobIdOf(this.parts.acceptance.network, submission.request);
    const wait = this.parts.feed.reached(jobId, { isGood: isSettled, ms, signals: [gone, this.parts.stopping] });
    const leave = this.enter(jobId);
    try {
      const job = (await this.acceptedBefore(jobId, submission)) ?? (await acceptJob(this.parts.acceptance, submission));
      this.remember(jobId, submission);
      if (!isSettled(job.state)) await this.untilSettled(jobId, wait.done);
      return job;
    } finally {
      wait.cancel();
      if (leave() === 0 && gone.aborted && !this.parts.stopping.aborted) await this.cancel(jobId);
    }
  }

  /** WHY not as one never seen: callers repeat most when there is least time for signatures, hashes and questions to the chain. */
  private async acceptedBefore(jobId: Root, { signature }: Submission): Promise<JobRecord | undefined> {
    if (this.accepted.get(jobId) !== signature) return undefined;
    const job = await this.parts.report.storage.jobs.byId(jobId);
    return job?.state === 'cancelled' ? undefined : job;
  }

  private remember(jobId: Root, { signature }: Submission): void {
    this.accepted.delete(jobId);
    this.accepted.set(jobId, signature);
    if (this.accepted.size > MAX_REMEMBERED) this.accepted.delete(this.accepted.keys().next().value!);
  }

  /** Counts whoever waits; the function given back says how many are left. */
  private enter(jobId: Root): () => number {
    if (this.waitingInAll >= MAX_WAITING) throw new AssayError({ code: 'QUEUE_FULL', message: 'too many callers wait for answers', facts: { waiting: this.waitingInAll, retryAfterMs: LOOK_EVERY_MS } });
    this.waitingInAll++;
    this.waiting.set(jobId, (this.waiting.get(jobId) ?? 0) + 1);
    return () => {
      this.waitingInAll--;
      const left = this.waiting.get(jobId)! - 1;
      if (left > 0) this.waiting.set(jobId, left);
      else this.waiting.delete(jobId);
      return left;
    };
  }

  private async untilSettled(jobId: Root, told: Promise<boolean>): Promise<void> {
    let over = false;
    void told.then(() => (over = true));
    while (!over) {
      await Promise.race([told, pause(LOOK_EVERY_MS)]);
      if (!over && isSettled((await this.known(jobId)).state)) return;
    }
  }

  /** The one who waited is gone: nobody works on the job any more, and nothing is charged. An answered job stays answered. */
  private async cancel(jobId: Root): Promise<void> {
    await this.parts.jobs.cancel(jobId, new Date(this.parts.now()));
  }

  private async known(jobId: Root): Promise<JobRecord> {
    const job = await this.parts.report.storage.jobs.byId(jobId);
    if (!job) throw new AssayError({ code: 'JOB_UNKNOWN', facts: { jobId } });
    return job;
  }
}

function isSettled(state: JobState): boolean {
  return hasAnswer(state) || isTerminal(state) || state === 'cancelled';
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
