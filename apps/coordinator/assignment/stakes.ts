import type { Address } from 'viem';
import { exposureLimit, exposureOf } from '#core/protocol';

export interface StakeParts {
  readonly stakeOf: (executor: Address) => Promise<{ readonly amount: bigint }>;
  /** Of its claims in batches on chain that are not final, as the contract counts it. */
  readonly exposureOf: (executor: Address) => Promise<bigint>;
  /** Insured value and fees of its claims that are not on chain yet. */
  readonly promisedBy: (executor: Address) => Promise<Exposed>;
  readonly sampleRate: () => Promise<bigint>;
  /** The bounties' share of a forfeited stake, in basis points. */
  readonly bountyBps: () => Promise<number>;
  readonly now: () => number;
}

/** What a job adds to the exposure of whoever answers it. */
export interface Exposed {
  readonly insuredValue: bigint;
  readonly fee: bigint;
}

interface Known {
  readonly at: number;
  readonly free: Promise<bigint>;
  spent: bigint;
}

/** How old what chain and store said may be; the contract has the last word when the batch is posted. */
const FRESH_MS = 2_000;

/**
 * How much more an executor can answer for: the exposure limit of its stake, less what it answers for already. The rule and its rounding are
 * those of Batches (exposureLimit and exposureOf of #core/protocol).
 */
export class Stakes {
  private readonly known = new Map<Address, Known>();
  private readonly limits = new Map<Address, { readonly at: number; readonly limit: Promise<bigint> }>();
  private rule: Promise<{ rate: bigint; bountyBps: number }> | undefined;

  constructor(private readonly parts: StakeParts) {}

  async coverOf(executor: Address): Promise<bigint> {
    const entry = this.known.get(executor);
    const fresh = entry && this.parts.now() - entry.at < FRESH_MS ? entry : this.ask(executor);
    return (await fresh.free) - fresh.spent;
  }

  /** What a job takes of an executor's cover. */
  async costOf(job: Exposed): Promise<bigint> {
    return exposureOf(job, (await this.ruling()).rate);
  }

  /** A claim was stored since the store was asked. */
  spend(executor: Address, cost: bigint): void {
    const entry = this.known.get(executor);
    if (entry) entry.spent += cost;
  }

  private ask(executor: Address): Known {
    const free = Promise.all([this.free(executor), this.parts.promisedBy(executor)]).then(async ([onChain, promised]) => onChain - (await this.costOf(promised)));
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
    return limit < 0n ? limit : limit - exposure;
  }

  private async limit(executor: Address): Promise<bigint> {
    const [{ rate, bountyBps }, { amount }] = await Promise.all([this.ruling(), this.parts.stakeOf(executor)]);
    // WHY below zero: without stake an executor covers not even a job for nothing.
    return amount === 0n ? -1n : exposureLimit(amount, rate, bountyBps);
  }

  private ruling(): Promise<{ rate: bigint; bountyBps: number }> {
    const { sampleRate, bountyBps } = this.parts;
    this.rule ??= Promise.all([sampleRate(), bountyBps()]).then(([rate, share]) => ({ rate, bountyBps: share }), (error: unknown) => ((this.rule = undefined), Promise.reject(error)));
    return this.rule;
  }
}
