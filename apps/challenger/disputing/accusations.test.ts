import { expect, it } from 'vitest';
import { createLogger, systemClock } from '#platform';
import { Accusations } from './accusations.js';

const game = (n: number) => `0x${String(n).padStart(64, '0')}` as const;

it('a dispute that is not among the games read is opened again, but not before its event had time to come', async () => {
  const known = new Set<string>();
  const again: string[] = [];
  const accusations = new Accusations({ isKnown: (gameId) => known.has(gameId), clock: systemClock, log: createLogger({ name: 'test', level: 'silent' }) });
  for (const n of [1, 2]) accusations.note(7n, game(n), async () => void again.push(game(n)));
  expect([accusations.hasAny(7n), accusations.hasAny(8n)]).toEqual([true, false]);
  known.add(game(1));
  await accusations.look();
  expect(again).toEqual([]);
  await accusations.look();
  expect(again).toEqual([game(2)]);
  known.add(game(2));
  await accusations.look();
  known.delete(game(1));
  await accusations.look();
  await accusations.look();
  expect(again).toEqual([game(2), game(1)]);
});

it('a dispute that stays missing is tried ever more rarely, and one that does not come back keeps no other waiting', async () => {
  const tries = new Map<string, number>();
  const accusations = new Accusations({ isKnown: () => false, clock: systemClock, log: createLogger({ name: 'test', level: 'silent' }) });
  const made = (n: number) => tries.set(game(n), (tries.get(game(n)) ?? 0) + 1);
  let release = () => {};
  accusations.note(7n, game(1), () => new Promise((resolve) => (made(1), (release = resolve))));
  accusations.note(7n, game(2), async () => void made(2));
  await accusations.look();
  const waiting = accusations.look();
  await expect.poll(() => tries.get(game(2))).toBe(1);
  release();
  await waiting;
  for (let look = 0; look < 200; look++) {
    const done = accusations.look();
    release();
    await done;
  }
  expect([tries.get(game(1)), tries.get(game(2))]).toEqual([7, 7]);
});
