import type { Address } from 'viem';
import { asAssayError } from '#core/protocol';
import type { Chain } from '#io/chain';
import type { Logger } from '#platform';
import type { SeenBatch } from '../watching/batch-watch.js';
import type { PlacedClaim } from './batch-claims.js';

export interface TotalsParts {
  readonly chain: Pick<Chain, 'batches' | 'charges' | 'network'>;
  readonly watchOnly: boolean;
  readonly log: Logger;
}

/** Claims counted in one transaction: about two million gas. */
const COUNTED_AT_ONCE = 128;
const LOW_48 = 2n ** 48n - 1n;

/** Claims of one executor that come to more than a batch's totals say, in the order in which they are counted. */
export interface Understated {
  readonly executor: Address;
  readonly claims: readonly PlacedClaim[];
}

/** An executor whose claims come to more than the packed totals say, with as few of its claims as show it. */
export function understatedIn(claims: readonly PlacedClaim[], totals: readonly bigint[], unit: bigint): Understated | undefined {
  for (const executor of new Set(claims.map(({ claim }) => claim.executor))) {
    const own = claims.filter(({ claim }) => claim.executor === executor);
    const posted = totals.filter((word) => word >> 96n === BigInt(executor));
    const sum = (part: (word: bigint) => bigint) => posted.reduce((total, word) => total + part(word), 0n);
    // Fees are posted rounded down to a unit, insured value up.
    const enough = surpassing(own, (one) => one.claim.fee, (sum((word) => (word >> 48n) & LOW_48) + 1n) * unit) ?? surpassing(own, (one) => one.claim.insuredValue, sum((word) => word & LOW_48) * unit + 1n);
    if (enough) return { executor, claims: enough.sort((a, b) => (a.digest < b.digest ? -1 : 1)) };
  }
  return undefined;
}

/** The largest ones that reach `bound` together; undefined if all of them do not. */
function surpassing(claims: readonly PlacedClaim[], amountOf: (one: PlacedClaim) => bigint, bound: bigint): PlacedClaim[] | undefined {
  let sum = 0n;
  const sorted = [...claims].sort((a, b) => (amountOf(a) > amountOf(b) ? -1 : 1));
  const end = sorted.findIndex((one) => (sum += amountOf(one)) >= bound);
  return end < 0 ? undefined : sorted.slice(0, end + 1);
}

/** Looks whether a batch's totals cover its claims; convicts its coordinator if not. Never throws. */
export async function checkTotals({ batchId, coordinator }: SeenBatch, claims: readonly PlacedClaim[], { chain, watchOnly, log }: TotalsParts): Promise<void> {
  try {
    const [{ totals }, unit] = await Promise.all([chain.batches.amountsOf(batchId), chain.batches.unit()]);
    const found = understatedIn(claims, totals, unit);
    if (!found) return;
    const facts = { batchId, coordinator, executor: found.executor, claims: found.claims.length };
    log.warn({ event: 'totals.understated', ...facts, watchOnly }, 'a batch’s totals say less than its claims: they got around the exposure rule');
    if (watchOnly || BigInt((await chain.batches.coordinatorOf(coordinator)).convictor) !== 0n) return;
    const batch = await chain.batches.batch(batchId);
    for (let first = 0; first < found.claims.length; first += COUNTED_AT_ONCE) {
      const counted = found.claims.slice(first, first + COUNTED_AT_ONCE);
      const { hash, gasUsed } = await chain.charges.countClaims(batchId, batch, { totals, executor: found.executor, claims: counted.map(({ claim }) => claim), proofs: counted.map(({ proof }) => proof) });
      log.info({ event: 'totals.counted', ...facts, counted: counted.length, gas: gasUsed, txHash: hash }, 'claims were counted on chain');
    }
  } catch (error) {
    const { code, message } = asAssayError(error);
    log.warn({ event: 'totals.unknown', batchId, code, reason: message }, 'a batch’s totals could not be checked');
  }
}
