import { asAssayError } from '#core/protocol';
import type { Chain } from '#io/chain';
import type { BatchedClaim } from '#io/messaging';
import type { Clock, Logger } from '#platform';
import type { SeenBatch } from '../watching/batch-watch.js';

export interface DemandParts {
  readonly chain: Pick<Chain, 'batches' | 'now' | 'requests'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
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
 * undefined once the coordinator has paid for not doing so and the submitters have their charges back.
 */
export async function demandClaims(batch: SeenBatch, parts: DemandParts): Promise<BatchedClaim[] | undefined> {
  const { chain, clock, log, signal } = parts;
  const { batchId } = batch;
  const word = await chain.batches.batch(batchId);
  if ((await chain.requests.demandOf(batchId)).deadline === 0n) {
    const sent = await chain.requests.request(batchId, word).catch(async (error: unknown) => {
      if ((await chain.requests.demandOf(batchId)).deadline === 0n) throw error;
    });
    if (sent) log.warn({ event: 'data.demanded', batchId, txHash: sent.hash }, 'a batch’s claims are not served: demanded on chain');
  }
  for (; !signal.aborted; await clock.sleep(POLL_MS, signal)) {
    const { over, leaves, deadline } = await chain.requests.demandOf(batchId);
    if (over && leaves === batch.count) return (await chain.requests.published(batchId)).map(({ claim, signature, request }) => ({ claim, signature, request, requestSignature: '0x' }));
    if (over) return undefined;
    if ((await chain.now()) > deadline) await refundAll(batch, parts);
  }
  return undefined;
}

/** Anybody may send each of these; where somebody was faster there is nothing left to do. */
async function refundAll({ batchId }: SeenBatch, { chain, log }: DemandParts): Promise<void> {
  const [word, charges] = await Promise.all([chain.batches.batch(batchId), chain.batches.chargesOf(batchId)]);
  await chain.requests.resolve(batchId, word, charges).catch((error: unknown) => log.info({ event: 'data.resolved', batchId, reason: asAssayError(error).message }, 'a demand was resolved by somebody else'));
  const refunds = charges.map((_, index) => chain.requests.refund(batchId, word, { charges, index }).then(() => 1, () => 0));
  const paid: number = (await Promise.all(refunds)).reduce<number>((sum, one) => sum + one, 0);
  log.warn({ event: 'data.withheld', batchId, refunds: paid }, 'claims were withheld: the coordinator’s bond pays the charges back');
}
