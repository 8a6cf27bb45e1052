import type { Address } from 'viem';
import type { Root, Tensor } from '#core/hashing';
import { AssayError, isDrawn, type NetworkId } from '#core/protocol';
import type { Chain } from '#io/chain';
import { failureOf, type BatchedClaim } from '#io/messaging';
import type { Clock, Logger } from '#platform';
import type { SeenBatch } from '../watching/batch-watch.js';
import { checkBatchRoot } from './batch-claims.js';
import { checkClaim, type Checked, type ClaimCheckParts } from './claim-check.js';
import type { ChallengerMetrics } from './metrics.js';
import type { Gate } from './gate.js';

/** A claim with the batch it is in and what its check found. */
export interface Finding extends Checked {
  readonly batch: SeenBatch;
  readonly index: number;
  readonly batched: BatchedClaim;
}

export interface BatchCheckParts extends ClaimCheckParts {
  readonly address: Address;
  readonly network: NetworkId;
  readonly chain: Pick<Chain, 'batches' | 'beacon' | 'now'> & { readonly headTime: () => Promise<bigint> };
  readonly fetchClaims: (batchId: bigint, count: number) => Promise<BatchedClaim[]>;
  readonly sampleAll: boolean;
  readonly maxChainLagS: number;
  readonly gate: Gate;
  /** What follows from a finding. */
  readonly onFinding: (finding: Finding & { inputs: readonly Tensor[] }) => Promise<void>;
  readonly metrics: ChallengerMetrics;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

const BEACON_POLL_MS = 250;
/** Tries of what the coordinator or the chain may have only a little later. */
const ATTEMPTS = 5;
const RETRY_MS = 500;

/** Works one batch off: waits for its beacon, draws this challenger's share, checks it. Never throws. */
export async function checkBatch(batch: SeenBatch, parts: BatchCheckParts): Promise<void> {
  const { log, signal } = parts;
  try {
    const drawn = await drawShare(batch, parts);
    if (drawn.length === 0) return;
    const claims = await persistently(parts, async () => {
      const served = await parts.fetchClaims(batch.batchId, batch.count);
      checkBatchRoot(batch, served, parts.network);
      return served;
    });
    await Promise.all(drawn.map((index) => parts.gate.run(() => checkOne({ batch, index, batched: claims[index]! }, parts))));
  } catch (err) {
    if (!signal.aborted) log.warn({ event: 'batch.unknown', batchId: batch.batchId, ...failureOf(err), facts: err instanceof AssayError ? err.facts : {} }, 'a batch could not be checked');
  }
}

async function drawShare(batch: SeenBatch, parts: BatchCheckParts): Promise<number[]> {
  const beacon = await beaconOf(batch, parts);
  const rate = await parts.chain.batches.sampleRate();
  const all = Array.from({ length: batch.count }, (_, i) => i);
  const drawn = parts.sampleAll ? all : all.filter((i) => isDrawn(beacon, parts.address, { index: BigInt(i), rate }));
  parts.log.info({ event: 'drawn', batchId: batch.batchId, beacon, rate, of: batch.count, drawn: drawn.slice(0, 64), share: drawn.length }, 'share drawn');
  return drawn;
}

/** Waits for the beacon's block, until the batch can no longer be challenged. */
async function beaconOf(batch: SeenBatch, { chain, clock, signal }: BatchCheckParts): Promise<Root> {
  const [{ committedAt }, window] = await Promise.all([chain.batches.batch(batch.batchId), chain.batches.challengeWindow()]);
  for (;;) {
    if (signal.aborted) throw new AssayError({ code: 'SHUTTING_DOWN' });
    if ((await chain.now()) > committedAt + window) throw new AssayError({ code: 'STATE_CONFLICT', message: 'the batch can no longer be challenged', facts: { batchId: batch.batchId } });
    const beacon = await chain.beacon(batch.batchId);
    if (beacon) return beacon;
    await clock.sleep(BEACON_POLL_MS, signal);
  }
}

async function checkOne(claimed: Pick<Finding, 'batch' | 'index' | 'batched'>, parts: BatchCheckParts): Promise<void> {
  if (parts.signal.aborted) return;
  const started = parts.clock.now();
  const checked = (await nodeIsBehind(parts)) ?? (await checkedPersistently(claimed.batched, parts));
  const finding = { ...claimed, ...checked };
  parts.metrics.checked(checked.verdict.kind);
  report(finding, parts.clock.now() - started, parts.log);
  if (finding.inputs) await parts.onFinding({ ...finding, inputs: finding.inputs });
}

/** An unknown verdict if the chain as this node has it is older than allowed. */
async function nodeIsBehind({ chain, clock, maxChainLagS }: BatchCheckParts): Promise<Checked | undefined> {
  const lag = Math.floor(clock.now() / 1000) - Number(await chain.headTime());
  if (lag <= maxChainLagS) return undefined;
  return { verdict: { kind: 'unknown', reason: failureOf(new AssayError({ code: 'CHAIN_UNREACHABLE', message: `this challenger's node is ${lag} seconds behind` })) } };
}

/** WHY tries: a model or input that is not served this moment is not yet a reason to let a claim pass unchecked. */
async function checkedPersistently(batched: BatchedClaim, parts: BatchCheckParts): Promise<Checked> {
  let checked = await checkClaim(batched, parts);
  for (let attempt = 1; attempt < ATTEMPTS && mayChange(checked) && !parts.signal.aborted; attempt++) {
    await parts.clock.sleep(RETRY_MS * 2 ** attempt, parts.signal);
    checked = await checkClaim(batched, parts);
  }
  return checked;
}

function mayChange({ verdict }: Checked): boolean {
  return verdict.kind === 'unknown' && ['PEER_SILENT', 'DATA_UNAVAILABLE', 'BROKER_UNREACHABLE', 'MODEL_UNKNOWN', 'CAPACITY_EXHAUSTED', 'QUEUE_FULL'].includes(verdict.reason.code);
}

async function persistently<T>({ clock, signal }: BatchCheckParts, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= ATTEMPTS || signal.aborted) throw error;
      await clock.sleep(RETRY_MS * 2 ** attempt, signal);
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
