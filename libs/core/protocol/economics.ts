import { SAMPLE_RATE_ONE } from './sampling.js';

/** What the formulas take; amounts in the token's smallest unit. The names are those of the contracts' parameters. */
export interface Economy {
  /** Share of jobs each challenger re-runs, in parts of 2^32. */
  readonly sampleRate: bigint;
  readonly poolBps: number;
  readonly protocolBps: number;
  /** Taken from a convicted executor beside insured value and fee. */
  readonly penalty: bigint;
  /** The challenger's share of the penalty. */
  readonly bountyBps: number;
  /** What a challenger, and whoever contests or asks for data, locks. */
  readonly bond: bigint;
}

const BASIS_POINTS = 10_000n;

/** stake · p / (1 − p), rounded down: Batches.exposureLimit. */
export function exposureLimit(stake: bigint, rate: bigint): bigint {
  return rate >= SAMPLE_RATE_ONE ? 2n ** 256n - 1n : (stake * rate) / (SAMPLE_RATE_ONE - rate);
}

/** The least stake whose exposure limit reaches `value`: value · (1 − p) / p, rounded up. */
export function stakeFor(value: bigint, rate: bigint): bigint {
  return (value * (SAMPLE_RATE_ONE - rate) + rate - 1n) / rate;
}

/** How Batches splits a fee at commit: shares rounded down as there. */
export function splitFee(fee: bigint, { poolBps, protocolBps }: Pick<Economy, 'poolBps' | 'protocolBps'>) {
  const pool = (fee * BigInt(poolBps)) / BASIS_POINTS;
  const protocol = (fee * BigInt(protocolBps)) / BASIS_POINTS;
  return { executor: (fee * (BASIS_POINTS - BigInt(poolBps) - BigInt(protocolBps))) / BASIS_POINTS, pool, protocol };
}

/** What a settlement takes and pays, with a stake that may fall short: Disputes.settle. */
export function slashFor(stake: bigint, claim: { fee: bigint; insuredValue: bigint }, { penalty, bountyBps }: Pick<Economy, 'penalty' | 'bountyBps'>) {
  const insured = claim.fee + claim.insuredValue;
  const slashed = least(stake, penalty + insured);
  const bounty = least(slashed, (penalty * BigInt(bountyBps)) / BASIS_POINTS);
  const compensation = least(slashed - bounty, insured);
  return { slashed, bounty, compensation, pool: slashed - bounty - compensation };
}

/** Probability in [0, 1] that at least one of `challengers` honest ones re-runs a job. */
export function detection(rate: bigint, challengers: number): number {
  return 1 - (1 - Number(rate) / Number(SAMPLE_RATE_ONE)) ** challengers;
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/**
 * The largest insured value at which a false claim has no expected gain: gain (1 − p) · v against punishment
 * p · (penalty + v + fee) gives v ≤ p · (penalty + fee) / (1 − 2p), rounded down; undefined from p = 1/2 on: any value.
 */
export function safeValue(economy: Pick<Economy, 'sampleRate' | 'penalty'>, fee: bigint): bigint | undefined {
  const { sampleRate: p, penalty } = economy;
  return 2n * p >= SAMPLE_RATE_ONE ? undefined : (p * (penalty + fee)) / (SAMPLE_RATE_ONE - 2n * p);
}

/** The least penalty that makes `value` safe: v · (1 − 2p) / p − fee, rounded up. */
export function penaltyFor(value: bigint, rate: bigint, fee: bigint): bigint {
  const needed = 2n * rate >= SAMPLE_RATE_ONE ? 0n : (value * (SAMPLE_RATE_ONE - 2n * rate) + rate - 1n) / rate;
  return needed > fee ? needed - fee : 0n;
}
