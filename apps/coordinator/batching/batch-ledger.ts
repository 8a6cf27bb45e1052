import { parseEvents, type BlockRange, type Chain, type ChainEvent } from '#io/chain';
import { AssayError } from '#core/protocol';
import type { Landing } from '#io/storage';
import type { BatchLedger } from './batcher.js';

type Committed = Extract<ChainEvent, { eventName: 'BatchCommitted' }>;

/**
 * @param readUpTo the block up to which the chain's events are already in the store
 */
export function batchLedger(chain: Chain, readUpTo: () => Promise<bigint>): BatchLedger {
  const account = chain.account!;
  return {
    commit: async (plan, nonce) => {
      const { receipt } = await chain.batches.commit(plan, { nonce });
      const event = parseEvents(receipt.logs).find(isCommitted);
      if (!event) throw new AssayError({ code: 'INVARIANT_BROKEN', message: 'a commit transaction without its event', facts: { transaction: receipt.transactionHash } });
      return landingOf(chain, event);
    },
    find: async (root, upTo) => {
      const [from, to] = [await readUpTo(), await chain.blockNumber()];
      if (upTo !== undefined && to < upTo) throw behind({ block: upTo, head: to });
      const isOurs = ({ args }: Committed) => args.batch.root === root && args.coordinator.toLowerCase() === account.toLowerCase();
      const events = upTo === undefined ? newestFirst(chain, { from, to }) : allNewestFirst(chain, { from, to });
      for await (const event of events) if (isOurs(event)) return landingOf(chain, event);
      return undefined;
    },
    numbers: async () => {
      const block = await chain.blockNumber();
      const [mined, pending] = await Promise.all([chain.transactionCount(account, { blockNumber: block }), chain.transactionCount(account, { blockTag: 'pending' })]);
      return { mined, pending, block };
    },
    room: async () => {
      const { exposure, limit } = await chain.batches.answeredFor(account);
      return limit - exposure;
    },
    hasNoStake: async (executor) => (await chain.vault.stakeOf(executor)).amount === 0n,
    burn: async (nonce) => void (await chain.send({ to: account, data: '0x', call: 'a transaction without effect', nonce })),
  };
}

async function* newestFirst(chain: Chain, range: BlockRange): AsyncGenerator<Committed, void, void> {
  const read = ({ from, to }: BlockRange) => chain.client.getLogs({ address: chain.batches.address, fromBlock: from, toBlock: to });
  for await (const logs of chain.logs.pieces(read, range)) yield* parseEvents(logs).filter(isCommitted).reverse();
}

/**
 * Every batch of a range, or an error.
 * SAFETY: behind one address there may be several nodes, and one that does not have a block gives no logs of it instead of an error. State at a
 * block only a node tells that has it; so the batches in the logs are held against their number there, down to the first one or below the range.
 */
async function* allNewestFirst(chain: Chain, { from, to }: BlockRange): AsyncGenerator<Committed, void, void> {
  const count = await chain.batches.batchCount(to);
  let next = count;
  for await (const event of newestFirst(chain, { from, to })) {
    if (event.args.batchId !== next--) throw behind({ block: to, batches: count });
    yield event;
  }
  if (next < count || count === 0n) return;
  for await (const { args } of newestFirst(chain, { from: BigInt(chain.deployment.deployedBlock), to: from - 1n })) {
    if (args.batchId === count) return;
    break;
  }
  throw behind({ block: to, batches: count });
}

function behind(facts: Record<string, unknown>): AssayError {
  return new AssayError({ code: 'CHAIN_UNREACHABLE', message: 'What answers for the chain is behind what it said before; looking again later.', facts });
}

export async function landingOf(chain: Pick<Chain, 'block'>, event: Committed): Promise<Landing> {
  const { timestamp } = await chain.block(event.blockNumber);
  return { batchId: event.args.batchId, transaction: event.transactionHash, block: event.blockNumber, committedAt: timestamp };
}

export function isCommitted(event: ChainEvent): event is Committed {
  return event.eventName === 'BatchCommitted';
}

/** Tests only: posts half of the fees, and nothing of what is insured. */
export function understating(ledger: BatchLedger): BatchLedger {
  return { ...ledger, commit: (plan, nonce) => ledger.commit({ ...plan, totals: plan.totals.map((total) => ({ ...total, fees: total.fees / 2n, insuredValue: 0n })) }, nonce) };
}

/** Tests only: charges every submitter twice. */
export function overcharging(ledger: BatchLedger): BatchLedger {
  return { ...ledger, commit: (plan, nonce) => ledger.commit({ ...plan, charges: plan.charges.map((charge) => ({ ...charge, amount: 2n * charge.amount })) }, nonce) };
}
