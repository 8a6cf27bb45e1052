import { expect, it } from 'vitest';
import { besiegeChallenger, besiegeExecutor, costRatio } from './siege.js';

// The long form, 300 games of each kind, is `npm run bench:siege`; prices are those of its defaults.
const GAMES = 6;
const PRICES = { gasPrice: 5_000_000_000n, tokensPerEther: 3_000 };
const SEED = Number(process.env['ASSAY_SEED'] ?? 12);

it.each([
  ['challengers', besiegeExecutor],
  ['executors', besiegeChallenger],
] as const)(`one honest process beats many hostile %s at once, in time and for little (ASSAY_SEED=${SEED})`, async (_, besiege) => {
  const result = await besiege(GAMES, SEED);
  expect(result).toMatchObject({ games: GAMES, wonByHonest: GAMES });
  expect(result.leastClock).toBeGreaterThan(0);
  expect(costRatio(result, PRICES)).toBeGreaterThan(6.5);
}, 180_000);
