import type { Address } from 'viem';
import type { Root } from '#core/hashing';
import { AssayError, PROTOCOL_VERSION, type Answer, type Job, type NetworkId, type Presence } from '#core/protocol';
import { DEFAULT_PROFILE } from '#core/onnx';
import type { TestedModel } from '#io/inference';
import { failureOf, type PayloadStore } from '#io/messaging';
import type { ModelShelf } from '#io/artifacts';
import { Drain, VERSION, type Clock, type Logger } from '#platform';
import type { ClaimSigner } from '../claiming/claim-signer.js';
import type { ClaimLedger, LedgerEntry } from '../claiming/ledger.js';
import type { FaultName, RunKind } from '../config.js';
import { runWithFault } from '../faults/index.js';
import { checkCanonical, checkInputRoot, checkJob, type JobCheckParts } from './job-checks.js';
import type { ExecutorMetrics } from './metrics.js';

export interface JobAnsweringParts {
  readonly address: Address;
  readonly network: NetworkId;
  readonly capacity: number;
  readonly fault: FaultName;
  readonly faultEvery: number;
  /** Of an executor that plants canaries: which jobs are some, and who is told of every claim signed. */
  readonly planter?: { isPlanted(jobId: Root): boolean; note(entry: LedgerEntry): void } | undefined;
  readonly models: Pick<ModelShelf<TestedModel>, 'with' | 'loaded'>;
  readonly payloads: Pick<PayloadStore, 'pack' | 'unpack'>;
  readonly ledger: Pick<ClaimLedger, 'find'>;
  readonly signer: Pick<ClaimSigner, 'sign'>;
  /** ERC-1271: what the submitter's contract says. */
  readonly contractSigned: JobCheckParts['contractSigned'];
  readonly metrics: ExecutorMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** WHY a while: most runs take less, and a model's process that is ended has to load the model again. */
const ENDED_AFTER_MS = 1_000;
/** One for longer goes off at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The executor's use case: a job in, a signed claim with its outputs out. */
export class JobAnswering {
  private running = 0;
  private counted = 0;
  /** Jobs in work whose answer nobody wants any more. */
  private readonly calledOff = new Set<Root>();
  /** Ends the run of each job in work. */
  private readonly inWork = new Map<Root, AbortController>();
  private readonly drain = new Drain();

  constructor(private readonly parts: JobAnsweringParts) {}

  /** Never throws: what cannot be done is answered as a failure with its code. */
  async answer(job: Job): Promise<Answer> {
    const { clock, log, metrics } = this.parts;
    const started = clock.now();
    try {
      const answer = await this.drain.run(() => this.withinCapacity(() => this.tracked(job)));
      const ms = clock.now() - started;
      metrics.answered('claimed', ms);
      log.info({ event: 'job.executed', jobId: job.jobId, modelId: job.request.modelId, ms }, 'job executed');
      return answer;
    } catch (err) {
      const failure = failureOf(err);
      metrics.answered(failure.code, clock.now() - started);
      log.warn({ event: 'job.failed', jobId: job.jobId, ...failure, facts: err instanceof AssayError ? err.facts : {} }, 'job not executed');
      return { failure };
    }
  }

  /** Nobody waits for the answer: what has not run yet does not run, what runs on is ended soon, what has run is not signed. */
  callOff(jobId: Root): void {
    const run = this.inWork.get(jobId);
    if (!run) return;
    this.calledOff.add(jobId);
    setTimeout(() => run.abort(), ENDED_AFTER_MS).unref?.();
  }

  /** Takes no more jobs. What is not done after `graceMs` is given back with SHUTTING_DOWN, and not signed. */
  async close(graceMs: number): Promise<void> {
    await this.drain.close(graceMs);
    for (const jobId of this.inWork.keys()) this.calledOff.add(jobId);
  }

  presence(): Presence {
    const { address, capacity, models } = this.parts;
    return { protocol: PROTOCOL_VERSION, role: 'executor', address, version: VERSION, profile: DEFAULT_PROFILE.id, models: models.loaded, capacity, running: this.running };
  }

  private async withinCapacity<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= this.parts.capacity) throw new AssayError({ code: 'CAPACITY_EXHAUSTED', facts: { capacity: this.parts.capacity } });
    this.running++;
    try {
      return await work();
    } finally {
      this.running--;
    }
  }

  private async tracked(job: Job): Promise<Answer> {
    const stop = new AbortController();
    const lease = setTimeout(() => stop.abort(), Math.min(job.leaseUntil - this.parts.clock.now() + ENDED_AFTER_MS, LONGEST_TIMER_MS));
    this.inWork.set(job.jobId, stop);
    try {
      return await this.execute(job, stop.signal);
    } catch (error) {
      if (stop.signal.aborted) this.requireWanted(job);
      throw error;
    } finally {
      clearTimeout(lease);
      this.inWork.delete(job.jobId);
      this.calledOff.delete(job.jobId);
    }
  }

  /** @throws AssayError JOB_CANCELLED, LEASE_LOST */
  private requireWanted({ jobId, leaseUntil }: Job): void {
    if (this.calledOff.has(jobId)) throw new AssayError({ code: 'JOB_CANCELLED', facts: { jobId } });
    if (leaseUntil <= this.parts.clock.now()) throw new AssayError({ code: 'LEASE_LOST', facts: { jobId, leaseUntil } });
  }

  private async execute(job: Job, stop: AbortSignal): Promise<Answer> {
    const { network, clock, models, payloads } = this.parts;
    await checkJob(job, { network, now: clock.now(), contractSigned: this.parts.contractSigned });
    const inputs = await payloads.unpack(job.inputs);
    checkCanonical(inputs);
    const inputRoots = checkInputRoot(job, inputs);
    return models.with(job.request.modelId, async ({ session }) => {
      this.requireWanted(job);
      const fault = await this.faultFor(job);
      const run = await runWithFault(fault, { jobId: job.jobId, session: { ...session, run: (given) => session.run(given, stop) }, inputs });
      this.requireWanted(job);
      const entry = await this.parts.signer.sign({ job, inputs, inputRoots, outputRoot: run.outputRoot, fault });
      this.parts.planter?.note(entry);
      const { claim, signature } = entry;
      this.parts.log.info({ event: 'claim.signed', jobId: job.jobId, outputRoot: claim.outputRoot, fee: claim.fee, insuredValue: claim.insuredValue }, 'claim signed');
      if (run.lie) this.parts.log.info({ event: 'lied', jobId: job.jobId, fault, ...run.lie }, 'this executor lied on purpose');
      return { claim, signature, outputs: await payloads.pack(run.outputs) };
    });
  }

  /** WHY the ledger first: the same job again must give the same claim, also from an executor that lies now and then. */
  private async faultFor(job: Job): Promise<RunKind> {
    const { fault, faultEvery, planter, ledger } = this.parts;
    const known = await ledger.find(job.jobId);
    if (known) return known.fault;
    if (planter?.isPlanted(job.jobId)) return 'canary';
    return fault !== 'none' && ++this.counted % faultEvery === 0 ? fault : 'none';
  }
}
