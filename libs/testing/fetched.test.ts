import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { fetchedInto } from './fetched.js';

const dir = mkdtempSync(join(tmpdir(), 'assay-fetched-'));
const place = join(dir, 'tool');
const isThere = () => existsSync(join(place, 'complete'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Writes its two files with a pause between them, as a download and its unpacking do. */
const fetch = (by: string) => async (folder: string) => {
  writeFileSync(join(folder, 'by'), by);
  await sleep(20);
  writeFileSync(join(folder, 'complete'), by);
};

it('lets many fetch at once: one whole folder stays, in place of a broken one, and nothing beside it', async () => {
  mkdirSync(place);
  writeFileSync(join(place, 'half'), '');
  await Promise.all(['a', 'b', 'c'].map((by) => fetchedInto(place, { isThere, fetch: fetch(by) })));
  expect(readFileSync(join(place, 'by'), 'utf8')).toBe(readFileSync(join(place, 'complete'), 'utf8'));
  expect([readdirSync(dir), readdirSync(place).sort()]).toEqual([['tool'], ['by', 'complete']]);
});

it('passes on what went wrong, and leaves nothing', async () => {
  const absent = join(dir, 'absent');
  await expect(fetchedInto(absent, { isThere: () => false, fetch: () => Promise.reject(new Error('no network')) })).rejects.toThrow('no network');
  expect(readdirSync(dir)).toEqual(['tool']);
});
