import { encodeAbiParameters, keccak256, type Address } from 'viem';
import type { Root } from '#core/hashing';
import { AssayError, type Receipt } from '#core/protocol';
import { batchesAbi, type BlockRange, type Chain } from '#io/chain';

/** What a batch charged an account. */
export interface ChargeView {
  readonly batchId: bigint;
  /** Position among the batch's charges. */
  readonly index: number;
  readonly coordinator: Address;
  /** In the token's smallest unit. */
  readonly amount: bigint;
  /** Seconds since 1970, chain time, until which it can be contested. */
  readonly contestableUntil: bigint;
  readonly contest: { readonly contestId: Root; readonly state: 'open' | 'owed' | 'refunded'; readonly deadline: bigint } | undefined;
}

/** What was charged to an account, oldest first; from the chain's logs alone. */
export async function listCharges(chain: Chain, account: Address): Promise<ChargeView[]> {
  const [unit, window, head] = await Promise.all([chain.batches.unit(), chain.charges.contestWindow(), chain.blockNumber()]);
  const found: ChargeView[] = [];
  const read = ({ from, to }: BlockRange) => chain.client.getContractEvents({ address: chain.batches.address, abi: batchesAbi, eventName: 'BatchCommitted', fromBlock: from, toBlock: to, strict: true });
  for (const { args } of await chain.logs.all(read, { from: BigInt(chain.deployment.deployedBlock), to: head })) {
    for (const [index, word] of args.charges.entries()) {
      if (word >> 96n !== BigInt(account)) continue;
      const amount = (word & (2n ** 96n - 1n)) * unit;
      found.push({ batchId: args.batchId, index, coordinator: args.batch.coordinator, amount, contestableUntil: args.batch.committedAt + window, contest: await contestOf(chain, args.batchId, index) });
    }
  }
  return found;
}

/**
 * Contests a charge: the coordinator must show jobs signed by the account that add up to it, or refund it. Locks the contest bond out of the
 * sender's balance in the vault; it is lost if the charge is shown to be owed.
 * @throws AssayError BATCH_UNKNOWN if the batch charged the account nothing; CHAIN_REVERTED
 */
export async function contestCharge(chain: Chain, batchId: bigint, account: Address): Promise<Root> {
  const [batch, charges] = await Promise.all([chain.batches.batch(batchId), chain.batches.chargesOf(batchId)]);
  const index = charges.findIndex((word) => word >> 96n === BigInt(account));
  if (index < 0) throw new AssayError({ code: 'BATCH_UNKNOWN', message: `batch ${batchId} charged ${account} nothing`, facts: { batchId, account } });
  await chain.charges.contest(batchId, batch, { charges, index });
  return contestId(batchId, index);
}

/** After the deadline of a contest that was not answered: takes charge and bond back. @throws AssayError CHAIN_REVERTED before */
export async function resolveContest(chain: Chain, id: Root): Promise<void> {
  await chain.charges.resolve(id);
}

/**
 * Pays the submitter of a job whose batch was withheld what the job insured, out of the coordinator's bond; anybody may send it, once the bond was
 * settled. What the batch charged is refunded by itself.
 * @throws AssayError RECEIPT_NOT_BATCHED, CHAIN_REVERTED
 */
export async function compensateWithheld(chain: Chain, { batch, claim, request }: Receipt): Promise<void> {
  if (!batch) throw new AssayError({ code: 'RECEIPT_NOT_BATCHED' });
  await chain.requests.compensate(batch.id, await chain.batches.batch(batch.id), { claim: claim.message, request: request.message, proof: batch.proof });
}

/** keccak256(abi.encode(batchId, index)), as Charges has it. */
export function contestId(batchId: bigint, index: number): Root {
  return keccak256(encodeAbiParameters([{ type: 'uint256' }, { type: 'uint256' }], [batchId, BigInt(index)]));
}

async function contestOf(chain: Chain, batchId: bigint, index: number): Promise<ChargeView['contest']> {
  const id = contestId(batchId, index);
  const { over, shown, amount, deadline } = await chain.charges.contestOf(id);
  if (deadline === 0n) return undefined;
  return { contestId: id, state: over ? (shown >= amount ? 'owed' : 'refunded') : 'open', deadline };
}
