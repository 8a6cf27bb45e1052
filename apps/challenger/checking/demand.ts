import { inputPartCount, type Tensor } from '#core/hashing';
import { asAssayError, AssayError } from '#core/protocol';
import type { ModelShelf } from '#io/artifacts';
import type { Chain, Sent } from '#io/chain';
import type { TestedModel } from '#io/inference';
import type { BatchedClaim } from '#io/messaging';
import type { Clock, Logger } from '#platform';
import type { SeenBatch } from '../watching/batch-watch.js';
import type { PlacedClaim } from './batch-claims.js';
import type { Gate } from './gate.js';

export interface DemandParts {
  readonly chain: Pick<Chain, 'account' | 'batches' | 'disputes' | 'now' | 'requests' | 'vault'>;
  /** One at a time: who pays next must see what is left. */
  readonly purse: Gate;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

export interface InputDemandParts extends DemandParts {
  readonly models: Pick<ModelShelf<TestedModel>, 'with'>;
}

const POLL_MS = 500;
/** A coordinator has one part in so many, of the time in which data can be demanded, to serve it unasked. */
const PATIENCE = 4n;
/** Room for six tries with the pauses between them. */
const OWN_SECONDS = 30n;
/** Disputes that must stay affordable: a lie that is found already is worth more than a look at another claim. */
const DISPUTES_KEPT = 4n;
/** Leaves in one part of a batch at most; Requests.PART_LEVELS. */
const PART_LEVELS = 7;

/** When what is not served is demanded on chain, in seconds of chain time. */
export interface Patience {
  /** Not before. */
  readonly from: bigint;
  /** And not before a process has asked for so many seconds itself: it may be the one that comes late. */
  readonly own: bigint;
  /** Then in any case. */
  readonly to: bigint;
}

/** Early enough that it can be demanded, published, checked and disputed. */
export async function patienceFor({ chain }: Pick<DemandParts, 'chain'>, { batchId }: SeenBatch): Promise<Patience> {
  const [{ committedAt }, epoch, window] = await Promise.all([chain.batches.batch(batchId), chain.batches.epoch(), chain.requests.publishWindow()]);
  const part = (epoch - window) / PATIENCE;
  return { from: committedAt + part, own: part < OWN_SECONDS ? part : OWN_SECONDS, to: committedAt + (PATIENCE - 1n) * part };
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
  await demand({ batchId, what: 'claims', deadlineOf, count: claimParts(batch.count), ask: () => chain.requests.request(batchId, word) }, parts);
  for (; !signal.aborted; await clock.sleep(POLL_MS, signal)) {
    const { over, leaves, deadline } = await chain.requests.demandOf(batchId);
    if (over && leaves === batch.count) return (await chain.requests.published(batchId)).map(({ claim, signature, request }) => ({ claim, signature, request, requestSignature: '0x' }));
    if (over) return undefined;
    if ((await chain.now()) > deadline) await lose({ batchId, what: 'claims' }, async () => chain.requests.resolve(batchId, word, await chain.batches.amountsOf(batchId)), parts);
  }
  return undefined;
}

/** The same for the input of one claim. */
export async function demandInput(batch: SeenBatch, { claim, digest, proof }: PlacedClaim, parts: InputDemandParts): Promise<Tensor[] | undefined> {
  const { chain, clock, models, signal } = parts;
  const { batchId } = batch;
  const word = await chain.batches.batch(batchId);
  const deadlineOf = async () => (await chain.requests.inputDemandOf(batchId, digest)).deadline;
  // What a model's input is like is in the model; what has another shape is no input of it, and not paid for.
  const count = await models.with(claim.modelId, async ({ session }) => inputPartCount(session.model.manifest.signature.inputs));
  await demand({ batchId, what: 'input', deadlineOf, count, ask: () => chain.requests.requestInput(batchId, word, { claim, proof, parts: count }) }, parts);
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
  /** Parts that are paid for. */
  readonly count: number;
  readonly ask: () => Promise<Sent>;
}

async function demand({ batchId, what, deadlineOf, count, ask }: Demanded, { chain, purse, log }: DemandParts): Promise<void> {
  if ((await deadlineOf()) > 0n) return;
  const sent = await purse.run(async () => {
    await requireMeans(count, chain);
    return ask().catch(async (error: unknown) => {
      if ((await deadlineOf()) === 0n) throw error;
    });
  });
  if (sent) log.warn({ event: 'data.demanded', batchId, what, txHash: sent.hash }, `a batch’s ${what} is not served: demanded on chain`);
}

/** @throws AssayError BALANCE_RESERVED if bonds for disputes would not be left: who answers a demand keeps its bond, and must not be able to empty its challengers */
async function requireMeans(parts: number, { account, disputes, requests, vault }: DemandParts['chain']): Promise<void> {
  const [balance, price, { bond }] = await Promise.all([vault.balanceOf(account!), requests.requestBond(), disputes.parameters()]);
  const needed = price * BigInt(parts) + DISPUTES_KEPT * bond;
  if (balance < needed) throw new AssayError({ code: 'BALANCE_RESERVED', facts: { balance, needed, price, parts, bond, disputesKept: DISPUTES_KEPT } });
}

/** Twin of Requests.partsOf. */
function claimParts(count: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(count)) - PART_LEVELS);
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
