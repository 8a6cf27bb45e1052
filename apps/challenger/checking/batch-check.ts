import type { Address } from 'viem';
import type { Root, Tensor } from '#core/hashing';
import { AssayError, isDrawn, isDrawnForClaim, type NetworkId } from '#core/protocol';
import type { Chain } from '#io/chain';
import { failureOf, type BatchedClaim } from '#io/messaging';
import type { Clock, Logger } from '#platform';
import type { BatchRuns, PaidChecks } from '../earning/paid-checks.js';
import type { SeenBatch } from '../watching/batch-watch.js';
import { claimsOfBatch, type PlacedClaim } from './batch-claims.js';
import { demandClaims, demandInput, patienceFor, type DemandParts, type Patience } from './demand.js';
import { checkClaim, type Checked, type ClaimCheckParts } from './claim-check.js';
import type { ChallengerMetrics } from './metrics.js';
import type { Gate } from './gate.js';
import type { Evidence, Misconduct } from './misconduct.js';
import type { RightClaims } from './right-claims.js';

/** A claim with the batch it is in and what its check found. */
export interface Finding extends Checked {
  readonly batch: SeenBatch;
  /** Position in the draw order. */
  readonly index: number;
  readonly batched: PlacedClaim;
}

export interface BatchCheckParts extends ClaimCheckParts {
  readonly address: Address;
  readonly network: NetworkId;
  readonly chain: DemandParts['chain'] & Pick<Chain, 'beacon'> & { readonly headTime: () => Promise<bigint> };
  readonly fetchClaims: (batchId: bigint, count: number) => Promise<BatchedClaim[]>;
  readonly sampleAll: boolean;
  /** Whether claims that are not served are demanded on chain. */
  readonly demands: boolean;
  readonly maxChainLagS: number;
  readonly gate: Gate;
  readonly purse: Gate;
  /** Batches whose claims are fetched at once: whoever starts has those of a whole window to ask for. */
  readonly fetches: Gate;
  /** What follows from a finding. */
  readonly onFinding: (finding: Finding & { inputs: readonly Tensor[] }) => Promise<void>;
  /** What was found right before is not run again; left out by who disputes right claims. */
  readonly right?: Pick<RightClaims, 'has' | 'add'>;
  /** Takes part in paid checks; left out by who does not. */
  readonly paid?: Pick<PaidChecks, 'isSeatedFor' | 'open'>;
  /** Convicts by signatures alone; given every claim of a batch of which anything was drawn. */
  readonly misconduct: Misconduct;
  readonly onEvidence: (evidence: Evidence) => Promise<void>;
  /** Convicts a coordinator whose totals say less than its claims. */
  readonly onClaims: (batch: SeenBatch, claims: readonly PlacedClaim[]) => Promise<void>;
  readonly metrics: ChallengerMetrics;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

const BEACON_POLL_MS = 250;
/** Pauses between tries of what the coordinator may have only later; tries end with the batch's window. */
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;
const NEVER = 2n ** 64n;

/** Of a batch. */
interface Times {
  /** When it can no longer be challenged, in seconds of chain time. */
  readonly until: bigint;
  /** When what is not served is demanded. WHY known beforehand: asked for each claim, a window of batches takes tens of thousands of calls of the chain, and moves in disputes wait behind them. */
  readonly patience: bigint | Patience;
}

/** Works one batch off: waits for its beacon, draws this challenger's share, checks it. Never throws. */
export async function checkBatch(batch: SeenBatch, parts: BatchCheckParts): Promise<void> {
  const { log, signal } = parts;
  try {
    const latest = await persistently(() => latestEnd(parts), NEVER, parts);
    const until = await persistently(() => windowEnd(batch, parts), latest, parts);
    const draw = await persistently(() => drawOf(batch, until, parts), until, parts);
    if (draw.isEmpty) return;
    const patience = parts.demands ? await persistently(() => patienceFor(parts, batch), until, parts) : until;
    const claims = await claimsOf(batch, { until, patience }, parts);
    await parts.onClaims(batch, claims);
    for (const evidence of parts.misconduct.evidenceIn(batch.batchId, claims)) await parts.onEvidence(evidence);
    const runs = parts.paid && (await persistently(() => parts.paid!.open(batch, draw.beacon), until, parts));
    const drawn = claims.map((batched, index) => ({ batch, index, batched })).filter(draw.falls);
    reportDraw(batch, draw, drawn.map(({ index }) => index), log);
    await Promise.all(drawn.map((claimed) => checkOne(claimed, { until, patience, runs }, parts)));
    await runs?.complete();
  } catch (err) {
    if (signal.aborted) return;
    if (err instanceof AssayError && err.code === 'STATE_CONFLICT') return log.info({ event: 'batch.closed', batchId: batch.batchId }, 'the batch can no longer be challenged');
    log.warn({ event: 'batch.unknown', batchId: batch.batchId, ...failureOf(err), facts: err instanceof AssayError ? err.facts : {} }, 'a batch could not be checked');
  }
}

/** Chain time in seconds after which no batch that is there now can be challenged. */
async function latestEnd({ chain }: BatchCheckParts): Promise<bigint> {
  const [now, window] = await Promise.all([chain.now(), chain.batches.challengeWindow()]);
  return now + window;
}

/**
 * Chain time in seconds after which the batch can no longer be challenged.
 * @throws AssayError CHAIN_UNREACHABLE if the endpoint that answers is behind the one that told of the batch: its window would seem over
 */
async function windowEnd({ batchId, root }: SeenBatch, { chain }: BatchCheckParts): Promise<bigint> {
  const [batch, window] = await Promise.all([chain.batches.batch(batchId), chain.batches.challengeWindow()]);
  if (batch.root === root) return batch.committedAt + window;
  throw new AssayError({ code: 'CHAIN_UNREACHABLE', message: 'the endpoint does not have the batch', facts: { batchId, root, found: batch.root } });
}

/** As the coordinator serves them, or else as it must publish them. */
async function claimsOf(batch: SeenBatch, { until, patience }: Times, parts: BatchCheckParts): Promise<PlacedClaim[]> {
  const served = (before: bigint | Patience) => persistently(() => servedClaims(batch, parts), before, parts);
  if (!parts.demands) return served(until);
  try {
    return await served(patience);
  } catch (error) {
    if (parts.signal.aborted) throw error;
  }
  const published = await demanded(() => demandClaims(batch, parts), { batchId: batch.batchId }, parts);
  return published ? claimsOfBatch(batch, published, parts.network) : served(until);
}

async function servedClaims(batch: SeenBatch, { fetchClaims, fetches, network }: BatchCheckParts): Promise<PlacedClaim[]> {
  return claimsOfBatch(batch, await fetches.run(() => fetchClaims(batch.batchId, batch.count)), network);
}

/** What falls to this challenger. */
interface Draw {
  readonly beacon: Root;
  readonly rate: bigint;
  /** Whether that is nothing, so that no claim is needed. */
  readonly isEmpty: boolean;
  readonly falls: (claimed: Claimed) => boolean;
}

type Claimed = Pick<Finding, 'batch' | 'index' | 'batched'>;

/** By claim with a seat for paid checks, by place in the batch without; everything if it is told so. */
async function drawOf(batch: SeenBatch, until: bigint, parts: BatchCheckParts): Promise<Draw> {
  const { chain, address, sampleAll, paid } = parts;
  const beacon = await beaconOf(batch, until, parts);
  const rate = await chain.batches.sampleRate();
  if (sampleAll) return { beacon, rate, isEmpty: false, falls: () => true };
  if (await paid?.isSeatedFor(batch)) return { beacon, rate, isEmpty: false, falls: ({ batched: { digest } }) => isDrawnForClaim(beacon, address, { claim: digest, rate }) };
  const indices = new Set(Array.from({ length: batch.count }, (_, i) => i).filter((i) => isDrawn(beacon, address, { index: BigInt(i), rate })));
  if (indices.size === 0) reportDraw(batch, { beacon, rate }, [], parts.log);
  return { beacon, rate, isEmpty: indices.size === 0, falls: ({ index }) => indices.has(index) };
}

function reportDraw({ batchId, count }: SeenBatch, { beacon, rate }: Pick<Draw, 'beacon' | 'rate'>, drawn: readonly number[], log: Logger): void {
  log.info({ event: 'drawn', batchId, beacon, rate, of: count, drawn: drawn.slice(0, 64), share: drawn.length }, 'share drawn');
}

/** Waits for the beacon's block, until the batch can no longer be challenged. */
async function beaconOf({ batchId }: SeenBatch, until: bigint, { chain, clock, signal }: BatchCheckParts): Promise<Root> {
  for (;;) {
    if (signal.aborted) throw new AssayError({ code: 'SHUTTING_DOWN' });
    if ((await chain.now()) > until) throw new AssayError({ code: 'STATE_CONFLICT', message: 'the batch can no longer be challenged', facts: { batchId, until } });
    const beacon = await chain.beacon(batchId);
    if (beacon) return beacon;
    await clock.sleep(BEACON_POLL_MS, signal);
  }
}

async function checkOne(claimed: Claimed, { runs, ...times }: Times & { readonly runs: BatchRuns | undefined }, parts: BatchCheckParts): Promise<void> {
  if (parts.signal.aborted) return;
  // WHY not for paid checks: they need the run.
  if (!runs && parts.right?.has(claimed.batched.digest)) return;
  const started = parts.clock.now();
  const checked = await verdictOn(claimed, times, parts);
  const finding = { ...claimed, ...checked };
  parts.metrics.checked(checked.verdict.kind);
  report(finding, parts.clock.now() - started, parts.log);
  if (finding.verdict.kind === 'valid') await parts.right?.add(claimed.batched.digest).catch((err: unknown) => parts.log.warn({ event: 'claim.forgotten', err }, 'a restart will check this claim again'));
  if (finding.inputs) await parts.onFinding({ ...finding, inputs: finding.inputs });
  if (finding.inputs && finding.run) await runs?.note(claimed.batched, finding.run, finding.inputs);
}

/** By inputs as the coordinator serves them, or else as it must publish them. */
async function verdictOn({ batch, batched }: Pick<Finding, 'batch' | 'batched'>, { until, patience }: Times, parts: BatchCheckParts): Promise<Checked> {
  if (!parts.demands) return persistentVerdict(batched, until, parts);
  const checked = await persistentVerdict(batched, patience, parts);
  if (!mayChange(checked)) return checked;
  // WHY not of a node that is behind: what it cannot have is not the coordinator's fault.
  const inputs = checked.inputs || (await nodeIsBehind(parts)) ? undefined : await demanded(() => demandInput(batch, batched, parts), { batchId: batch.batchId, jobId: batched.claim.jobId }, parts);
  const now = await parts.chain.now();
  return persistentVerdict(batched, inputs && now > until ? now : until, inputs ? { ...parts, fetchInputs: async () => inputs } : parts);
}

/** What was published on demand; undefined, and so to be asked for again, if it was withheld or could not be demanded. */
async function demanded<T>(demand: () => Promise<T | undefined>, facts: { batchId: bigint; jobId?: Root }, { log }: BatchCheckParts): Promise<T | undefined> {
  try {
    return await demand();
  } catch (err) {
    log.warn({ event: 'demand.failed', ...facts, ...failureOf(err) }, 'what is not served could not be demanded on chain; asking for it until the window ends');
    return undefined;
  }
}

/** WHY tries: a model, an input or a block that is not served this moment is no reason to let a claim pass unchecked. */
async function persistentVerdict(batched: BatchedClaim, until: bigint | Patience, parts: BatchCheckParts): Promise<Checked> {
  let checked: Checked | undefined;
  try {
    return await persistently(async () => {
      // WHY a place for each try and not for all of them: what cannot be had must not keep other claims from being checked.
      checked = await parts.gate.run(async () => (await nodeIsBehind(parts)) ?? (await checkClaim(batched, { ...parts, traced: parts.paid !== undefined })));
      if (mayChange(checked)) throw new AssayError({ code: 'DATA_UNAVAILABLE' });
      return checked;
    }, until, parts);
  } catch (error) {
    return checked ?? { verdict: { kind: 'unknown', reason: failureOf(error) } };
  }
}

/** An unknown verdict if the chain as this node has it is older than allowed. */
async function nodeIsBehind({ chain, clock, maxChainLagS }: BatchCheckParts): Promise<Checked | undefined> {
  const lag = Math.floor(clock.now() / 1000) - Number(await chain.headTime());
  if (lag <= maxChainLagS) return undefined;
  return { verdict: { kind: 'unknown', reason: failureOf(new AssayError({ code: 'CHAIN_UNREACHABLE', message: `this challenger's node is ${lag} seconds behind` })) } };
}

/** What another try finds again: the claim itself, or this machine. WHY all else may change: a peer in trouble answers with any code. */
const LASTING: ReadonlySet<string> = new Set(['CLAIM_INVALID', 'CLAIM_SIGNATURE_INVALID', 'SELF_TEST_FAILED', 'MODEL_ID_MISMATCH', 'MODEL_TOO_LARGE', 'MODEL_QUARANTINED']);

function mayChange({ verdict }: Checked): boolean {
  return verdict.kind === 'unknown' && !LASTING.has(verdict.reason.code);
}

/** Tries until it works, with growing pauses, as long as the batch can be challenged. */
async function persistently<T>(work: () => Promise<T>, until: bigint | Patience, { chain, clock, signal }: BatchCheckParts): Promise<T> {
  const { from, own, to } = typeof until === 'bigint' ? { from: until, own: 0n, to: until } : until;
  let began: number | undefined;
  for (let pause = FIRST_RETRY_MS; ; pause = Math.min(2 * pause, MAX_RETRY_MS)) {
    try {
      return await work();
    } catch (error) {
      // WHY not sooner: the first try may have waited long for its turn.
      began ??= clock.now();
      await clock.sleep(pause, signal);
      // WHY a silent chain counts as time left: the batch stays in work, so a restart looks at it again.
      const hasAsked = clock.now() - began >= Number(own) * 1000;
      if (signal.aborted || (await chain.now().catch(() => 0n)) > (hasAsked ? from : to)) throw error;
    }
  }
}

function report({ batch, index, batched: { claim }, verdict }: Finding, ms: number, log: Logger): void {
  const facts = { batchId: batch.batchId, index, jobId: claim.jobId, executor: claim.executor, ms };
  switch (verdict.kind) {
    case 'valid':
      return log.info({ event: 'check.passed', ...facts }, 'claim checked: right');
    case 'invalid':
      return log.info({ event: 'check.failed', ...facts, claimed: claim.outputRoot, computed: verdict.computed }, 'claim checked: wrong');
    case 'unknown':
      return log.warn({ event: 'check.unknown', ...facts, ...verdict.reason }, 'claim not checked');
  }
}
