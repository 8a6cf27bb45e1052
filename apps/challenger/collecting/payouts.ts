import type { Address } from 'viem';
import { asAssayError } from '#core/protocol';
import { batchesAbi, requestsAbi, type BlockRange, type Chain } from '#io/chain';
import type { Clock, Logger } from '#platform';

export interface PayoutParts {
  readonly chain: Pick<Chain, 'batches' | 'blockNumber' | 'client' | 'deployment' | 'finalityDepth' | 'logs' | 'now' | 'requests'>;
  readonly self: Address;
  readonly pollMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/**
 * Has lost bonds paid out that this challenger's demands or proofs took: once contested charges can no longer need them, what is its own, and the
 * charges of the batches that were withheld. What there is to do follows from the chain alone, so a restart loses nothing.
 */
export class Payouts {
  private readonly convicted = new Set<Address>();
  private readonly withheld = new Map<bigint, Address>();
  /** Batches that need nothing more; events that are not final yet are read again. */
  private readonly paid = new Set<bigint>();
  private next: bigint;

  constructor(private readonly parts: PayoutParts) {
    this.next = BigInt(parts.chain.deployment.deployedBlock);
  }

  async run(): Promise<void> {
    const { clock, log, pollMs, signal } = this.parts;
    for (; !signal.aborted; await clock.sleep(pollMs, signal)) {
      await this.round().catch((error: unknown) => signal.aborted || log.info({ event: 'payout.later', reason: asAssayError(error).message }, 'lost bonds could not be paid out yet; trying again'));
    }
  }

  private async round(): Promise<void> {
    await this.read();
    for (const coordinator of this.convicted) if (await this.settled(coordinator)) this.convicted.delete(coordinator);
    for (const [batchId, coordinator] of this.withheld) if ((await this.parts.chain.requests.potOf(coordinator)).sweepableAt > 0n) await this.refund(batchId);
  }

  private async read(): Promise<void> {
    const { chain, self } = this.parts;
    const head = await chain.blockNumber();
    const range = { from: this.next, to: head };
    const convictions = ({ from, to }: BlockRange) => chain.client.getContractEvents({ address: chain.batches.address, abi: batchesAbi, eventName: 'Convicted', args: { by: self }, fromBlock: from, toBlock: to, strict: true });
    const losses = ({ from, to }: BlockRange) => chain.client.getContractEvents({ address: chain.requests.address, abi: requestsAbi, eventName: 'Withheld', args: { requester: self }, fromBlock: from, toBlock: to, strict: true });
    for (const { args } of await chain.logs.all(convictions, range)) this.convicted.add(args.coordinator);
    for (const { args } of await chain.logs.all(losses, range)) if (!this.paid.has(args.batchId)) this.withheld.set(args.batchId, (await chain.batches.batch(args.batchId)).coordinator);
    const final = head - chain.finalityDepth;
    if (final > this.next) this.next = final;
  }

  private async settled(coordinator: Address): Promise<boolean> {
    const { chain, log } = this.parts;
    const { convictor, leavesAt } = await chain.batches.coordinatorOf(coordinator);
    if (BigInt(convictor) === 0n || (await chain.requests.potOf(coordinator)).sweepableAt > 0n) return true;
    if ((await chain.now()) < BigInt(leavesAt)) return false;
    const { hash } = await chain.requests.settle(coordinator);
    log.info({ event: 'bond.settled', coordinator, txHash: hash }, 'a lost bond was set aside for those it answers for');
    return true;
  }

  /** Anybody may send each; where somebody was faster there is nothing left to do. */
  private async refund(batchId: bigint): Promise<void> {
    const { chain, log } = this.parts;
    const [batch, charges] = await Promise.all([chain.batches.batch(batchId), chain.batches.chargesOf(batchId)]);
    const paid = await Promise.all(charges.map((_, index) => chain.requests.refund(batchId, batch, { charges, index }).then(() => 1, () => 0)));
    this.withheld.delete(batchId);
    this.paid.add(batchId);
    log.info({ event: 'data.refunded', batchId, refunds: paid.reduce<number>((sum, one) => sum + one, 0) }, 'charges of a withheld batch were refunded');
  }
}
