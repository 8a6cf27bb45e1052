import { inputPartCount, type Tensor } from '#core/hashing';
import { asAssayError, claimDigest, type NetworkId } from '#core/protocol';
import type { ModelShelf } from '#io/artifacts';
import type { Chain, Sent } from '#io/chain';
import type { TestedModel } from '#io/inference';
import type { BatchedClaim } from '#io/messaging';
import type { Clock, Logger } from '#platform';
import type { SeenBatch } from '../watching/batch-watch.js';
import type { PlacedClaim } from './batch-claims.js';

export interface DemandParts {
  readonly chain: Pick<Chain, 'batches' | 'now' | 'requests'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

export interface InputDemandParts extends DemandParts {
  readonly network: NetworkId;
  readonly models: Pick<ModelShelf<TestedModel>, 'with'>;
}

const POLL_MS = 500;
/** A coordinator has one part in so many, of the time in which data can be demanded, to serve it unasked. */
const PATIENCE = 4n;

/** Chain time at which what is not served is demanded on chain: early enough that it can be, as late as is safe. */
export async function demandTime({ chain }: Pick<DemandParts, 'chain'>, { batchId }: SeenBatch): Promise<bigint> {
  const [{ committedAt }, epoch, window] = await Promise.all([chain.batches.batch(batchId), chain.batches.epoch(), chain.requests.publishWindow()]);
  return committedAt + (epoch - window) / PATIENCE;
}

/**
 * Demands a batch's claims on chain, for a bond, or joins the demand of somebody else. Resolves with the claims once they are published; with
 * undefined once the coordinator has lost its bond for not doing so.
 */
export async function demandClaims(batch: SeenBatch, parts: DemandParts): Promise<BatchedClaim[] | undefined> {
  const { chain, clock, signal } = parts;
  const { batchId } = batch;
  const word = await chain.batches.batch(batchId);
  const deadlineOf = async () => (await chain.requests.demandOf(batchId)).deadline;
  await demand({ batchId, what: 'claims', deadlineOf, ask: () => chain.requests.request(batchId, word) }, parts);
  for (; !signal.aborted; await clock.sleep(POLL_MS, signal)) {
    const { over, leaves, deadline } = await chain.requests.demandOf(batchId);
    if (over && leaves === batch.count) return (await chain.requests.published(batchId)).map(({ claim, signature, request }) => ({ claim, signature, request, requestSignature: '0x' }));
    if (over) return undefined;
    if ((await chain.now()) > deadline) await lose({ batchId, what: 'claims' }, async () => chain.requests.resolve(batchId, word, await chain.batches.amountsOf(batchId)), parts);
  }
  return undefined;
}

/** The same for the input of one claim. */
export async function demandInput(batch: SeenBatch, { claim, proof }: PlacedClaim, parts: InputDemandParts): Promise<Tensor[] | undefined> {
  const { chain, clock, models, network, signal } = parts;
  const { batchId } = batch;
  const digest = claimDigest(network, claim);
  const word = await chain.batches.batch(batchId);
  const deadlineOf = async () => (await chain.requests.inputDemandOf(batchId, digest)).deadline;
  // What a model's input is like is in the model; what has another shape is no input of it, and not paid for.
  const count = await models.with(claim.modelId, async ({ session }) => inputPartCount(session.model.manifest.signature.inputs));
  await demand({ batchId, what: 'input', deadlineOf, ask: () => chain.requests.requestInput(batchId, word, { claim, proof, parts: count }) }, parts);
  for (; !signal.aborted; await clock.sleep(POLL_MS, signal)) {
    const { over, deadline } = await chain.requests.inputDemandOf(batchId, digest);
    if (over) return chain.requests.publishedInput(batchId, digest);
    if ((await chain.now()) > deadline) await lose({ batchId, what: 'input' }, async () => chain.requests.resolveInput(batchId, word, { ...(await chain.batches.amountsOf(batchId)), claim: digest }), parts);
  }
  return undefined;
}

interface Demanded {
  readonly batchId: bigint;
  readonly what: 'claims' | 'input';
  /** Zero as long as nobody demanded it. */
  readonly deadlineOf: () => Promise<bigint>;
  readonly ask: () => Promise<Sent>;
}

async function demand({ batchId, what, deadlineOf, ask }: Demanded, { log }: DemandParts): Promise<void> {
  if ((await deadlineOf()) > 0n) return;
  const sent = await ask().catch(async (error: unknown) => {
    if ((await deadlineOf()) === 0n) throw error;
  });
  if (sent) log.warn({ event: 'data.demanded', batchId, what, txHash: sent.hash }, `a batch’s ${what} is not served: demanded on chain`);
}

/** Anybody may send it; where somebody was faster there is nothing left to do. */
async function lose(lost: Pick<Demanded, 'batchId' | 'what'>, resolve: () => Promise<Sent>, { log }: DemandParts): Promise<void> {
  try {
    const { hash } = await resolve();
    log.warn({ event: 'data.withheld', ...lost, txHash: hash }, 'what was demanded was withheld: the coordinator loses its bond');
  } catch (error) {
    log.info({ event: 'data.resolved', ...lost, reason: asAssayError(error).message }, 'a demand was resolved by somebody else');
  }
}
