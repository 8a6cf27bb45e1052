import type { Root } from '#core/hashing';
import type { Claim } from '#core/protocol';

/** What running a job again gave, and whether the runner may be believed. */
export interface Recheck {
  readonly modelId: Root;
  readonly inputRoot: Root;
  readonly outputRoot: Root;
  /** The machine passed the self-test of the model's profile. */
  readonly selfTested: boolean;
  /** The own chain node is at the head. */
  readonly synced: boolean;
}

export type Verdict = { readonly verdict: 'valid' | 'invalid' } | { readonly verdict: 'unknown'; readonly reason: string };

/**
 * Judges a claim by an own run. Unknown is not wrong: whoever could not fetch the model or the inputs, failed the
 * self-test or is behind the chain must not open a dispute.
 *
 * @param recheck undefined if the job could not be run again
 */
export function compareClaim(claim: Claim, recheck: Recheck | undefined): Verdict {
  const reason = whyUnknown(claim, recheck);
  if (reason || !recheck) return { verdict: 'unknown', reason: reason ?? 'the job could not be run again' };
  return { verdict: recheck.outputRoot === claim.outputRoot ? 'valid' : 'invalid' };
}

function whyUnknown(claim: Claim, recheck: Recheck | undefined): string | undefined {
  if (!recheck) return 'the job could not be run again';
  if (!recheck.selfTested) return 'this machine failed the self-test';
  if (!recheck.synced) return 'the chain node is behind';
  if (recheck.modelId !== claim.modelId) return 'the model at hand is another one';
  if (recheck.inputRoot !== claim.inputRoot) return 'the inputs at hand are other ones';
  return undefined;
}
