import { encodeAbiParameters, keccak256, type Address } from 'viem';
import type { Root } from '#core/hashing';
import type { Claim } from './messages.js';

/** Entries that one reveal takes at most (Checks.reveal). */
export const MAX_EVIDENCE = 128;

/** What a checker says that a claim's job gave when it ran it: IChecks.Evidence. */
export interface Evidence {
  /** Digest of the claim. */
  readonly claim: Root;
  readonly outputRoot: Root;
  /** Root of the tree over the whole trace, the outputs entry included, without the length. */
  readonly traceRoot: Root;
}

/**
 * Whether a checker with a seat is drawn for a claim: the top 32 bits of keccak256(abi.encode(beacon, checker, claimDigest)) are below the
 * batch's sample rate (Checks.isDrawn).
 *
 * @param beacon as Beacons has it
 * @param rate 0n (nobody) … 2^32 (everybody)
 */
export function isDrawnForClaim(beacon: Root, checker: Address, { claim, rate }: { readonly claim: Root; readonly rate: bigint }): boolean {
  const hash = keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'address' }, { type: 'bytes32' }], [beacon, checker, claim]));
  return BigInt(hash) >> 224n < rate;
}

const ENTRY = [{ name: 'claim', type: 'bytes32' }, { name: 'outputRoot', type: 'bytes32' }, { name: 'traceRoot', type: 'bytes32' }] as const;

/** keccak256(abi.encode(evidence)): what a round's word is once it is revealed. */
export function evidenceHash(evidence: readonly Evidence[]): Root {
  return keccak256(encodeAbiParameters([{ type: 'tuple[]', components: ENTRY }], [evidence]));
}

/** What a checker commits to: bound to batch and checker, and hidden by a salt that nobody else knows (Checks.commit). */
export function evidenceCommitment({ batchId, checker, evidence, salt }: { readonly batchId: bigint; readonly checker: Address; readonly evidence: readonly Evidence[]; readonly salt: Root }): Root {
  const types = [{ type: 'uint256' }, { type: 'address' }, { type: 'bytes32' }, { type: 'bytes32' }] as const;
  return keccak256(encodeAbiParameters(types, [batchId, checker, evidenceHash(evidence), salt]));
}

/** In the order in which a reveal takes it: by ascending digest. */
export function evidenceOrder<T extends { readonly claim: Root }>(entries: readonly T[]): T[] {
  return [...entries].sort((a, b) => (BigInt(a.claim) < BigInt(b.claim) ? -1 : 1));
}

/** The claim that a game over evidence is about (Checks.accuse): the claim as the checker would have made it. */
export function evidenceClaim(claim: Claim, { checker, outputRoot }: { readonly checker: Address; readonly outputRoot: Root }): Claim {
  return { ...claim, executor: checker, outputRoot, fee: 0n, insuredValue: 0n };
}

/** Times of a batch's checks, in seconds since 1970. */
export interface CheckWindow {
  /** The evidence is what there is by then: late enough for slow runs, early enough for the commitment to be mined. */
  readonly freezeAt: bigint;
  /** The last second in which commitments are taken. */
  readonly commitUntil: bigint;
  /** The last second in which evidence is revealed; then the batch is over, and checks are paid. */
  readonly revealUntil: bigint;
  /** What could not be had by then, also after an outage, is given up. */
  readonly giveUpAt: bigint;
}

/** @param startedAt when the batch was committed, or drawn again; in seconds, as the challenge window */
export function checkWindow(startedAt: bigint, challengeWindow: bigint): CheckWindow {
  const commitUntil = startedAt + challengeWindow / 2n;
  return { freezeAt: commitUntil - challengeWindow / 8n, commitUntil, revealUntil: startedAt + challengeWindow, giveUpAt: startedAt + 16n * challengeWindow };
}

/** How far a checker is with a batch. */
export interface CheckProgress {
  /** Its evidence and salt are stored, so that it may be committed to. */
  readonly frozen: boolean;
  /** Entries stored. */
  readonly entries: number;
  /** What is on chain is nothing, the commitment to what is stored, its reveal, or something else. */
  readonly onChain: 'nothing' | 'commitment' | 'revealed' | 'foreign';
  readonly paid: boolean;
  /** What others revealed was held against the own runs. */
  readonly compared: boolean;
}

export type CheckStep = { readonly kind: 'freeze' | 'commit' | 'reveal' | 'compare' | 'collect' | 'over' } | { readonly kind: 'wait'; readonly until: bigint };

/**
 * What a checker does next for a batch. Each step shows in the next progress once it took effect, so that a checker that crashed, or whose
 * transaction a reorganisation took back, goes on where it is.
 *
 * @param now seconds since 1970 that the next block would carry
 */
export function nextCheckStep({ frozen, entries, onChain, paid, compared }: CheckProgress, { freezeAt, commitUntil, revealUntil, giveUpAt }: CheckWindow, now: bigint): CheckStep {
  if (now <= commitUntil) {
    if (!frozen) return now >= freezeAt ? { kind: 'freeze' } : { kind: 'wait', until: freezeAt };
    return entries > 0 && onChain === 'nothing' ? { kind: 'commit' } : { kind: 'wait', until: commitUntil + 1n };
  }
  if (now <= revealUntil) return frozen && onChain === 'commitment' ? { kind: 'reveal' } : { kind: 'wait', until: revealUntil + 1n };
  if (now > giveUpAt) return { kind: 'over' };
  if (!compared) return { kind: 'compare' };
  return onChain === 'revealed' && !paid ? { kind: 'collect' } : { kind: 'over' };
}
