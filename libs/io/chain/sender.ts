import type { Address, Hex, LocalAccount, PublicClient, TransactionReceipt } from 'viem';
import { AssayError } from '#core/protocol';
import { chainError, revertedError, revertOf } from './revert.js';

/** EIP-7825: no transaction may have a higher gas limit. */
export const MAX_TRANSACTION_GAS = 16_777_216n;
/** More transactions of one account in flight can leave some stuck in a node's pool. */
export const MAX_IN_FLIGHT = 16;
const MAX_QUEUED = 4096;
const MAX_ATTEMPTS = 5;
const FEE_BUMP_PERCENT = 125n;

export interface Outgoing {
  readonly to: Address;
  readonly data: Hex;
  /** Name of the call, for messages. */
  readonly call: string;
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

/**
 * Sends one account's transactions: at most MAX_IN_FLIGHT unmined at a time, nonces handed out one by one,
 * a transaction that isn't mined is replaced by the same with a higher fee. Resolves when mined; throws
 * CHAIN_REVERTED (by estimate or by receipt), CHAIN_UNREACHABLE or TRANSACTION_FAILED.
 */
export class TransactionSender {
  readonly address: Address;
  private inFlight = 0;
  private readonly waiting: (() => void)[] = [];
  private nonce: number | undefined;
  private submitting: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: SenderOptions) {
    this.address = options.account.address;
  }

  async send(outgoing: Outgoing): Promise<Sent> {
    await this.enter();
    try {
      const [gas, fees] = await Promise.all([this.estimate(outgoing), this.fees()]);
      const pending = await this.inOrder(() => this.submit(outgoing, { gas, fees }));
      return this.confirmed(outgoing, await this.mined(pending));
    } catch (error) {
      throw chainError(error, outgoing.call);
    } finally {
      this.inFlight--;
      this.waiting.shift()?.();
    }
  }

  private async enter(): Promise<void> {
    if (this.inFlight >= MAX_IN_FLIGHT) {
      if (this.waiting.length >= MAX_QUEUED) throw new AssayError({ code: 'TRANSACTION_FAILED', message: `More than ${MAX_QUEUED} transactions wait to be sent.` });
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    this.inFlight++;
  }

  /** A fifth above the estimate, within the cap; refused moves are found here, before they cost anything. */
  private async estimate({ to, data, call }: Outgoing): Promise<bigint> {
    const cap = this.options.gasCap ?? MAX_TRANSACTION_GAS;
    const estimated = await this.options.client.estimateGas({ account: this.address, to, data });
    if (estimated > cap) throw new AssayError({ code: 'TRANSACTION_FAILED', message: `${call} needs ${estimated} gas, the cap is ${cap}.`, facts: { call, gas: estimated.toString() } });
    const padded = (estimated * 6n) / 5n;
    return padded < cap ? padded : cap;
  }

  /** WHY: a nonce is only used up once the node has taken the transaction, so submissions go one at a time. */
  private inOrder<T>(work: () => Promise<T>): Promise<T> {
    const result = this.submitting.then(work, work);
    this.submitting = result.catch(() => undefined);
    return result;
  }

  private async submit(outgoing: Outgoing, { gas, fees }: { gas: bigint; fees: Fees }): Promise<Pending> {
    for (let attempt = 1; ; attempt++) {
      this.nonce ??= await this.options.client.getTransactionCount({ address: this.address, blockTag: 'pending' });
      const pending: Pending = { ...outgoing, gas, nonce: this.nonce, fees, hashes: [] };
      try {
        await this.broadcast(pending);
        this.nonce++;
        return pending;
      } catch (error) {
        this.nonce = undefined;
        if (attempt >= MAX_ATTEMPTS || !isNonceError(error)) throw error;
      }
    }
  }

  private async broadcast(pending: Pending): Promise<void> {
    const { to, data, nonce, gas, fees } = pending;
    const { account, chainId, client } = this.options;
    const serializedTransaction = await account.signTransaction({ type: 'eip1559', chainId, to, data, nonce, gas, ...fees });
    pending.hashes.push(await client.sendRawTransaction({ serializedTransaction }));
  }

  private async fees(): Promise<Fees> {
    const { maxFeePerGas, maxPriorityFeePerGas } = await this.options.client.estimateFeesPerGas();
    return { maxFeePerGas, maxPriorityFeePerGas };
  }

  private async mined(pending: Pending): Promise<TransactionReceipt> {
    for (let attempt = 1; ; attempt++) {
      const receipt = await this.receiptOfAny(pending.hashes);
      if (receipt) return receipt;
      if (attempt >= MAX_ATTEMPTS) break;
      await this.replace(pending);
    }
    this.nonce = undefined;
    throw new AssayError({ code: 'TRANSACTION_FAILED', message: `${pending.call} was not mined after ${MAX_ATTEMPTS} attempts.`, facts: { hashes: pending.hashes } });
  }

  private async replace(pending: Pending): Promise<void> {
    const { maxFeePerGas, maxPriorityFeePerGas } = pending.fees;
    pending.fees = { maxFeePerGas: (maxFeePerGas * FEE_BUMP_PERCENT) / 100n, maxPriorityFeePerGas: (maxPriorityFeePerGas * FEE_BUMP_PERCENT) / 100n };
    // WHY: if an earlier version was mined meanwhile the node refuses this one; the next look finds that receipt.
    await this.broadcast(pending).catch(() => undefined);
  }

  /** Looks at growing intervals, so that a chain that mines at once is not waited for. */
  private async receiptOfAny(hashes: readonly Hex[]): Promise<TransactionReceipt | undefined> {
    const until = Date.now() + (this.options.bumpAfterMs ?? 30_000);
    for (let pause = 10; Date.now() < until; pause = Math.min(pause * 1.5, 500)) {
      for (const hash of hashes) {
        const receipt = await this.options.client.getTransactionReceipt({ hash }).catch(ignoreNotFound);
        if (receipt) return receipt;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
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
}

function isNonceError(error: unknown): boolean {
  return /nonce/i.test(error instanceof Error ? error.message : String(error));
}

function ignoreNotFound(error: unknown): undefined {
  if (error instanceof Error && error.name === 'TransactionReceiptNotFoundError') return undefined;
  throw error;
}
