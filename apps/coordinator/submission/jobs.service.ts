import { Observable } from 'rxjs';
import type { Root } from '#core/hashing';
import { AssayError, hasAnswer, isTerminal, jobIdOf, type JobState } from '#core/protocol';
import type { JobParts } from '#io/rpc';
import type { JobRecord } from '#io/storage';
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
  readonly feed: JobFeed;
  /** Aborts when the process stops. */
  readonly stopping: AbortSignal;
}

/** Submit, get, watch: the use cases behind the gRPC methods. */
export class JobsService {
  constructor(private readonly parts: JobsServiceParts) {}

  /** @throws AssayError as acceptJob; JOB_PENDING if the answer takes longer than `waitMs`; JOB_FAILED, REQUEST_EXPIRED */
  async submit(submission: Submission, waitMs: number): Promise<JobParts> {
    if (this.parts.stopping.aborted) throw new AssayError({ code: 'SHUTTING_DOWN' });
    const { jobId } = await this.settled(submission, Math.min(waitMs || USUAL_WAIT_MS, LONGEST_WAIT_MS));
    const job = await this.known(jobId);
    if (job.state === 'failed') throw new AssayError({ code: 'JOB_FAILED', message: job.failure?.message ?? 'no executor answered', facts: { jobId, failure: job.failure } });
    if (job.state === 'expired') throw new AssayError({ code: 'REQUEST_EXPIRED', message: job.failure?.message ?? 'the deadline passed', facts: { jobId } });
    if (!hasAnswer(job.state)) throw new AssayError({ code: 'JOB_PENDING', facts: { jobId, state: job.state } });
    return reportJob(this.parts.report, job, { withOutputs: true });
  }

  async get(jobId: Root, withOutputs: boolean): Promise<JobParts> {
    return reportJob(this.parts.report, await this.known(jobId), { withOutputs });
  }

  /** The job now and after every change; completes in a state that nothing follows. */
  watch(jobId: Root): Observable<JobParts> {
    return new Observable((subscriber) => {
      let backlog: Promise<void> = Promise.resolve();
      let waiting = 0;
      const tell = async (state?: JobState) => {
        const job = await this.known(jobId);
        const told = { ...job, state: state ?? job.state };
        subscriber.next(await reportJob(this.parts.report, told, { withOutputs: false }));
        if (isTerminal(told.state)) subscriber.complete();
      };
      const enqueue = (state?: JobState) => {
        if (++waiting > MAX_BACKLOG) return subscriber.error(new AssayError({ code: 'QUEUE_FULL', message: 'this watcher is too slow', facts: { jobId } }));
        backlog = backlog.then(() => tell(state)).catch((error: unknown) => subscriber.error(error)).finally(() => waiting--);
      };
      const unsubscribe = this.parts.feed.subscribe(jobId, enqueue);
      const stop = () => subscriber.error(new AssayError({ code: 'SHUTTING_DOWN' }));
      this.parts.stopping.addEventListener('abort', stop, { once: true });
      enqueue();
      return () => {
        unsubscribe();
        this.parts.stopping.removeEventListener('abort', stop);
      };
    });
  }

  /** WHY listening comes first: the job may be answered while its acceptance is still on its way back. */
  private async settled(submission: Submission, ms: number): Promise<JobRecord> {
    const jobId = jobIdOf(this.parts.acceptance.network, submission.request);
    const wait = this.parts.feed.reached(jobId, { isGood: isSettled, ms, signal: this.parts.stopping });
    try {
      const job = await acceptJob(this.parts.acceptance, submission);
      if (!isSettled(job.state)) await wait.done;
      return job;
    } finally {
      wait.cancel();
    }
  }

  private async known(jobId: Root): Promise<JobRecord> {
    const job = await this.parts.report.storage.jobs.byId(jobId);
    if (!job) throw new AssayError({ code: 'JOB_UNKNOWN', facts: { jobId } });
    return job;
  }
}

function isSettled(state: JobState): boolean {
  return hasAnswer(state) || isTerminal(state);
}
