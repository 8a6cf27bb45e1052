import type { Address } from 'viem';
import { SAMPLE_RATE_ONE } from '#core/protocol';

export interface StakeParts {
  readonly stakeOf: (executor: Address) => Promise<{ readonly amount: bigint }>;
  /** Insured value of its claims in batches on chain that are not collected. */
  readonly exposureOf: (executor: Address) => Promise<bigint>;
  /** Insured value of its claims that are not on chain yet. */
  readonly promisedBy: (executor: Address) => Promise<bigint>;
  readonly sampleRate: () => Promise<bigint>;
  readonly now: () => number;
}

interface Known {
  readonly at: number;
  readonly free: Promise<bigint>;
  spent: bigint;
}

/** How old what chain and store said may be; the contract has the last word when the batch is posted. */
const FRESH_MS = 2_000;
const UNLIMITED = 2n ** 255n;

/**
 * How much insured value an executor can still answer for: stake · p / (1 − p), p the sample rate, less what it answers for
 * already. The rule and its rounding are Batches.exposureLimit.
 */
export class Stakes {
  private readonly known = new Map<Address, Known>();
  private readonly limits = new Map<Address, { readonly at: number; readonly limit: Promise<bigint> }>();
  private rate: Promise<bigint> | undefined;

  constructor(private readonly parts: StakeParts) {}

  async coverOf(executor: Address): Promise<bigint> {
    const entry = this.known.get(executor);
    const fresh = entry && this.parts.now() - entry.at < FRESH_MS ? entry : this.ask(executor);
    return (await fresh.free) - fresh.spent;
  }

  /** A claim was stored since the store was asked. */
  spend(executor: Address, insuredValue: bigint): void {
    const entry = this.known.get(executor);
    if (entry) entry.spent += insuredValue;
  }

  private ask(executor: Address): Known {
    const free = Promise.all([this.free(executor), this.parts.promisedBy(executor)]).then(([onChain, promised]) => onChain - promised);
    const entry = { at: this.parts.now(), free, spent: 0n };
    this.known.set(executor, entry);
    free.catch(() => this.known.delete(executor));
    return entry;
  }

  /** The most an executor of this stake could ever answer for, if it answered for nothing else. */
  async limitOf(executor: Address): Promise<bigint> {
    const known = this.limits.get(executor);
    if (known && this.parts.now() - known.at < FRESH_MS) return known.limit;
    const limit = this.limit(executor);
    this.limits.set(executor, { at: this.parts.now(), limit });
    limit.catch(() => this.limits.delete(executor));
    return limit;
  }

  private async free(executor: Address): Promise<bigint> {
    const [limit, exposure] = await Promise.all([this.limit(executor), this.parts.exposureOf(executor)]);
    return limit < 0n || limit === UNLIMITED ? limit : limit - exposure;
  }

  private async limit(executor: Address): Promise<bigint> {
    const rate = (this.rate ??= this.parts.sampleRate().catch((error: unknown) => ((this.rate = undefined), Promise.reject(error))));
    const [p, { amount }] = await Promise.all([rate, this.parts.stakeOf(executor)]);
    // WHY below zero: without stake an executor covers not even an uninsured job.
    if (amount === 0n) return -1n;
    if (p >= SAMPLE_RATE_ONE) return UNLIMITED;
    return (amount * p) / (SAMPLE_RATE_ONE - p);
  }
}
