import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startArena, type Arena } from './arena.js';
import { playRealGames } from './real-games.js';

const SEED = Number(process.env['ASSAY_SEED'] ?? 31_000);
const GAMES = 12;

let arena: Arena;
beforeAll(async () => {
  arena = await startArena(join(mkdtempSync(join(tmpdir(), 'assay-real-games-')), 'anvil.log'));
}, 60_000);
afterAll(() => arena?.stop());

it(`the honest side wins random games of real models on the real contracts, and is paid (ASSAY_SEED=${SEED}; more: npm run test:games)`, async () => {
  const { games, kinds } = await playRealGames({ arena, seed: SEED, games: GAMES, models: ['mnist', 'fraud', 'go1-policy'] });
  console.log(Object.fromEntries(kinds));
  expect(games).toBe(GAMES);
}, 180_000);
