import { BaseError, keccak256, type Address, type Hex, type LocalAccount, type PublicClient, type TransactionReceipt } from 'viem';
import { AssayError } from '#core/protocol';
import { chainError, revertedError, revertOf } from './revert.js';

/** EIP-7825: no transaction may have a higher gas limit. */
export const MAX_TRANSACTION_GAS = 16_777_216n;
/** More transactions of one account in flight can leave some stuck in a node's pool. */
export const MAX_IN_FLIGHT = 16;
/** Highest maxFeePerGas offered unless configured: 500 gwei. */
export const DEFAULT_FEE_CAP = 500_000_000_000n;
const MAX_QUEUED = 4096;
/** Times a transaction is sent again with a higher fee before the sender gives its place up. */
const MAX_BUMPS = 5;
/** Tries to find the nonce, or the fee that replaces whatever holds it. */
const MAX_PLACING = 24;
const TRANSFER_GAS = 21_000n;
/** Nodes replace a transaction only for at least a tenth more in both fees. */
const FEE_BUMP_PERCENT = 125n;
const FEE_BUMP_LEAST_PERCENT = 110n;

export interface Outgoing {
  readonly to: Address;
  readonly data: Hex;
  /** Name of the call, for messages. */
  readonly call: string;
  /** The transaction number to use, if it was decided before; else the account's next one. */
  readonly nonce?: number;
}

/** A transaction that was mined and succeeded. */
export interface Sent {
  readonly hash: Hex;
  readonly block: bigint;
  readonly gasUsed: bigint;
  readonly receipt: TransactionReceipt;
}

export interface SenderOptions {
  readonly client: PublicClient;
  readonly account: LocalAccount;
  readonly chainId: number;
  /** Highest gas limit this sender gives a transaction. */
  readonly gasCap?: bigint;
  /** Highest maxFeePerGas, in wei: above it nothing is sent, and no replacement goes beyond it. */
  readonly feeCap?: bigint;
  /** Milliseconds until an unmined transaction is sent again with a higher fee. */
  readonly bumpAfterMs?: number;
}

interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

interface Pending extends Outgoing {
  readonly nonce: number;
  readonly gas: bigint;
  fees: Fees;
  readonly hashes: Hex[];
}

/** The nonce went to a transaction that is not this one. */
class Displaced extends Error {}

/**
 * Sends one account's transactions: at most MAX_IN_FLIGHT unmined at a time, each in the lowest free nonce, so that a gap
 * is filled by whatever comes next, or by nothing if nothing comes. One that isn't mined is replaced by itself with a higher fee, up to the cap. Keeps
 * nothing between runs: what an earlier life left in the pool is waited for, then replaced. One process per account.
 * Resolves when mined; throws CHAIN_REVERTED (by estimate or by receipt), CHAIN_UNREACHABLE or TRANSACTION_FAILED.
 */
