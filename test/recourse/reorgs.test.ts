import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { playThroughReorgs } from './reorgs.js';

// The long form is `npm run test:reorgs`.
const SEED = Number(process.env['ASSAY_SEED'] ?? 64);

it(`honest players win and are paid although up to 64 blocks are taken back again and again (ASSAY_SEED=${SEED})`, async () => {
  const logFile = join(mkdtempSync(join(tmpdir(), 'assay-reorgs-')), 'anvil.log');
  const tally = await playThroughReorgs({ logFile, seed: SEED, games: 4, reorgs: 5, onReorg: (line) => console.log(line) });
  console.log(tally);
  expect(tally).toMatchObject({ games: 4, deepest: 64 });
  expect(Object.keys(tally.undoneEvents)).toEqual(expect.arrayContaining(['Opened', 'Ended', 'Settled']));
}, 300_000);
