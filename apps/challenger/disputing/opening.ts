import type { Address } from 'viem';
import { ZERO_ROOT, type Root } from '#core/hashing';
import { gameIdOf } from '#core/dispute';
import { modelPreimage } from '#core/onnx';
import { AssayError, asAssayError, claimDigest } from '#core/protocol';
import type { ModelShelf } from '#io/artifacts';
import type { Chain } from '#io/chain';
import type { TestedModel } from '#io/inference';
import type { Clock, Logger } from '#platform';
import type { Finding } from '../checking/batch-check.js';
import type { CaseFiles } from './cases.js';

export interface OpeningParts {
  readonly address: Address;
  readonly chain: Pick<Chain, 'disputes' | 'network'>;
  readonly cases: Pick<CaseFiles, 'keep'>;
  readonly models: Pick<ModelShelf<TestedModel>, 'with'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

const ATTEMPTS = 5;
const RETRY_MS = 500;

/** Opens a dispute over a claim. The player, which hears of it from the chain, plays it from there. */
export async function openDispute(finding: Finding & Required<Pick<Finding, 'inputs'>>, parts: OpeningParts): Promise<void> {
  const { claim, request, proof } = finding.batched;
  const digest = claimDigest(parts.chain.network, claim);
  const gameId = gameIdOf(digest, parts.address);
  // WHY first the file: after a crash behind the transaction the game would be there and nothing to play it with.
  await parts.cases.keep(digest, { claim, request, batchId: finding.batch.batchId, proof, inputs: finding.inputs });
  for (let attempt = 1; !parts.signal.aborted; attempt++) {
    try {
      return await openOnce({ finding, digest, gameId }, parts);
    } catch (error) {
      const { code, message, facts } = asAssayError(error);
      const again = attempt < ATTEMPTS && asAssayError(error).kind === 'unavailable';
      parts.log.warn({ event: 'dispute.refused', jobId: claim.jobId, gameId, code, reason: message, facts, again }, 'a dispute could not be opened');
      if (!again) return;
      await parts.clock.sleep(RETRY_MS * 2 ** attempt, parts.signal);
    }
  }
}

/** Says which dispute this challenger would open, if it did more than watch. */
export function withholdDispute({ batched: { claim }, batch }: Finding, { chain, address, log }: OpeningParts): void {
  const digest = claimDigest(chain.network, claim);
  const facts = { jobId: claim.jobId, claim: digest, gameId: gameIdOf(digest, address), executor: claim.executor, batchId: batch.batchId };
  log.warn({ event: 'dispute.withheld', ...facts }, 'this process only watches: the dispute is left to somebody else');
}

interface Accusation {
  readonly finding: Finding;
  readonly digest: Root;
  readonly gameId: Root;
}

async function openOnce({ finding, digest, gameId }: Accusation, { chain, models, log, address }: OpeningParts): Promise<void> {
  const { claim, signature } = finding.batched;
  const facts = { jobId: claim.jobId, claim: digest, gameId, executor: claim.executor, challenger: address };
  if ((await chain.disputes.stateOf(gameId)) !== ZERO_ROOT) return log.info({ event: 'dispute.known', ...facts }, 'this dispute is open already');
  if (await chain.disputes.overturned(digest)) return log.info({ event: 'dispute.needless', ...facts }, 'somebody else has proven this claim wrong');
  const model = await models.with(claim.modelId, async ({ session }) => modelPreimage(session.model.manifest));
  if (model.valueCount < 2) throw new AssayError({ code: 'INVARIANT_BROKEN', message: 'a model without values', facts });
  const sent = await chain.disputes.open(claim, signature, model);
  const transaction = { gas: sent.gasUsed, gasUsed: sent.gasUsed, block: sent.block, txHash: sent.hash };
  log.info({ event: 'move.sent', move: 'open', by: 'challenger', gameId, ...transaction }, 'moved');
  log.info({ event: 'dispute.opened', ...facts, batchId: finding.batch.batchId, ...transaction }, 'dispute opened');
}
