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
    find: async (root) => {
      const read = ({ from, to }: BlockRange) => chain.client.getLogs({ address: chain.batches.address, fromBlock: from, toBlock: to });
      for await (const logs of chain.logs.pieces(read, { from: await readUpTo(), to: await chain.blockNumber() })) {
        const event = parseEvents(logs).filter(isCommitted).find((e) => e.args.batch.root === root && e.args.coordinator.toLowerCase() === account.toLowerCase());
        if (event) return landingOf(chain, event);
      }
      return undefined;
    },
    numbers: async () => {
      const count = (blockTag: 'latest' | 'pending') => chain.client.getTransactionCount({ address: account, blockTag });
      const [mined, pending] = await Promise.all([count('latest'), count('pending')]);
      return { mined, pending, view: chain.view() };
    },
    view: () => chain.view(),
    room: async () => {
      const { exposure, limit } = await chain.batches.answeredFor(account);
      return limit - exposure;
    },
    hasNoStake: async (executor) => (await chain.vault.stakeOf(executor)).amount === 0n,
    burn: async (nonce) => void (await chain.send({ to: account, data: '0x', call: 'a transaction without effect', nonce })),
  };
}

export async function landingOf(chain: Pick<Chain, 'client'>, event: Committed): Promise<Landing> {
  const { timestamp } = await chain.client.getBlock({ blockNumber: event.blockNumber });
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
