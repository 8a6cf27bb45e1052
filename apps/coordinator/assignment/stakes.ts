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

/** How old what the chain said may be; the contract has the last word when the batch is posted. */
const FRESH_MS = 2_000;
const UNLIMITED = 2n ** 255n;

/**
 * How much insured value an executor can still answer for: stake · p / (1 − p), p the sample rate, less what it answers for
 * already. The rule and its rounding are Batches.exposureLimit.
 */
export class Stakes {
  private readonly known = new Map<Address, { at: number; free: Promise<bigint> }>();
  private rate: Promise<bigint> | undefined;

  constructor(private readonly parts: StakeParts) {}

  async coverOf(executor: Address): Promise<bigint> {
    const entry = this.known.get(executor);
    const fresh = entry && this.parts.now() - entry.at < FRESH_MS ? entry : this.ask(executor);
    const [onChain, promised] = await Promise.all([fresh.free, this.parts.promisedBy(executor)]);
    return onChain - promised;
  }

  private ask(executor: Address) {
    const free = this.free(executor);
    const entry = { at: this.parts.now(), free };
    this.known.set(executor, entry);
    free.catch(() => this.known.delete(executor));
    return entry;
  }

  private async free(executor: Address): Promise<bigint> {
    const rate = (this.rate ??= this.parts.sampleRate().catch((error: unknown) => ((this.rate = undefined), Promise.reject(error))));
    const [p, { amount }, exposure] = await Promise.all([rate, this.parts.stakeOf(executor), this.parts.exposureOf(executor)]);
    // WHY below zero: without stake an executor covers not even an uninsured job.
    if (amount === 0n) return -1n;
    if (p >= SAMPLE_RATE_ONE) return UNLIMITED;
    const limit = (amount * p) / (SAMPLE_RATE_ONE - p);
    return limit - exposure;
  }
}