export class TransactionSender {
  readonly address: Address;
  private inFlight = 0;
  private readonly waiting: (() => void)[] = [];
  /** Nonces below it are mined; undefined until asked, and after a reorganisation. */
  private floor: number | undefined;
  private readonly taken = new Set<number>();
  private settled: Promise<void> | undefined;
  private submitting: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: SenderOptions) {
    this.address = options.account.address;
  }

  async send(outgoing: Outgoing): Promise<Sent> {
    await this.enter();
    try {
      this.settled ??= this.settlePast();
      await this.settled;
      return await this.sendOnce(outgoing).catch((error: unknown) => {
        // WHY once more from the estimate: what took the nonce may have done the same, and then this must not be done again.
        if (error instanceof Displaced && outgoing.nonce === undefined) return this.sendOnce(outgoing);
        throw error;
      });
    } catch (error) {
      throw chainError(error, outgoing.call, 'TRANSACTION_FAILED');
    } finally {
      this.inFlight--;
      this.waiting.shift()?.();
    }
  }

  /** Mined transactions may be mined no longer: nonces are asked for again. */
  reorganised(): void {
    this.floor = undefined;
  }

  private async enter(): Promise<void> {
    if (this.inFlight >= MAX_IN_FLIGHT) {
      if (this.waiting.length >= MAX_QUEUED) throw new AssayError({ code: 'TRANSACTION_FAILED', message: `More than ${MAX_QUEUED} transactions wait to be sent.` });
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    this.inFlight++;
  }

  /** Waits a while for what an earlier life of this account left unmined: the moves in it must not be made a second time. */
  private async settlePast(): Promise<void> {
    try {
      const pending = await this.transactionCount('pending');
      const until = Date.now() + this.bumpAfterMs;
      for (let pause = 50; Date.now() < until; pause = Math.min(pause * 2, 1_000)) {
        if ((await this.transactionCount('latest')) >= pending) return;
        await sleep(pause);
      }
    } catch (error) {
      this.settled = undefined;
      throw error;
    }
  }

  private async sendOnce(outgoing: Outgoing): Promise<Sent> {
    const [gas, fees] = await Promise.all([this.estimate(outgoing), this.fees()]);
    const pending = await this.inOrder(() => this.submit(outgoing, { gas, fees }));
    try {
      const receipt = await this.mined(pending);
      if (this.floor !== undefined) this.floor = Math.max(this.floor, pending.nonce + 1);
      return await this.confirmed(outgoing, receipt);
    } finally {
      this.taken.delete(pending.nonce);
    }
  }

  /** A fifth above the estimate, within the cap; refused moves are found here, before they cost anything. */
  private async estimate({ to, data, call }: Outgoing): Promise<bigint> {
    const cap = this.options.gasCap ?? MAX_TRANSACTION_GAS;
    const estimated = await this.options.client.estimateGas({ account: this.address, to, data });
    if (estimated > cap) throw new AssayError({ code: 'TRANSACTION_FAILED', message: `${call} needs ${estimated} gas, the cap is ${cap}.`, facts: { call, gas: estimated.toString() } });
    const padded = (estimated * 6n) / 5n;
    return padded < cap ? padded : cap;
  }

  /** Room for the base fee to double, and the tip the node suggests; both within the cap. */
  private async fees(): Promise<Fees> {
    const [{ baseFeePerGas }, suggested] = await Promise.all([this.options.client.getBlock({ blockTag: 'latest' }), this.options.client.estimateMaxPriorityFeePerGas()]);
    const base = baseFeePerGas ?? 0n;
    const cap = this.feeCap;
    if (base > cap) throw new AssayError({ code: 'TRANSACTION_FAILED', message: `The base fee is ${base} wei, the cap is ${cap}.`, facts: { baseFee: base.toString(), cap: cap.toString() }, remedy: 'It is tried again when the base fee falls; or raise ASSAY_FEE_CAP_GWEI.' });
    const maxFeePerGas = least(2n * base + suggested, cap);
    return { maxFeePerGas, maxPriorityFeePerGas: least(suggested, maxFeePerGas) };
  }

  /** WHY: a nonce is only used up once the node has taken the transaction, so submissions go one at a time. */
  private inOrder<T>(work: () => Promise<T>): Promise<T> {
    const result = this.submitting.then(work, work);
    this.submitting = result.catch(() => undefined);
    return result;
  }

  /** Places a transaction in the lowest free nonce, if need be over one of an earlier life that still holds it. */
  private async submit(outgoing: Outgoing, { gas, fees }: { gas: bigint; fees: Fees }): Promise<Pending> {
    if (outgoing.nonce !== undefined) return this.submitAs(outgoing, { gas, fees, nonce: outgoing.nonce });
    let offered = fees;
    for (let attempt = 1; ; attempt++) {
      const pending: Pending = { ...outgoing, gas, nonce: await this.freeNonce(), fees: offered, hashes: [] };
      try {
        await this.broadcast(pending);
        this.taken.add(pending.nonce);
        return pending;
      } catch (error) {
        if (attempt >= MAX_PLACING) throw error;
        if (isUnderpriced(error)) offered = this.bumped(offered) ?? raise(error);
        else if (isNonceError(error)) this.floor = undefined;
        else throw error;
      }
    }
  }

  /** Over whatever holds the number in the pool. WHY no other number if this one is used up: whoever chose it may have sent this transaction before. */
  private async submitAs(outgoing: Outgoing, given: { gas: bigint; fees: Fees; nonce: number }): Promise<Pending> {
    let offered = given.fees;
    for (let attempt = 1; ; attempt++) {
      const pending: Pending = { ...outgoing, ...given, fees: offered, hashes: [] };
      try {
        await this.broadcast(pending);
        this.taken.add(pending.nonce);
        return pending;
      } catch (error) {
        if (attempt >= MAX_PLACING || !isUnderpriced(error)) throw error;
        offered = this.bumped(offered) ?? raise(error);
      }
    }
  }

  private async freeNonce(): Promise<number> {
    this.floor ??= await this.transactionCount('latest');
    let nonce = this.floor;
    while (this.taken.has(nonce)) nonce++;
    return nonce;
  }

  private transactionCount(blockTag: 'latest' | 'pending'): Promise<number> {
    return this.options.client.getTransactionCount({ address: this.address, blockTag });
  }

  private async broadcast(pending: Pending): Promise<void> {
    const { to, data, nonce, gas, fees } = pending;
    const { account, chainId, client } = this.options;
    const serializedTransaction = await account.signTransaction({ type: 'eip1559', chainId, to, data, nonce, gas, ...fees });
    const hash = keccak256(serializedTransaction);
    try {
      await client.sendRawTransaction({ serializedTransaction });
    } catch (error) {
      // WHY: the node has it, from an answer that was lost on the way or from an earlier life.
      if (!isKnown(error)) throw error;
    }
    if (!pending.hashes.includes(hash)) pending.hashes.push(hash);
  }

  private async mined(pending: Pending): Promise<TransactionReceipt> {
    for (let bumps = 0; ; bumps++) {
      const receipt = await this.receiptOfAny(pending.hashes);
      if (receipt) return receipt;
      const next = await this.transactionCount('latest').catch(() => pending.nonce);
      if (next > pending.nonce) return this.lateReceipt(pending);
      if (bumps >= MAX_BUMPS) break;
      if (next < pending.nonce) await this.inOrder(() => this.fillGap(next, pending));
      await this.replace(pending);
    }
    // The nonce is free again: the next transaction takes its place, so nothing behind it is stuck.
    throw new AssayError({ code: 'TRANSACTION_FAILED', message: `${pending.call} was not mined after ${MAX_BUMPS} higher fees.`, facts: { hashes: pending.hashes } });
  }

  /**
   * Uses up the numbers below a transaction's own that nothing of ours holds. WHY: a reorganisation between two looks at the chain took
   * what they were used for, or a pool lost it, and nothing behind a gap is ever mined. Where a pool has something after all, that stays.
   */
  private async fillGap(next: number, { nonce, fees }: Pending): Promise<void> {
    this.floor = undefined;
    for (let free = next; free < nonce && free < next + MAX_PLACING; free++) {
      if (this.taken.has(free)) continue;
      const nothing: Pending = { to: this.address, data: '0x', call: 'gap', gas: TRANSFER_GAS, nonce: free, fees, hashes: [] };
      await this.broadcast(nothing).catch(() => undefined);
    }
  }

  /**
   * The nonce is used up: by this transaction, mined a moment ago, or by another one.
   * SAFETY: looked for once more for a while. Whoever is asked next may be a node behind the one that counted, and what is taken for displaced is done again.
   */
  private async lateReceipt({ hashes }: Pending): Promise<TransactionReceipt> {
    const receipt = await this.receiptOfAny(hashes, this.bumpAfterMs / 3);
    if (receipt) return receipt;
    this.floor = undefined;
    throw new Displaced('another transaction of this account took the nonce');
  }

  /** Sends it again for more, for what the chain asks by now if that is higher still; at the cap the same once more, in case the pool dropped it. */
  private async replace(pending: Pending): Promise<void> {
    const before = pending.fees;
    const more = this.bumped(before);
    if (more) pending.fees = highest(more, await this.fees().catch(() => more));
    // WHY: if an earlier version was mined meanwhile the node refuses this one; the next look finds that receipt.
    await this.broadcast(pending).catch(() => (pending.fees = before));
  }

  /** A quarter more, or up to the cap; undefined if that is too little to replace anything. */
  private bumped({ maxFeePerGas, maxPriorityFeePerGas }: Fees): Fees | undefined {
    const fee = least((maxFeePerGas * FEE_BUMP_PERCENT) / 100n + 1n, this.feeCap);
    const tip = least((maxPriorityFeePerGas * FEE_BUMP_PERCENT) / 100n + 1n, fee);
    if (fee * 100n < maxFeePerGas * FEE_BUMP_LEAST_PERCENT || tip * 100n < maxPriorityFeePerGas * FEE_BUMP_LEAST_PERCENT) return undefined;
    return { maxFeePerGas: fee, maxPriorityFeePerGas: tip };
  }

  /** Looks at growing intervals, so that a chain that mines at once is not waited for. */
  private async receiptOfAny(hashes: readonly Hex[], forMs = this.bumpAfterMs): Promise<TransactionReceipt | undefined> {
    const until = Date.now() + forMs;
    for (let pause = 10; Date.now() < until; pause = Math.min(pause * 1.5, 500)) {
      const receipt = await this.receiptNow(hashes);
      if (receipt) return receipt;
      await sleep(pause);
    }
    return undefined;
  }

  private async receiptNow(hashes: readonly Hex[]): Promise<TransactionReceipt | undefined> {
    for (const hash of hashes) {
      // WHY an outage counts as no receipt: who is told of a failure sends again, and the first may be mined all the same.
      const receipt = await this.options.client.getTransactionReceipt({ hash }).catch(() => undefined);
      if (receipt) return receipt;
    }
    return undefined;
  }

  private async confirmed(outgoing: Outgoing, receipt: TransactionReceipt): Promise<Sent> {
    if (receipt.status === 'success') return { hash: receipt.transactionHash, block: receipt.blockNumber, gasUsed: receipt.gasUsed, receipt };
    throw await this.whyReverted(outgoing, receipt);
  }

  private async whyReverted({ to, data, call }: Outgoing, receipt: TransactionReceipt): Promise<AssayError> {
    try {
      await this.options.client.call({ account: this.address, to, data, blockNumber: receipt.blockNumber });
    } catch (error) {
      const revert = revertOf(error);
      if (revert) return revertedError(revert, call, error);
    }
    return revertedError({ name: 'unknown', args: [], data: '0x' }, call);
  }

  private get feeCap(): bigint {
    return this.options.feeCap ?? DEFAULT_FEE_CAP;
  }

  private get bumpAfterMs(): number {
    return this.options.bumpAfterMs ?? 30_000;
  }
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function highest(a: Fees, b: Fees): Fees {
  const maxFeePerGas = a.maxFeePerGas > b.maxFeePerGas ? a.maxFeePerGas : b.maxFeePerGas;
  return { maxFeePerGas, maxPriorityFeePerGas: a.maxPriorityFeePerGas > b.maxPriorityFeePerGas ? a.maxPriorityFeePerGas : b.maxPriorityFeePerGas };
}

function raise(error: unknown): never {
  throw error;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const textOf = (error: unknown) => (error instanceof BaseError ? `${error.shortMessage} ${error.details}` : String(error));
const isKnown = (error: unknown) => /already known|already imported|known transaction/i.test(textOf(error));
const isUnderpriced = (error: unknown) => /underpriced|replacement/i.test(textOf(error));
const isNonceError = (error: unknown) => /nonce/i.test(textOf(error));
