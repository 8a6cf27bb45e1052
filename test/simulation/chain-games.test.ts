import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toyTrace } from '#core/trace';
import { seededRandom } from '#testing';
import { startArena, type Arena } from './arena.js';
import { playOnChain } from './chain-match.js';
import { LIES, type Run } from './liars.js';
import { honestPlayer, lyingChallenger, silentAfter } from './players.js';
import { randomTinyPlan } from './tiny-models.js';

const SEED = Number(process.env['ASSAY_SEED'] ?? 7_001);
const GAMES_PER_LIE = 3;
const SLANDERS = 12;

let arena: Arena;
beforeAll(async () => {
  arena = await startArena(join(mkdtempSync(join(tmpdir(), 'assay-games-')), 'anvil.log'));
}, 60_000);
afterAll(() => arena?.stop());

describe(`games of tiny networks on the real contracts (ASSAY_SEED=${SEED})`, () => {
  it.each(Object.keys(LIES))('%s: the liar loses, and both rules agree on every state', async (name) => {
    const random = seededRandom(SEED + Object.keys(LIES).indexOf(name));
    for (let played = 0, tries = 0; played < GAMES_PER_LIE; tries++) {
      expect(tries).toBeLessThan(50);
      const plan = randomTinyPlan(random);
      const run: Run = { plan, honest: toyTrace(plan), random };
      const trace = LIES[name]!(run);
      if (!trace || trace.traceTree().root === run.honest.traceTree().root) continue;
      const player = honestPlayer(random, 0);
      const result = await playOnChain({ arena, random, honest: run.honest, executor: { player, trace }, challenger: { player, trace: run.honest } });
      expect(result).toMatchObject({ winner: 'challenger', refused: [] });
      expect(result.moves.at(-1)?.kind).toBe('prove');
      played++;
    }
  }, 120_000);

  it('an honest executor beats every challenger without a case', async () => {
    const random = seededRandom(SEED + 100);
    const refusals = new Set<string>();
    for (let played = 0; played < SLANDERS; played++) {
      const plan = randomTinyPlan(random);
      const trace = toyTrace(plan);
      const mistaken = played % 2 === 0 ? LIES[random.pick(Object.keys(LIES))]!({ plan, honest: trace, random }) : undefined;
      const liar = mistaken ? honestPlayer(random, 0) : random.next() < 0.2 ? silentAfter(random.between(0, 3), lyingChallenger(random)) : lyingChallenger(random);
      const result = await playOnChain({ arena, random, honest: trace, executor: { player: honestPlayer(random, 0), trace }, challenger: { player: liar, trace: mistaken ?? trace } });
      expect(result.winner).toBe('executor');
      expect(result.refused.filter((r) => r.by === 'executor')).toEqual([]);
      for (const { refusal } of result.refused) refusals.add(refusal);
    }
    console.log('refusals met:', [...refusals]);
  }, 120_000);
});
