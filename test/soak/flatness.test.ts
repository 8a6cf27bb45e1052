import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { collecting, heldBy, judged, sampleOf, type Sample } from '../../bench/flatness.js';

const MINUTES = 30;
const SAMPLES = 120;

/** A run of half an hour; memory goes up and down by a garbage collector's measure. */
function run(change: (minute: number) => Partial<Sample> = () => ({})): Sample[] {
  return Array.from({ length: SAMPLES }, (_, i) => {
    const minute = (i * MINUTES) / SAMPLES;
    return { minute, megabytes: 200 + 15 * Math.sin(i), files: 30 + (i % 3), sockets: 10, threads: 12, sessions: 2, ...change(minute) };
  });
}

it('a run that holds what it held is flat, also after a warm-up, and with one sample that stands out', () => {
  expect(judged(run()).leaks).toEqual([]);
  expect(judged(run((minute) => ({ megabytes: minute < 10 ? 100 + 20 * minute : 300, files: minute < 5 ? 12 : 30 }))).leaks).toEqual([]);
  expect(judged(run((minute) => (minute === 20 ? { files: 90, megabytes: 260 } : {}))).leaks).toEqual([]);
});

it.each<[string, (minute: number) => Partial<Sample>]>([
  ['memory', (minute) => ({ megabytes: 200 + 3 * minute })],
  ['files', (minute) => ({ files: 30 + Math.floor(minute) })],
  ['sockets', (minute) => ({ sockets: 10 + Math.floor(minute) })],
  ['threads', (minute) => ({ threads: 12 + Math.floor(minute) })],
  ['sessions', (minute) => ({ sessions: 2 + Math.floor(minute / 8) })],
])('a growing number of %s is a leak', (what, change) => {
  const { leaks } = judged(run(change));
  expect(leaks).toHaveLength(1);
  expect(leaks[0]).toContain(what);
});

it('memory is judged by what is left after a collection, where there was one', () => {
  const collectedAt = (i: number, held: number) => (i % 2.5 === 0 ? { held } : {});
  expect(judged(run((minute) => ({ megabytes: 200 + 5 * minute, ...collectedAt(minute, 180) }))).leaks).toEqual([]);
  expect(judged(run((minute) => ({ megabytes: 400, ...collectedAt(minute, 180 + 3 * minute) }))).leaks).toEqual(['memory grows by 3 MB a minute']);
});

it('a process is asked to collect its garbage, and holds less than before', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'assay-collect-'));
  const collected = join(dir, 'collected');
  const script = "globalThis.litter = Array.from({ length: 100 }, () => new Array(2 ** 17).fill(1.5)); globalThis.litter = undefined; console.log('littered'); setInterval(() => {}, 1000);";
  const child = spawn(process.execPath, ['-e', script], { env: { ...process.env, ...collecting(collected) }, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    const { megabytes } = sampleOf(child.pid!, 0);
    expect(await heldBy(child.pid!, collected)).toBeLessThan(megabytes - 50);
  } finally {
    child.kill('SIGKILL');
    rmSync(dir, { recursive: true });
  }
});

it('a sample is what this process holds', () => {
  const { megabytes, files, threads } = sampleOf(process.pid, 1);
  expect([megabytes, files, threads].every((value) => value > 0)).toBe(true);
  expect(megabytes).toBeLessThan((1.5 * process.memoryUsage().rss) / 2 ** 20 + 100);
});
