import { encodeAbiParameters, keccak256, type Address } from 'viem';
import type { Root } from '#core/hashing';
import { exposureLimit } from './economics.js';
import type { Claim } from './messages.js';

/** What a canary's leaf hides; ICanaries.Secret. */
export interface CanarySecret {
  readonly jobId: Root;
  readonly executor: Address;
  /** The output root that the planted claim has, and the one that the model gives. */
  readonly falseRoot: Root;
  readonly trueRoot: Root;
  /** Root of the whole true trace, as in a checker's evidence. */
  readonly traceRoot: Root;
  readonly salt: Root;
}

const bytes32 = { type: 'bytes32' } as const;
const address = { type: 'address' } as const;

/** keccak256(abi.encode(secret)): what a planter commits to. */
export function canaryLeaf({ jobId, executor, falseRoot, trueRoot, traceRoot, salt }: CanarySecret): Root {
  return keccak256(encodeAbiParameters([bytes32, address, bytes32, bytes32, bytes32, bytes32], [jobId, executor, falseRoot, trueRoot, traceRoot, salt]));
}

/** keccak256(abi.encode(planter, leaf)). WHY with the planter: who copies a leaf has a canary of its own, which nobody agreed to. */
export function canaryId(planter: Address, leaf: Root): Root {
  return keccak256(encodeAbiParameters([address, bytes32], [planter, leaf]));
}

/** A planted claim as it should have been, worth nothing: what is disputed if an opening is wrong. */
export function canaryTruth(claim: Claim, trueRoot: Root): Claim {
  return { ...claim, outputRoot: trueRoot, fee: 0n, insuredValue: 0n };
}

export interface CanaryTerms {
  /** Share of jobs each challenger re-runs, in parts of 2^32. */
  readonly sampleRate: bigint;
  /** Bounties' share of a forfeited stake, in basis points. */
  readonly bountyBps: number;
  readonly seats: number;
  /** What finding a canary pays. */
  readonly bounty: bigint;
}

/**
 * Least bond of a canary, in the token's smallest unit: Canaries.bondFor. A planter that keeps silent loses it, so a lie under cover yields at
 * most (1 − p)·(gain − bond) − p·bounty, and no gain that the exposure rule lets the executor's stake answer for exceeds the limit.
 */
export function canaryBond(stake: bigint, { sampleRate, bountyBps, seats, bounty }: CanaryTerms): bigint {
  return exposureLimit(stake, sampleRate, bountyBps) + BigInt(seats + 1) * bounty;
}
