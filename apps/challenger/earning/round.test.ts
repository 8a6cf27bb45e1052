import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keccak256, numberToHex } from 'viem';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ZERO_ROOT } from '#core/hashing';
import { evidenceHash, MAX_EVIDENCE } from '#core/protocol';
import { RoundFiles } from './round-files.js';
import { Round, type Found } from './round.js';

const root = (n: number) => keccak256(numberToHex(n));
const checker = '0x00000000000000000000000000000000000000a1';
const batch = { batchId: 7n, root: root(70), beacon: root(71) };
const found = (n: number, drawn = true): Found => ({ claim: root(n), outputRoot: root(1_000 + n), traceRoot: root(2_000 + n), proof: [root(3_000 + n)], drawn });
const nothing = { word: ZERO_ROOT, entries: 0, paid: false };

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'assay-round-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('commits after a restart to what it would have committed to before, whatever it runs later', async () => {
  const round = new Round(batch);
  for (const n of [1, 2, 3]) round.note(found(n, n !== 3));
  expect(round.progress(checker, nothing)).toMatchObject({ frozen: false, entries: 0, onChain: 'nothing' });
  round.freeze(root(9));
  const files = await RoundFiles.open(dir);
  await files.keep(round.record);
  const [record] = await (await RoundFiles.open(dir)).all();
  const resumed = Round.of(record!);
  for (const one of [round, resumed]) one.note(found(4));
  resumed.freeze(root(10));
  expect(resumed.commitment(checker)).toBe(round.commitment(checker));
  expect(resumed.record).toEqual(round.record);
  expect(resumed.evidence.map(({ claim }) => claim)).toEqual([root(1), root(2)].sort());
  for (const n of [1, 2, 3, 4]) expect(resumed.ran(root(n))?.traceRoot).toBe(root(2_000 + n));
  await files.drop(batch.batchId);
  expect(readdirSync(join(dir, 'rounds'))).toEqual([]);
});

it('knows its commitment, its reveal, and what is neither', () => {
  const round = new Round(batch);
  round.note(found(1));
  round.freeze(root(9));
  const seen = (word = round.commitment(checker), entries = 0) => round.progress(checker, { word, entries, paid: false }).onChain;
  expect([seen(), seen(evidenceHash(round.evidence), 1), seen(root(5)), seen(ZERO_ROOT)]).toEqual(['commitment', 'revealed', 'foreign', 'nothing']);
});

it('reveals no more than one transaction takes', () => {
  const round = new Round(batch);
  for (let n = 0; n < MAX_EVIDENCE + 5; n++) round.note(found(n));
  round.freeze(root(9));
  expect(round.evidence).toHaveLength(MAX_EVIDENCE);
  expect(round.record.known).toHaveLength(5);
});
