import type { Root } from '#core/hashing';
import { AssayError, canaryLeaf, claimDigest, isTerminal, type Claim, type Receipt } from '#core/protocol';
import { CANARY_PHASES, finderOf, findingOf } from '#io/chain';
import type { Logger } from '#platform';
import type { Assay } from '#sdk';
import type { LedgerEntry } from '../claiming/ledger.js';
import { measureCheckers } from './measuring.js';
import { prepareCanary, randomBelow, type PlantingParts } from './planting.js';
import type { CanaryRecord } from './records.js';

export interface PlanterParts extends PlantingParts {
  /** A submitter's connection to the coordinator, as any other's. */
  readonly assay: Pick<Assay, 'send' | 'job'>;
  readonly log: Logger;
}

/** Canaries not over at once: each locks a bond. */
const MAX_OPEN = 64;
const TICK_MS = 1_000;
/** Seconds after a request's deadline at which nobody answers it any more. */
const GRACE_S = 60n;
const NOTHING = `0x${'00'.repeat(32)}` as const;
const NO_FINDING = { batchId: 0n, claim: NOTHING, trueRoot: NOTHING, traceRoot: NOTHING, truth: NOTHING, finder: `0x${'00'.repeat(20)}` } as const;

/** Plants canaries now and then, opens every one before it is final, and has the checkers measured by it. */
export class Planter {
  /** Jobs to answer falsely if they come here, and their canaries. */
  private readonly live = new Map<Root, Root>();
  private readonly submitted = new Set<Root>();
  /** Given up, whether the chain knows it yet or not: not to be answered falsely any more. */
  private readonly givenUp = new Set<Root>();
  private readonly measured = new Set<Root>();
  private known: readonly CanaryRecord[] = [];
  private plantAt: number;
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;

  constructor(private readonly parts: PlanterParts) {
    this.plantAt = parts.clock.now() + randomBelow(parts.intervalMs);
  }

  /** Resolves when it knows its canaries: before that no job may be answered. */
  async start(): Promise<void> {
    this.known = await this.parts.records.all();
    for (const record of this.known) if ((await this.look(record)).phase === 'planted') this.live.set(record.secret.jobId, record.id);
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Whether the answer to this job is to be false. */
  isPlanted(jobId: Root): boolean {
    return this.live.has(jobId);
  }

  /** Whether a claim in dispute is a canary's: it is opened, not defended. */
  isOpened({ jobId, outputRoot }: Pick<Claim, 'jobId' | 'outputRoot'>): boolean {
    return this.known.some(({ secret }) => secret.jobId === jobId && secret.falseRoot === outputRoot);
  }

  /** Told of every claim signed here: canaries are made to look like those. */
  note(entry: LedgerEntry): void {
    this.parts.served.note(entry);
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.tick().catch((err: unknown) => this.failed(undefined, err));
      await this.parts.clock.sleep(TICK_MS, signal);
    }
  }

  private async tick(): Promise<void> {
    const { clock, records, intervalMs } = this.parts;
    const open = await records.all();
    this.known = open;
    for (const record of open) await this.advance(record).catch((err: unknown) => this.failed(record, err));
    if (clock.now() < this.plantAt || open.length >= MAX_OPEN || !(await prepareCanary(this.parts))) return;
    // WHY up to twice the interval: evenly spaced ones would be known by their time.
    this.plantAt = clock.now() + randomBelow(2 * intervalMs);
  }

  private failed(record: CanaryRecord | undefined, err: unknown): void {
    this.parts.log.warn({ event: 'canary.failed', canary: record?.id, err }, 'a canary waits');
  }

  private async look({ id }: CanaryRecord) {
    const { phase, since, plantedAt } = await this.parts.chain.canaries.canaryOf(id);
    return { phase: CANARY_PHASES[phase]!, since, plantedAt };
  }

  private async advance(record: CanaryRecord): Promise<void> {
    const { phase, since, plantedAt } = await this.look(record);
    if (phase === 'none') return this.plant(record);
    if (phase === 'over') return this.parts.records.remove(record.id);
    const { chain } = this.parts;
    const [now, trial, life] = await Promise.all([chain.now(), chain.canaries.trial(), chain.canaries.life()]);
    // SAFETY: what is in a batch of the second it was planted in can't be opened, and would be a lie like any other.
    if (phase === 'planted' && now <= plantedAt) return;
    if (phase === 'planted' && now <= plantedAt + life) return this.follow(record);
    if (phase !== 'planted' && now <= since + trial) return;
    if (phase === 'opened') return this.conclude(record, now > since + 2n * trial);
    await chain.canaries.settle(record.id, NO_FINDING);
  }

