import { concatHex, keccak256, stringToHex } from 'viem';
import type { Evidence } from '#core/protocol';
import type { RevealedEvidence } from '#io/chain';
import type { CheckFault } from '../config.js';

/** The evidence that a checker of the given kind stores for a run; a cheater's needs none, and is not another cheater's. Tests need real cheaters; nothing else uses this. */
export function evidenceOf(run: Evidence, fault: CheckFault): Evidence {
  return fault === 'none' ? run : { ...run, traceRoot: keccak256(concatHex([stringToHex(fault), run.claim])) };
}

/** The evidence that it reveals: a copier's is somebody else's, once there is any. */
export function shownBy(fault: CheckFault, own: readonly Evidence[], others: readonly RevealedEvidence[]): readonly Evidence[] | undefined {
  return fault === 'copier' ? others[0]?.evidence : own;
}
