import { SAMPLE_RATE_ONE } from './sampling.js';

/** What the formulas take; amounts in the token's smallest unit. The names are those of the contracts' parameters. */
export interface Economy {
  /** Share of jobs each challenger re-runs, in parts of 2^32. */
  readonly sampleRate: bigint;
  readonly poolBps: number;
  readonly protocolBps: number;
  /** What the bounty is a share of. */
  readonly penalty: bigint;
  /** The bounty's share of the penalty, and all bounties' of a forfeited stake. */
  readonly bountyBps: number;
  /** What a challenger, and whoever contests or asks for data, locks. */
  readonly bond: bigint;
}

const BASIS_POINTS = 10_000n;

/** q = max(p, 1 − p), in parts of 2^32: what insured value weighs against fees in the exposure rule. */
function weightOf(rate: bigint): bigint {
  return rate > SAMPLE_RATE_ONE / 2n ? rate : SAMPLE_RATE_ONE - rate;
}

/**
 * What open claims count as: insured value + fees / q, rounded up: Batches.exposureOf. A liar that is not found gains what it insured, in
 * any case the work it saves, which is at most its fee; q·V + F ≤ p · what it loses then leaves it nothing.
 */
export function exposureOf({ fee, insuredValue }: { readonly fee: bigint; readonly insuredValue: bigint }, rate: bigint): bigint {
  const weight = weightOf(rate);
  return insuredValue + (fee * SAMPLE_RATE_ONE + weight - 1n) / weight;
}

/** stake · (1 − bounties' share) · p / q, rounded down: Batches.exposureLimit. */
export function exposureLimit(stake: bigint, rate: bigint, bountyBps: number): bigint {
  return (stake * (BASIS_POINTS - BigInt(bountyBps)) * rate) / (BASIS_POINTS * weightOf(rate));
}

/** The least stake whose exposure limit reaches `exposure`: exposure · q / (p · (1 − bounties' share)), rounded up. */
export function stakeFor(exposure: bigint, rate: bigint, bountyBps: number): bigint {
  const lost = (BASIS_POINTS - BigInt(bountyBps)) * rate;
  return (exposure * BASIS_POINTS * weightOf(rate) + lost - 1n) / lost;
}

/** How Batches splits a fee at commit: shares rounded down as there. */
export function splitFee(fee: bigint, { poolBps, protocolBps }: Pick<Economy, 'poolBps' | 'protocolBps'>) {
  const pool = (fee * BigInt(poolBps)) / BASIS_POINTS;
  const protocol = (fee * BigInt(protocolBps)) / BASIS_POINTS;
  return { executor: (fee * (BASIS_POINTS - BigInt(poolBps) - BigInt(protocolBps))) / BASIS_POINTS, pool, protocol };
}

/**
 * What an executor's first lost game takes and pays, with one claim overturned: Vault.forfeit, Disputes.settle and compensate.
 * The whole stake goes, whatever the claim was worth; all bounties together reach at most their share of it.
 */
export function forfeitFor(stake: bigint, claim: { fee: bigint; insuredValue: bigint }, { penalty, bountyBps }: Pick<Economy, 'penalty' | 'bountyBps'>) {
  const share = (amount: bigint) => (amount * BigInt(bountyBps)) / BASIS_POINTS;
  const bounty = least(share(stake), share(penalty));
  const compensation = least(stake - bounty, claim.fee + claim.insuredValue);
  return { forfeited: stake, forBounties: share(stake), bounty, compensation, pool: stake - bounty - compensation };
}

/** Probability in [0, 1] that at least one of `challengers` honest ones re-runs a job. */
export function detection(rate: bigint, challengers: number): number {
  return 1 - (1 - Number(rate) / Number(SAMPLE_RATE_ONE)) ** challengers;
}

/** What a checker is paid for its revealed entries of a batch, rounded down: Checks.payFor. On average all seats together get the pool's share. */
export function checkPay(batch: { readonly charged: bigint; readonly entries: bigint; readonly count: bigint }, { poolBps, seats, sampleRate }: Pick<Economy, 'poolBps' | 'sampleRate'> & { readonly seats: number }): bigint {
  return (batch.charged * BigInt(poolBps) * batch.entries * SAMPLE_RATE_ONE) / (BASIS_POINTS * BigInt(seats) * batch.count * sampleRate);
}

/** A contest of a charge after its deadline: Charges.resolve. What is not shown in full is refunded in full, and as much again taken. */
export function resolvedContest({ amount, shown, bond }: { readonly amount: bigint; readonly shown: bigint; readonly bond: bigint }) {
  const taken = shown >= amount ? 0n : least(2n * amount, bond);
  const refund = least(taken, amount);
  return { taken, refund, pool: taken - refund };
}

/** Of a coordinator's bond, what it loses whatever it does: contesting its own charges has one of two tokens seized back. */
const LOST_OF_BOND_BPS = 5_000;
/** One in so many of what contests left of a lost bond goes to whoever convicted its coordinator: Requests.settle. */
const BOUNTY_OF_BOND = 10n;

/** Most that a coordinator's batches which are not final may expose (exposureOf of their totals): bond · p / 2q: Batches.answeredFor. */
export const coordinatorLimit = (bond: bigint, rate: bigint): bigint => exposureLimit(bond, rate, LOST_OF_BOND_BPS);

/** The least bond whose limit reaches `exposure`. */
export const bondFor = (exposure: bigint, rate: bigint): bigint => stakeFor(exposure, rate, LOST_OF_BOND_BPS);

/**
 * What becomes of a coordinator's whole bond once it withheld something or posted too little: Batches.convict, Requests.settle.
 * @param contested charges refunded out of it first, with as much again to the pool; at most half of the bond
 */
export function lostBond({ bond, contested }: { readonly bond: bigint; readonly contested: bigint }) {
  const refunded = least(contested, bond / 2n);
  const rest = bond - 2n * refunded;
  const bounty = rest / BOUNTY_OF_BOND;
  return { refunded, bounty, owed: rest - bounty, lost: bond - refunded - bounty };
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
