import { describe, expect, it } from 'vitest';
import { clockOf, type Role } from '#core/dispute';
import { toyTrace, type TraceReader } from '#core/trace';
import { seededRandom, type Random } from '#testing';
import { LIES, type Run } from './liars.js';
import { playMatch, type Result } from './match.js';
import { garbage, honestPlayer, inconsistent, lastSecondPlayer, lyingChallenger, replayer, silentAfter, type Player } from './players.js';
import { accusation } from './random-moves.js';
import { randomPlan } from './toy-plans.js';

const SEED = Number(process.env['ASSAY_SEED'] ?? 606);
const GAMES = 12;

interface Actor {
  /** Which side it plays. */
  readonly plays: Role;
  /** Undefined where this model gives no chance to be it. */
  readonly sit: (run: Run) => { player: Player; trace: TraceReader } | undefined;
  /** What its illegitimate moves are refused with; any other refusal is a find. */
  readonly refusals?: readonly string[];
}

const liar = (lie: string, player: (random: Random) => Player = (random) => honestPlayer(random, 1)): Actor => ({
  plays: 'executor',
  sit: (run) => {
    const trace = LIES[lie]!(run);
    return trace && trace.traceTree().root !== run.honest.traceTree().root ? { player: player(run.random), trace } : undefined;
  },
});

const challenger = (player: (run: Run) => Player, refusals?: readonly string[]): Actor => ({ plays: 'challenger', sit: (run) => ({ player: player(run), trace: run.honest }), ...(refusals ? { refusals } : {}) });

const ACTORS: Readonly<Record<string, Actor>> = {
  ...Object.fromEntries(Object.keys(LIES).map((lie) => [`liar: ${lie}`, liar(lie)])),
  'liar in the last second': liar('wrongElement', () => lastSecondPlayer()),
  ...Object.fromEntries([0, 1, 2, 3, 4, 5].map((n) => [`liar, silent after ${n} moves`, liar('wrongElement', (random) => silentAfter(n, honestPlayer(random, 1)))])),
  'inconsistent revealer': {
    plays: 'executor',
    sit: (run) => {
      const trace = LIES['wrongElement']!(run);
      // WHY another output: with the right one, opening the honest run throughout would be a fair defence.
      return trace && trace.outputRoot !== run.honest.outputRoot ? { player: inconsistent(run.random, run.honest), trace } : undefined;
    },
    refusals: ['NotUnderNode', 'NotTheOutput'],
  },
  'garbage revealer': { ...liar('wrongElement', garbage), refusals: ['NotUnderNode', 'NotTheOutput'] },
  'replaying executor': { ...liar('wrongElement', (random) => replayer(honestPlayer(random, 0))), refusals: ['WrongPhase', 'NotUnderNode', 'NotTheOutput', 'WrongNodeCount'] },
  'challenger that opens and abandons': challenger(({ random }) => silentAfter(0, honestPlayer(random, 0))),
  'griefer: any choice to the end': challenger(({ random }) => lyingChallenger(random)),
  'griefer in the last second': challenger(({ random }) => ({ act: (position, left) => ({ action: lyingChallenger(random).act(position, left).action, after: left }) })),
  ...Object.fromEntries([1, 2, 3].map((n) => [`challenger, silent after ${n} moves`, challenger(({ random }) => silentAfter(n, lyingChallenger(random)))])),
  'garbage prover': challenger(({ random }) => ({ act: (position) => ({ action: accusation(random, position), after: 0 }) })),
  'replaying challenger': challenger(({ random }) => replayer(lyingChallenger(random))),
};

function play(run: Run, { plays, sit }: Actor): Result | undefined {
  const seat = sit(run);
  if (!seat) return undefined;
  const honest = { player: run.random.next() < 0.3 ? lastSecondPlayer() : honestPlayer(run.random, 30), trace: run.honest };
  const seats = plays === 'executor' ? { executor: seat, challenger: honest } : { executor: honest, challenger: seat };
  return playMatch({ plan: run.plan, model: run.honest.model, ...seats });
}

describe(`every hostile actor loses to an honest player (ASSAY_SEED=${SEED})`, () => {
  it.each(Object.keys(ACTORS))('%s', (name) => {
    const actor = ACTORS[name]!;
    const honest: Role = actor.plays === 'executor' ? 'challenger' : 'executor';
    const random = seededRandom(SEED + Object.keys(ACTORS).indexOf(name));
    let played = 0;
    for (let tries = 0; played < GAMES; tries++) {
      expect(tries, 'models in which this actor has a chance').toBeLessThan(400);
      const plan = randomPlan(random);
      const result = play({ plan, honest: toyTrace(plan), random }, actor);
      if (!result) continue;
      played++;
      expect(result.winner).toBe(honest);
      expect(result.refused.filter(({ by }) => by === honest), 'no move of the honest side is refused').toEqual([]);
      expect(clockOf(result.game, honest), 'the honest clock never ran out').toBeGreaterThanOrEqual(0);
      const twice = result.moves.some(({ by, kind }, i) => i > 0 && by === result.moves[i - 1]!.by && kind !== 'expire');
      expect(twice, 'nobody moves twice in a row').toBe(false);
      if (actor.refusals) for (const { refusal } of result.refused) expect(actor.refusals).toContain(refusal);
    }
  }, 60_000);
});
