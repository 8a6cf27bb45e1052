import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Fence } from '#io/storage';
import { createLogger } from '#platform';
import { seededRandom } from '#testing';
import { RoleKeeper } from './role-keeper.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** As RoleStore, in memory; a question takes up to `slowness` milliseconds before it has its effect. */
class Roles {
  slowness = 0;
  takeovers = 0;
  /** Whoever is dead, or cut off. */
  readonly gone = new Set<string>();
  private readonly random = seededRandom(1);
  private row: { holder: string; until: number } | undefined;
  private token = 0n;

  async hold(role: string, { holder, ttlMs }: { holder: string; ttlMs: number }): Promise<Fence | undefined> {
    await sleep(this.random.between(0, this.slowness));
    if (this.gone.has(holder)) return new Promise(() => {});
    if (this.row && this.row.holder !== holder && this.row.until >= Date.now()) return undefined;
    if (this.row?.holder !== holder) (this.token++, this.takeovers++);
    this.row = { holder, until: Date.now() + ttlMs };
    return { role, token: this.token };
  }

  async leave(): Promise<void> {}
}

function keeperOf(roles: Roles, holder: string) {
  const duty = { start: () => {}, stop: () => sleep(500) };
  const keeper = new RoleKeeper({ role: 'batching', roles, holder, begin: () => duty, millis: () => Date.now(), log: createLogger({ name: 'test', level: 'silent' }) });
  keeper.start();
  return keeper;
}

const stopped = async (...keepers: RoleKeeper[]) => {
  const all = Promise.all(keepers.map((keeper) => keeper.stop()));
  await vi.advanceTimersByTimeAsync(60_000);
  await all;
};

it('processes that are slow do not take a role from each other again and again', async () => {
  const roles = new Roles();
  roles.slowness = 5_000;
  const keepers = [keeperOf(roles, 'a'), keeperOf(roles, 'b')];
  await vi.advanceTimersByTimeAsync(600_000);
  expect(roles.takeovers).toBeLessThanOrEqual(4);
  await stopped(...keepers);
});

it('a role whose holder is gone is taken over in seconds, also some time after everything was slow', async () => {
  const roles = new Roles();
  roles.slowness = 5_000;
  const keepers = { a: keeperOf(roles, 'a'), b: keeperOf(roles, 'b') };
  await vi.advanceTimersByTimeAsync(30_000);
  roles.slowness = 5;
  await vi.advanceTimersByTimeAsync(30_000);
  const [dead, other] = keepers.a.isHeld ? (['a', 'b'] as const) : (['b', 'a'] as const);
  roles.gone.add(dead);
  await vi.advanceTimersByTimeAsync(5_500);
  expect(keepers[other].isHeld).toBe(true);
  await stopped(keepers[other]);
});
