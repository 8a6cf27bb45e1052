import type { Address } from 'viem';
import { ZERO_ROOT, type Root } from '#core/hashing';
import { gameIdOf } from '#core/dispute';
import { modelPreimage } from '#core/onnx';
import { canaryTruth, claimDigest, evidenceClaim, type Claim, type Evidence } from '#core/protocol';
import type { ModelShelf } from '#io/artifacts';
import type { CanaryFinding, Chain, ModelArgs, RevealedEvidence, Sent } from '#io/chain';
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

/** The opening of a canary that says something else than this machine's own run of its job. */
export interface FalseOpening {
  readonly batchId: bigint;
  readonly id: Root;
  readonly finding: CanaryFinding;
  readonly own: Evidence;
}

export interface AccusingParts {
  readonly address: Address;
  readonly chain: Pick<Chain, 'canaries' | 'checks' | 'disputes' | 'network' | 'now'>;
  readonly cases: Pick<CaseFiles, 'find' | 'keep'>;
  readonly models: Pick<ModelShelf<TestedModel>, 'with'>;
  readonly log: Logger;
}

/**
 * Opens a dispute over a checker's evidence; the player plays it from there. Made again it changes nothing.
 * Returns the game, or undefined if there is nothing to accuse of.
 */
export function accuseChecker({ batchId, checker, evidence, index, own }: FalseEvidence, parts: AccusingParts): Promise<Root | undefined> {
  const shown = evidence[index]!;
  return accuse(own, parts, {
    facts: { batchId, checker, claim: shown.claim, revealed: shown.traceRoot },
    accused: (claim) => evidenceClaim(claim, { checker, outputRoot: shown.outputRoot }),
    send: (claim, model) => parts.chain.checks.accuse(batchId, { checker, evidence, index, claim, model }),
  });
}

/** The same over what the opening of a canary says; by that other checkers would be fined. */
export async function disputeOpening({ batchId, id, finding, own }: FalseOpening, parts: AccusingParts): Promise<Root | undefined> {
  const { canaries, now } = parts.chain;
  const [{ since }, trial, time] = await Promise.all([canaries.canaryOf(id), canaries.trial(), now()]);
  const facts = { batchId, canary: id, claim: finding.claim, revealed: finding.traceRoot };
  if (time > since + trial) return void parts.log.warn({ event: 'accusation.late', ...facts }, 'what the opening of a canary says cannot be disputed any more');
  return accuse(own, parts, { facts, accused: (claim) => canaryTruth(claim, finding.trueRoot), send: (claim, model) => canaries.dispute(id, finding, { claim, model }) });
}

interface Accusation {
  readonly facts: Readonly<Record<string, unknown>>;
  /** The claim that the game is about. */
  readonly accused: (claim: Claim) => Claim;
  readonly send: (claim: Claim, model: ModelArgs) => Promise<Sent>;
}

async function accuse(own: Evidence, { address, chain, cases, models, log }: AccusingParts, { facts, accused: of, send }: Accusation): Promise<Root | undefined> {
  const kept = await cases.find(own.claim);
  if (!kept) return void log.warn({ event: 'accusation.unknown', ...facts }, 'the claim behind evidence is not kept here any more');
  const accused = of(kept.claim);
  const digest = claimDigest(chain.network, accused);
  const gameId = gameIdOf(digest, address);
  if ((await chain.disputes.stateOf(gameId)) !== ZERO_ROOT) return gameId;
  if (await chain.disputes.overturned(digest)) return void log.info({ event: 'accusation.needless', ...facts }, 'somebody else has proven this evidence wrong');
  const { again, model } = await models.with(kept.claim.modelId, async ({ session }) => ({ again: await tracedRun(session, kept.inputs), model: modelPreimage(session.model.manifest) }));
  // SAFETY: an accusation needs the same bits twice; a machine that contradicts itself knows nothing.
  if (again.outputRoot !== own.outputRoot || again.traceRoot !== own.traceRoot) return void log.warn({ event: 'accusation.unsure', ...facts, first: own, second: again }, 'this machine gave two answers to one job: nobody is accused');
  // WHY first the file: after a crash behind the transaction the game would be there and nothing to play it with.
  await cases.keep(digest, { ...kept, claim: accused });
  const sent = await send(kept.claim, model);
  log.warn({ event: 'checker.accused', ...facts, gameId, computed: own.traceRoot, gas: sent.gasUsed, block: sent.block, txHash: sent.hash }, 'evidence that no run gives: accused');
  return gameId;
}
