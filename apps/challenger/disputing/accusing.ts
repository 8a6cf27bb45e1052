import type { Address } from 'viem';
import { ZERO_ROOT, type Root } from '#core/hashing';
import { gameIdOf } from '#core/dispute';
import { modelPreimage } from '#core/onnx';
import { claimDigest, evidenceClaim, type Evidence } from '#core/protocol';
import type { ModelShelf } from '#io/artifacts';
import type { Chain, RevealedEvidence } from '#io/chain';
import type { TestedModel } from '#io/inference';
import type { Logger } from '#platform';
import { tracedRun } from '../checking/traced-run.js';
import type { CaseFiles } from './cases.js';

/** An entry of a checker's evidence that is not what this machine's own run gave. */
export interface FalseEvidence extends RevealedEvidence {
  readonly batchId: bigint;
  readonly index: number;
  readonly own: Evidence;
}

export interface AccusingParts {
  readonly address: Address;
  readonly chain: Pick<Chain, 'checks' | 'disputes' | 'network'>;
  readonly cases: Pick<CaseFiles, 'find' | 'keep'>;
  readonly models: Pick<ModelShelf<TestedModel>, 'with'>;
  readonly log: Logger;
}

/**
 * Opens a dispute over a checker's evidence; the player plays it from there. Made again it changes nothing.
 * Returns the game, or undefined if there is nothing to accuse of.
 */
export async function accuseChecker(found: FalseEvidence, parts: AccusingParts): Promise<Root | undefined> {
  const { address, chain, cases, models, log } = parts;
  const { batchId, checker, evidence, index, own } = found;
  const shown = evidence[index]!;
  const facts = { batchId, checker, claim: shown.claim };
  const kept = await cases.find(shown.claim);
  if (!kept) return void log.warn({ event: 'accusation.unknown', ...facts }, 'the claim behind evidence is not kept here any more');
  const accused = evidenceClaim(kept.claim, { checker, outputRoot: shown.outputRoot });
  const digest = claimDigest(chain.network, accused);
  const gameId = gameIdOf(digest, address);
  if ((await chain.disputes.stateOf(gameId)) !== ZERO_ROOT) return gameId;
  if (await chain.disputes.overturned(digest)) return void log.info({ event: 'accusation.needless', ...facts }, 'somebody else has proven this evidence wrong');
  const { again, model } = await models.with(kept.claim.modelId, async ({ session }) => ({ again: await tracedRun(session, kept.inputs), model: modelPreimage(session.model.manifest) }));
  // SAFETY: an accusation needs the same bits twice; a machine that contradicts itself knows nothing.
  if (again.outputRoot !== own.outputRoot || again.traceRoot !== own.traceRoot) return void log.warn({ event: 'accusation.unsure', ...facts, first: own, second: again }, 'this machine gave two answers to one job: nobody is accused');
  // WHY first the file: after a crash behind the transaction the game would be there and nothing to play it with.
  await cases.keep(digest, { ...kept, claim: accused });
  const sent = await chain.checks.accuse(batchId, { checker, evidence, index, claim: kept.claim, model });
  log.warn({ event: 'checker.accused', ...facts, gameId, revealed: shown.traceRoot, computed: own.traceRoot, gas: sent.gasUsed, block: sent.block, txHash: sent.hash }, 'a checker revealed evidence that no run gives: accused');
  return gameId;
}