  private async plant(record: CanaryRecord): Promise<void> {
    const { chain, clock, log, records } = this.parts;
    if (record.request.deadline * 1000n <= BigInt(clock.now())) return records.remove(record.id);
    await chain.canaries.plant(canaryLeaf(record.secret), record.bond);
    this.live.set(record.secret.jobId, record.id);
    log.info({ event: 'canary.planted', canary: record.id, bond: record.bond }, 'canary planted');
  }

  /** Submits it, and opens or withdraws it by who answered. */
  private async follow(record: CanaryRecord): Promise<void> {
    const { secret, request } = record;
    if (this.parts.clock.now() < record.submitAt) return;
    if (this.givenUp.has(record.id)) return this.withdraw(record);
    this.live.set(secret.jobId, record.id);
    this.submit(record);
    const job = await this.parts.assay.job(secret.jobId).catch((err: unknown) => unknownJob(err));
    const claim = job?.receipt?.claim.message;
    if (claim?.executor.toLowerCase() === secret.executor.toLowerCase() && claim.outputRoot === secret.falseRoot) return this.openWhenDue(record, job!.receipt!);
    const late = (await this.parts.chain.now()) > request.deadline + GRACE_S;
    if (claim || (job && isTerminal(job.state)) || late) await this.withdraw(record);
  }

  /** Once a life; the same request again is the same job. */
  private submit(record: CanaryRecord): void {
    const { assay, log, records } = this.parts;
    const { id, secret, request, signature } = record;
    if (this.submitted.has(id)) return;
    this.submitted.add(id);
    const send = async () => assay.send({ message: request, signature, jobId: secret.jobId }, { inputs: await records.inputsOf(record) });
    void send().catch((err: unknown) => log.info({ event: 'canary.unanswered', canary: id, err }, 'a canary was not answered'));
  }

  /**
   * WHY not before the second half of the window, even if it is disputed: until then checkers commit to what they found, and the
   * opening says what there is to find. A game takes longer than that to cost a stake.
   */
  private async openWhenDue({ id, secret, request }: CanaryRecord, { claim: { message: claim }, batch: place }: Receipt): Promise<void> {
    const { chain, executor, submitter, log } = this.parts;
    if (!place) return;
    const [batch, redrawn, now] = await Promise.all([chain.batches.batch(place.id), chain.beacons.redrawnAt(place.id), chain.now()]);
    const window = BigInt(batch.challengeWindow);
    const start = batch.committedAt > redrawn ? batch.committedAt : redrawn;
    const last = batch.committedAt + (window * 9n) / 10n;
    if (now <= start + window / 2n && now < last) return;
    const consents = await Promise.all([submitter, executor].map((account) => account.signMessage({ message: { raw: id } })));
    // WHY also here: checkers that are all asleep leave no beacon to measure them by.
    await chain.provenBeacon(place.id).catch((err: unknown) => log.warn({ event: 'canary.failed', canary: id, err }, 'a canary will measure nobody'));
    const finder = await finderOf(chain, claimDigest(chain.network, claim));
    await chain.canaries.open(id, { secret, claim, request, submitterConsent: consents[0]!, executorConsent: consents[1]!, batchId: place.id, batch, proof: place.proof, finder });
    this.live.delete(secret.jobId);
    log.info({ event: 'canary.opened', canary: id, jobId: secret.jobId, batchId: place.id, finder }, 'canary opened');
  }

  /** A false answer after this has no cover: the job is off the list first. */
  private async withdraw({ id, secret }: CanaryRecord): Promise<void> {
    const { chain, log } = this.parts;
    this.givenUp.add(id);
    this.live.delete(secret.jobId);
    await chain.canaries.withdraw(id, secret);
    log.info({ event: 'canary.withdrawn', canary: id, jobId: secret.jobId }, 'canary withdrawn: another executor answered, or nobody');
  }

  private async conclude({ id }: CanaryRecord, settle: boolean): Promise<void> {
    const { chain, log } = this.parts;
    const finding = await findingOf(chain, id);
    if (!finding) return;
    if (!this.measured.has(id) && (await measureCheckers(chain, { id, finding, log }))) this.measured.add(id);
    if (settle) await chain.canaries.settle(id, finding);
  }
}

/** A job the coordinator does not know yet. */
function unknownJob(error: unknown): undefined {
  if (error instanceof AssayError && error.code === 'JOB_UNKNOWN') return undefined;
  throw error;
}
