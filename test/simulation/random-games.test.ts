import { describe, expect, it } from 'vitest';
import { toyTrace, type TraceReader } from '#core/trace';
import { openedLevels, revealedCount, type Role } from '#core/dispute';
import { seededRandom, type Random } from '#testing';
import { LIES, type Run } from './liars.js';
import { playMatch, RULES, type Match, type Result } from './match.js';
import { honestPlayer, lastSecondPlayer, lyingChallenger, silentAfter, type Player } from './players.js';
import { randomPlan } from './toy-plans.js';

const SEED = Number(process.env['ASSAY_SEED'] ?? 20_260_101);
const PLANS = 320;
const GAMES_PER_PLAN = 42;

interface Setting {
  readonly name: string;
  readonly honest: Role;
  readonly match: Match;
}

const honest = (random: Random): Player => (random.next() < 0.2 ? lastSecondPlayer() : honestPlayer(random, RULES.extension));

/** An executor that lies against an honest challenger; undefined where this model gives no chance to lie so, or the lie changed nothing. */
function againstLiar(run: Run, name: string): Setting | undefined {
  const { random, plan } = run;
  const trace = LIES[name]!(run);
  if (!trace || trace.traceTree().root === run.honest.traceTree().root) return undefined;
  const style = random.pick(['plain', 'lastSecond', 'silent']);
  const liar = style === 'plain' ? honestPlayer(random, RULES.extension) : style === 'lastSecond' ? lastSecondPlayer() : silentAfter(random.between(0, 6), honestPlayer(random, 1));
  return { name: `${name} ${style}`, honest: 'challenger', match: { plan, model: run.honest.model, executor: { player: liar, trace }, challenger: { player: honest(random), trace: run.honest } } };
}

/** A challenger without a case against an honest executor: one that makes things up, or one whose own run is wrong. */
function againstLyingChallenger(run: Run): Setting {
  const { random, plan, honest: trace } = run;
  const executor = { player: honest(random), trace };
  const own = random.next() < 0.5 ? LIES[random.pick(Object.keys(LIES))]!(run) : undefined;
  if (own) return { name: 'mistakenChallenger', honest: 'executor', match: { plan, model: run.honest.model, executor, challenger: { player: honestPlayer(random, 1), trace: own } } };
  const liar = random.next() < 0.3 ? silentAfter(random.between(0, 6), lyingChallenger(random)) : lyingChallenger(random);
  return { name: 'lyingChallenger', honest: 'executor', match: { plan, model: run.honest.model, executor, challenger: { player: liar, trace } } };
}

function check({ name, honest: role, match }: Setting, result: Result): void {
  const context = `${name}: ${JSON.stringify(result.moves.map((m) => m.kind))} ${JSON.stringify(result.refused.map((r) => [r.by, r.move.kind, r.refusal]))}`;
  if (result.winner !== role) throw new Error(`the ${role} was honest and lost. ${context}`);
  const refused = result.refused.filter((r) => r.by === role);
  if (refused.length > 0) throw new Error(`the honest ${role} made a move that was refused. ${context}`);
  const twice = result.moves.find(({ by, kind }, i) => i > 0 && kind !== 'expire' && by === result.moves[i - 1]!.by);
  if (twice) throw new Error(`the ${twice.by} acted twice in a row. ${context}`);
  if (result.moves.some(({ by, kind }) => kind === 'expire' && by !== role)) throw new Error(`the honest ${role} ran out of time. ${context}`);
  if (result.moves.length > longest(role === 'challenger' ? match.challenger.trace : match.executor.trace)) throw new Error(`too many moves. ${context}`);
}

/** Rounds of a tree of this depth. */
const rounds = (depth: number): number => {
  let count = 1;
  while ((depth -= openedLevels(depth)) > 0) count++;
  return count;
};

/** Moves of the longest game about a trace: a reveal and an answer for each round. A liar's tensor or chain may be longer than the honest one by its claim. */
function longest(trace: TraceReader): number {
  const values = Array.from({ length: trace.model.valueCount - 1 }, (_, v) => v);
  const tensors = Math.max(0, ...values.map((v) => rounds(trace.valueTree(v).depth) + (revealedCount(trace.stepCount(v)) < Number(trace.stepCount(v)) ? 2 : 1)));
  return 2 * (rounds(trace.traceTree().depth) + tensors) + 1;
}

describe('random games on the toy trace', () => {
  it(`the honest side wins every one (ASSAY_SEED=${SEED})`, () => {
    const random = seededRandom(SEED);
    const counts = new Map<string, number>();
    const faults = new Map<string, number>();
    let games = 0;
    for (let p = 0; p < PLANS; p++) {
      const plan = randomPlan(random);
      const run: Run = { plan, honest: toyTrace(plan), random };
      for (let g = 0; g < GAMES_PER_PLAN; g++) {
        const names = Object.keys(LIES);
        const setting = g % 4 === 0 ? againstLyingChallenger(run) : againstLiar(run, names[g % names.length]!);
        if (!setting) continue;
        const result = playMatch(setting.match);
        check(setting, result);
        games++;
        counts.set(setting.name, (counts.get(setting.name) ?? 0) + 1);
        const fault = result.shown?.fault ?? 'silence';
        faults.set(fault, (faults.get(fault) ?? 0) + 1);
      }
    }
    console.log(`seed ${SEED}: ${games} games`, Object.fromEntries(counts), Object.fromEntries(faults));
    expect(games).toBeGreaterThanOrEqual(10_000);
    expect([...faults.keys()].sort()).toEqual(['header', 'outputs', 'silence', 'step', 'stepCount', 'tensorPadding', 'tracePadding']);
  }, 300_000);
});
