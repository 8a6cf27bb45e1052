import { expect, it } from 'vitest';
import { judged, sampleOf, type Sample } from '../../bench/flatness.js';

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

it('a sample is what this process holds', () => {
  const { megabytes, files, threads } = sampleOf(process.pid, 1);
  expect([megabytes, files, threads].every((value) => value > 0)).toBe(true);
  expect(megabytes).toBeLessThan((1.5 * process.memoryUsage().rss) / 2 ** 20 + 100);
});
