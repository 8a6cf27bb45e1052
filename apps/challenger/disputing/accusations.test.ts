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
