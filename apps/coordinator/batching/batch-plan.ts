import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import type { Address } from 'viem';
import type { Root } from '#core/hashing';
import { BATCH_LEAF_TYPES, type Claim } from '#core/protocol';

/** A claim on its way into a batch. */
export interface Batchable {
  readonly digest: Root;
  readonly claim: Claim;
  readonly request: { readonly submitter: Address };
}

export interface BatchPlan {
  readonly root: Root;
  /** Claim digests in leaf order. */
  readonly leaves: readonly Root[];
  readonly totals: readonly { readonly executor: Address; readonly fees: bigint; readonly insuredValue: bigint }[];
  readonly charges: readonly { readonly submitter: Address; readonly amount: bigint }[];
}

/** Each is a storage write in the commit transaction, and that has a highest gas (EIP-7825). */
export const MAX_ACCOUNTS_PER_BATCH = 200;

/**
 * The largest plan over the first claims that stays within the number of accounts; undefined for no claims.
 * What the contract demands: fees and charges balance, an executor appears once, and only with fees or insured value.
 * @param room what the coordinator's bond can still answer for; a claim that does not fit is left for later
 */
export function planBatch(claims: readonly Batchable[], room?: bigint): BatchPlan | undefined {
  const totals = new Map<string, { executor: Address; fees: bigint; insuredValue: bigint }>();
  const charges = new Map<string, { submitter: Address; amount: bigint }>();
  const leaves: Root[] = [];
  let left = room;
  for (const { digest, claim, request } of claims) {
    const total = totals.get(claim.executor) ?? { executor: claim.executor, fees: 0n, insuredValue: 0n };
    const charge = charges.get(request.submitter) ?? { submitter: request.submitter, amount: 0n };
    const accounts = totals.size + charges.size + Number(!totals.has(claim.executor)) + Number(!charges.has(request.submitter));
    if (accounts > MAX_ACCOUNTS_PER_BATCH) break;
    if (left !== undefined) {
      // A fee counts divided by q, which is one half or more.
      const cost = claim.insuredValue + 2n * claim.fee;
      if (cost > left) continue;
      left -= cost;
    }
    totals.set(claim.executor, { ...total, fees: total.fees + claim.fee, insuredValue: total.insuredValue + claim.insuredValue });
    charges.set(request.submitter, { ...charge, amount: charge.amount + claim.fee });
    leaves.push(digest);
  }
  if (leaves.length === 0) return undefined;
  return {
    root: batchTree(leaves).root as Root,
    leaves,
    totals: [...totals.values()].filter(({ fees, insuredValue }) => fees > 0n || insuredValue > 0n),
    charges: [...charges.values()].filter(({ amount }) => amount > 0n),
  };
}

export function batchTree(leaves: readonly Root[]): StandardMerkleTree<[Root]> {
  return StandardMerkleTree.of(leaves.map((leaf): [Root] => [leaf]), BATCH_LEAF_TYPES);
}
