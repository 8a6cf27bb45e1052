import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Root } from '#core/hashing';
import { RightClaims } from './right-claims.js';

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'assay-right-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const digest = (n: number): Root => `0x${n.toString(16).padStart(64, '0')}`;

it('knows after a restart what was added, but not what a crash cut short', async () => {
  const right = await RightClaims.open(join(dir, 'new'));
  await Promise.all([1, 2, 3].map((n) => right.add(digest(n))));
  appendFileSync(join(dir, 'new/right-claims'), digest(4).slice(0, 20));
  const restarted = await RightClaims.open(join(dir, 'new'));
  expect([1, 2, 3, 4].map((n) => restarted.has(digest(n)))).toEqual([true, true, true, false]);
  await restarted.add(digest(5));
  await restarted.add(digest(6));
  const again = await RightClaims.open(join(dir, 'new'));
  expect([3, 4, 5, 6].map((n) => again.has(digest(n)))).toEqual([true, false, false, true]);
});

it('forgets the older half when there are too many, on disk too', async () => {
  writeFileSync(join(dir, 'right-claims'), Array.from({ length: 65_536 }, (_, n) => `${digest(n)}\n`).join(''));
  const right = await RightClaims.open(dir);
  await right.add(digest(65_536));
  expect([0, 32_767, 32_768, 65_536].map((n) => right.has(digest(n)))).toEqual([false, false, true, true]);
  await right.add(digest(65_537));
  expect(readFileSync(join(dir, 'right-claims'), 'utf8').split('\n')).toHaveLength(65_538 - 32_768 + 1);
  const restarted = await RightClaims.open(dir);
  expect([32_767, 32_768, 65_537].map((n) => restarted.has(digest(n)))).toEqual([false, true, true]);
});
