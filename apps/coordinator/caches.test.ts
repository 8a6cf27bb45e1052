import { expect, it } from 'vitest';
import type { JobState } from '#core/protocol';
import { jobCounts, momentary, numbersOf } from './caches.js';

/** A question whose answer counts how often it was asked; it takes so many milliseconds of the clock that it moves. */
function question(takesMs: number) {
  const clock = { at: 0 };
  let asked = 0;
  const ask = async () => {
    const answer = ++asked;
    await Promise.resolve();
    clock.at += takesMs;
    return answer;
  };
  return { clock, ask, now: () => clock.at };
}

it('an answer stands for a moment, and for so long that asking takes no more than its share', async () => {
  const { clock, ask, now } = question(300);
  const often = momentary(ask, now, 0.05);
  expect(await often()).toBe(1);
  clock.at = 5_999;
  expect(await often()).toBe(1);
  clock.at = 6_000;
  expect(await often()).toBe(2);
});

it('whoever asks meanwhile waits for the same answer, and a failure is no answer', async () => {
  const { ask, now } = question(10);
  const often = momentary(ask, now);
  expect(await Promise.all([often(), often(), often()])).toEqual([1, 1, 1]);
  let fails = true;
  const shaky = momentary(() => (fails ? Promise.reject(new Error('no')) : ask()), now);
  await expect(shaky()).rejects.toThrow('no');
  fails = false;
  expect(await shaky()).toBe(2);
});

it('jobs are counted in every state, what is past seldom', async () => {
  const clock = { at: 0 };
  let final = 5;
  const asked: (readonly JobState[])[] = [];
  const counted = (states: readonly JobState[], counts: Partial<Record<JobState, number>>, tookMs: number) => {
    asked.push(states);
    clock.at += tookMs;
    return Promise.resolve(Object.fromEntries(Object.entries(counts).map(([state, count]) => [state, { count, oldest: new Date(0) }])));
  };
  const counts = jobCounts({ countByState: (states) => counted(states, { final: final++ }, 100), oldestByState: (states) => counted(states, { accepted: 2 }, 1) }, () => clock.at);
  expect(numbersOf(await counts())).toEqual({ final: 5, accepted: 2 });
  expect(new Set(asked.flat()).size).toBe(12);
  clock.at = 1_000;
  expect(numbersOf(await counts())).toEqual({ final: 5, accepted: 2 });
  expect(asked).toHaveLength(3);
  clock.at = 2_200;
  expect(numbersOf(await counts())).toMatchObject({ final: 6 });
});
