import { keccak256, numberToHex } from 'viem';
import { describe, expect, it } from 'vitest';
import { ZERO_ROOT, type Root } from '#core/hashing';
import { AssayError, type Claim } from '#core/protocol';
import { newGame, type Game, type Happening } from '#core/dispute';
import { GameBook } from './book.js';
import { Scheduler } from './scheduler.js';
import { compareClaim, triageFailure, type GameHappening, type GamePage } from './index.js';
import type { Next } from './responder.js';

const EXECUTOR = '0x00000000000000000000000000000000000000E1';
const CHALLENGER = '0x00000000000000000000000000000000000000c1';
const STRANGER = '0x0000000000000000000000000000000000000f00';
const root = (n: number): Root => keccak256(numberToHex(n));
const claim: Claim = { jobId: root(1), modelId: root(2), inputRoot: root(3), outputRoot: root(4), executor: EXECUTOR, coordinator: STRANGER, fee: 1n, insuredValue: 0n };
const started: Game = newGame({ claim: root(5), executor: EXECUTOR, challenger: CHALLENGER, outputRoot: root(4), valueCount: 5, now: 100n, clock: 60 });

const page = (from: bigint, happenings: readonly GameHappening[], rewound = false): GamePage => ({ from, to: from, head: from, rewound, happenings });
const at = (block: bigint, happening: Happening, gameId = root(9)): GameHappening => ({ gameId, block, tx: ZERO_ROOT, happening });
const opened = (block: bigint, gameId?: Root) => at(block, { kind: 'opened', claim, game: started }, gameId);
const moved = (block: bigint, movedAt: bigint) => at(block, { kind: 'chosen', game: { ...started, movedAt } });

describe('the book', () => {
  it('keeps own games only, whichever the side and the spelling of the address', () => {
    for (const account of [EXECUTOR, CHALLENGER, EXECUTOR.toLowerCase()] as const) {
      const book = new GameBook(account as `0x${string}`);
      expect(book.take(page(1n, [opened(1n)]))).toHaveLength(1);
      expect(book.open()[0]?.role).toBe(account === CHALLENGER ? 'challenger' : 'executor');
    }
    const stranger = new GameBook(STRANGER);
    expect(stranger.take(page(1n, [opened(1n), moved(1n, 101n)]))).toEqual([]);
    expect(stranger.open()).toEqual([]);
  });

  it('takes back what a reorganisation undid, whole games too', () => {
    const book = new GameBook(EXECUTOR);
    book.take(page(1n, [opened(1n)]));
    book.take(page(2n, [moved(2n, 102n)]));
    book.take(page(3n, [moved(3n, 103n), opened(3n, root(10))]));
    expect(book.open()).toHaveLength(2);
    book.take(page(3n, [], true));
    expect(book.open().map((g) => g.known.game.movedAt)).toEqual([102n]);
    book.take(page(1n, [], true));
    expect(book.open()).toEqual([]);
  });

  it('ignores a game whose opening it has not seen', () => {
    const book = new GameBook(EXECUTOR);
    expect(book.take(page(7n, [moved(7n, 107n)]))).toEqual([]);
    expect(book.get(root(9))).toBeUndefined();
  });
});

describe('the scheduler', () => {
  const game = (n: number, movedAt = 100n) => ({ gameId: root(n), role: 'executor' as const, known: { claim, game: { ...started, movedAt }, reveals: [], settled: false } });

  function scheduler(answer: (n: Root) => Next, concurrency = 2) {
    const log: Root[] = [];
    const gates: (() => void)[] = [];
    let millis = 0;
    const work = (own: { gameId: Root }) => new Promise<Next>((resolve) => (log.push(own.gameId), gates.push(() => resolve(answer(own.gameId)))));
    const made = new Scheduler({ work, millis: () => millis, concurrency });
    return { made, log, later: (ms: number) => (millis += ms), finish: async () => (gates.splice(0).forEach((open) => open()), made.idle()) };
  }

  it('works on a bounded number at a time, the shortest clock first, never twice on one game', async () => {
    const { made, log, finish } = scheduler(() => ({ when: 'changed' }));
    const games = [game(1, 300n), game(2, 100n), game(3, 200n)];
    made.tick(games, 0n);
    made.tick(games, 0n);
    expect(log).toEqual([root(2), root(3)]);
    await finish();
    made.tick(games, 0n);
    expect(log).toEqual([root(2), root(3), root(1)]);
    await finish();
    made.tick(games, 0n);
    expect(log).toHaveLength(3);
  });

  it('looks again when something changed, also while it was being worked on', async () => {
    const { made, log, finish } = scheduler(() => ({ when: 'changed' }));
    made.tick([game(1)], 0n);
    made.changed(root(1));
    await finish();
    made.tick([game(1)], 0n);
    expect(log).toHaveLength(2);
    await finish();
  });

  it('waits for a time on the chain, and longer after every failure', async () => {
    const waiting = scheduler(() => ({ when: 'at', time: 50n }));
    waiting.made.tick([game(1)], 0n);
    await waiting.finish();
    waiting.made.tick([game(1)], 49n);
    expect(waiting.log).toHaveLength(1);
    waiting.made.tick([game(1)], 50n);
    expect(waiting.log).toHaveLength(2);
    await waiting.finish();

    const failing = scheduler(() => ({ when: 'later' }));
    for (const ms of [0, 500, 1000, 2000]) {
      failing.later(ms - 1);
      const before = failing.log.length;
      failing.made.tick([game(1)], 0n);
      expect(failing.log).toHaveLength(ms === 0 ? 1 : before);
      failing.later(1);
      failing.made.tick([game(1)], 0n);
      await failing.finish();
      expect(failing.log).toHaveLength(before + 1);
    }
  });
});

it('a failed move is tried again at once, later or never', () => {
  const reverted = (error: string) => new AssayError({ code: 'CHAIN_REVERTED', facts: { error } });
  expect(['WrongState', 'AlreadySettled'].map((e) => triageFailure(reverted(e)))).toEqual(['now', 'now']);
  expect(['ClockRunning', 'PayoutPending'].map((e) => triageFailure(reverted(e)))).toEqual(['later', 'later']);
  expect(['NoFault', 'BadHeader', 'unknown'].map((e) => triageFailure(reverted(e)))).toEqual(['never', 'never', 'never']);
  expect(triageFailure(new AssayError({ code: 'CHAIN_UNREACHABLE' }))).toBe('later');
  expect(triageFailure(new TypeError('anything'))).toBe('later');
});

it('unknown is not wrong', () => {
  const right = { modelId: claim.modelId, inputRoot: claim.inputRoot, outputRoot: claim.outputRoot, selfTested: true, synced: true };
  expect(compareClaim(claim, right)).toEqual({ verdict: 'valid' });
  expect(compareClaim(claim, { ...right, outputRoot: root(7) })).toEqual({ verdict: 'invalid' });
  const wrong = { ...right, outputRoot: root(7) };
  const unsure = [undefined, { ...wrong, selfTested: false }, { ...wrong, synced: false }, { ...wrong, modelId: root(7) }, { ...wrong, inputRoot: root(7) }];
  expect(unsure.map((r) => compareClaim(claim, r).verdict)).toEqual(unsure.map(() => 'unknown'));
});
