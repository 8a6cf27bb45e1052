import { ZERO_ROOT } from '#core/hashing';
import { gameIdOf } from '#core/dispute';
import { asAssayError, claimDigest } from '#core/protocol';
import type { Evidence } from '../checking/misconduct.js';
import type { OpeningParts } from './opening.js';

/** Convicts an executor by its signatures. The player, which hears of it from the chain, settles it. */
export async function convict(evidence: Evidence, parts: Pick<OpeningParts, 'address' | 'chain' | 'cases' | 'log'> & { readonly watchOnly: boolean }): Promise<void> {
  const { chain, cases, log, address } = parts;
  const { kind, claim: { claim, request, proof, batchId } } = evidence;
  const digest = claimDigest(chain.network, claim);
  const facts = { kind, jobId: claim.jobId, claim: digest, executor: claim.executor, gameId: gameIdOf(digest, address), batchId };
  if (parts.watchOnly) return log.warn({ event: 'conviction.withheld', ...facts }, 'this process only watches: the conviction is left to somebody else');
  try {
    if ((await chain.disputes.stateOf(facts.gameId)) !== ZERO_ROOT || (await chain.disputes.overturned(digest))) return log.info({ event: 'conviction.needless', ...facts }, 'this claim is dealt with already');
    await cases.keep(digest, { claim, request, batchId, proof, inputs: [] });
    const sent = await send(evidence, parts);
    log.info({ event: 'executor.convicted', ...facts, gas: sent.gasUsed, block: sent.block, txHash: sent.hash }, 'an executor was convicted by its own signatures');
  } catch (error) {
    const { code, message } = asAssayError(error);
    log.warn({ event: 'conviction.refused', ...facts, code, reason: message }, 'an executor could not be convicted');
  }
}

function send(evidence: Evidence, { chain }: Pick<OpeningParts, 'chain'>) {
  const { disputes } = chain;
  return evidence.kind === 'equivocation' ? disputes.convictEquivocation(evidence.claim, evidence.other) : disputes.convictContradiction(evidence.claim, evidence.claim.request);
}
