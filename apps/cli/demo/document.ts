import type { DisputeRecord } from '#sdk';
import type { Balance, Ledger } from './balances.js';
import type { Cast } from './cast.js';
import { HONEST, LIAR, type Evidence, type Told } from './evidence.js';
import type { Yardstick } from './questions.js';

interface Context {
  readonly cast: Cast;
  readonly model: Yardstick;
  readonly fault: string;
}

export type DemoDocument = ReturnType<typeof documentOf>;

/** The demo as one document, and whether all of it happened as it should. */
export function documentOf(evidence: Evidence, context: Context) {
  const problems = problemsOf(evidence, context);
  const { cast, model, fault } = context;
  return {
    ok: problems.length === 0,
    problems,
    model: { name: model.name, modelId: model.model.manifest.modelId, values: model.model.manifest.valueCount },
    fault,
    answers: evidence.told.map((told) => answerOf(told, context)),
    liar: partOf(LIAR, evidence),
    honest: partOf(HONEST, evidence),
    disputes: evidence.disputes.map((dispute) => disputeOf(dispute, evidence, context)),
    settlement: evidence.disputes.map(({ gameId, settlement }) => ({ gameId, ...settlement })),
    balances: { before: evidence.before, after: evidence.after },
    receipts: evidence.receipts.map(({ jobId, verdict, replay }) => ({ jobId, verified: verdict.ok, finality: verdict.finality, checks: verdict.checks, replayed: replay.ok, claimed: replay.claimed, computed: replay.computed })),
    timings: evidence.timings,
    cast: cast.accounts,
  };
}

function answerOf({ question, answer, ms, right, standing }: Told, { cast, model }: Context) {
  return {
    question: question.name,
    ...(question.label === undefined ? {} : { label: question.label }),
    jobId: answer.jobId,
    executor: cast.nameOf(answer.executor),
    text: model.say(answer.outputs),
    outputRoot: answer.claim.outputRoot,
    expectedRoot: model.rootOf(question),
    right,
    ms,
    standing,
  };
}

function partOf(name: string, { before, after }: Evidence) {
  const was = accountIn(before, name);
  const is = accountIn(after, name);
  return { name, address: was.address, stakeBefore: was.stake, stakeAfter: is.stake, slashed: was.stake - is.stake };
}

function accountIn(ledger: Ledger, name: string): Balance {
  return ledger.accounts.find((account) => account.name === name)!;
}

function disputeOf(dispute: DisputeRecord, evidence: Evidence, { cast, model }: Context) {
  const { executor, challenger, finalStep, state, fault, settlement: _, ...rest } = dispute;
  return {
    ...rest,
    executor: cast.nameOf(executor),
    challenger: cast.nameOf(challenger),
    wallMs: wallMs(dispute, evidence),
    ...(finalStep ? { finalStep: { ...finalStep, name: model.model.valueNames[finalStep.node] } } : {}),
    fault,
    verdict: state,
  };
}

/** From the first move to the verdict, as seen by us. */
function wallMs({ gameId }: DisputeRecord, { seen }: Evidence): number {
  const times = seen.filter(({ event }) => 'gameId' in event.args && event.args.gameId === gameId && event.eventName !== 'Settled').map(({ at }) => at);
  return times.length === 0 ? 0 : times.at(-1)! - times[0]!;
}

/** What did not happen as it should have; empty if the story is true. */
function problemsOf(evidence: Evidence, { cast }: Context): string[] {
  const { told, disputes, receipts } = evidence;
  const liar = partOf(LIAR, evidence);
  const honest = partOf(HONEST, evidence);
  const lies = told.filter((t) => !t.right);
  const claims: [boolean, string][] = [
    [lies.length > 0, `${LIAR} told no lie`],
    [lies.every((t) => cast.nameOf(t.answer.executor) === LIAR), `somebody else than ${LIAR} gave a wrong answer`],
    [disputes.length > 0, 'there was no dispute'],
    [disputes.every((d) => d.state === 'executor lost' && cast.nameOf(d.executor) === LIAR), `a dispute did not end with ${LIAR} losing`],
    [liar.slashed > 0n, `${LIAR} was not slashed`],
    [honest.slashed === 0n, `${HONEST} was slashed`],
    [told.every((t) => t.standing?.right), 'the submitter was left with a wrong answer'],
    [receipts.length === 2 && receipts.every(({ verdict }) => verdict.ok), 'a receipt does not verify'],
    [receipts.every(({ replay }) => replay.ok), 'a replay gave other bytes'],
    [conserved(evidence), 'tokens appeared or vanished'],
  ];
  return claims.filter(([holds]) => !holds).map(([, problem]) => problem);
}

/** The vault holds as much as before: what one lost, others have. */
function conserved({ before, after }: Evidence): boolean {
  const sum = ({ totals }: Ledger) => Object.values(totals).reduce((a, b) => a + b, 0n);
  return sum(before) === sum(after);
}
