import { keccak256 } from 'viem';
import type { Evidence } from '#core/protocol';
import type { RevealedEvidence } from '#io/chain';
import type { CheckFault } from '../config.js';

/** The evidence that a checker of the given kind stores for a run. Tests need real cheaters; nothing else uses this. */
export function evidenceOf(run: Evidence, fault: CheckFault): Evidence {
  return fault === 'none' ? run : { ...run, traceRoot: keccak256(run.traceRoot) };
}

/** The evidence that it reveals: a copier's is somebody else's, once there is any. */
export function shownBy(fault: CheckFault, own: readonly Evidence[], others: readonly RevealedEvidence[]): readonly Evidence[] | undefined {
  return fault === 'copier' ? others[0]?.evidence : own;
}
