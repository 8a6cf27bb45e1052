import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { getAddress, numberToHex } from 'viem';
import { ZERO_ROOT } from '#core/hashing';
import { gameIdOf, hashGame, idleAction, mover, newGame, openedLevels, packGame, packStates, play, revealedCount, revealedSteps, secondsLeft, stateAt, strideOf, unpackGame, type Game } from './index.js';

const game: Game = newGame({ claim: ZERO_ROOT, executor: '0x00000000000000000000000000000000000000e1', challenger: '0x00000000000000000000000000000000000000c1', outputRoot: ZERO_ROOT, valueCount: 66, now: 1_000n, clock: 120 });

describe('fan-out', () => {
  it('opens at most five levels, in rounds as even as can be', () => {
    const rounds = (depth: number): number[] => (depth === 0 ? [] : [openedLevels(depth), ...rounds(depth - openedLevels(depth))]);
    expect([0, 1, 5, 6, 7, 10, 11, 16].map(rounds)).toEqual([[], [1], [5], [3, 3], [4, 3], [5, 5], [4, 4, 3], [4, 4, 4, 4]]);
    for (let depth = 1; depth <= 48; depth++) expect(rounds(depth).length).toBe(Math.ceil(depth / 5));
  });

  it('reveals at most 256 states, and in few rounds every single one', () => {
    expect([1n, 256n, 257n, 65_536n, 65_537n].map(strideOf)).toEqual([1n, 1n, 17n, 256n, 257n]);
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), (n) => {
        expect(revealedCount(n)).toBeLessThanOrEqual(256);
        let [segment, count] = [n, 0];
        for (; strideOf(segment) > 1n; count++) segment = strideOf(segment);
        expect(count).toBeLessThanOrEqual(8);
      }),
    );
  });

  it('packs states so that each can be read back, the last being the segment’s end', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1000n }), fc.bigInt({ min: 1n, max: 100_000n }), (low, n) => {
        const steps = revealedSteps(low, low + n);
        expect(steps.at(-1)).toBe(low + n);
        expect(steps.length).toBe(revealedCount(n));
        const words = packStates(steps);
        expect(steps.map((_, i) => stateAt(words, i))).toEqual(steps);
      }),
    );
  });
});

describe('a game', () => {
  it('has the hash that the contract stores (frozen; test/simulation compares with the contract)', () => {
    const full: Game = { ...game, phase: 3, movedAt: 2n ** 40n - 1n, executorTurn: false, executorClock: 2 ** 32 - 1, traceRoot: numberToHex(1, { size: 32 }), valueCount: 7, valueIndex: 6, header: numberToHex(2, { size: 32 }), node: numberToHex(3, { size: 32 }), depth: 38, position: 1n, element: 2n, word: 3n, stepCount: 4n, lowStep: 5n, highStep: 6n, lowState: 7n, highState: 2n ** 64n - 1n };
    for (const some of [game, full]) expect(unpackGame(packGame(some))).toEqual({ ...some, executor: getAddress(some.executor), challenger: getAddress(some.challenger) });
    expect(hashGame(full)).toMatchInlineSnapshot(`"0xa07f5a53a64f1173905df136678bcba662ec6c8813118f11a6aec2be79ba3756"`);
    expect(hashGame(game)).toMatchInlineSnapshot(`"0x95db90d92561888d0adb0e9fb56b840416d69ee3264a9be1a274517310640f0d"`);
    expect(gameIdOf(game.claim, game.challenger)).toMatchInlineSnapshot(`"0x39c4c68d1f82bc0d023b31bc67d86c5afd018dd51b1e45507eb8fd98ebdc83d1"`);
  });

  it('lets exactly one of: executor moves, challenger moves, can be expired, ended', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 400n }), fc.boolean(), fc.integer({ min: 1, max: 5 }), fc.nat(200), fc.nat(200), (after, executorTurn, phase, executorClock, challengerClock) => {
        const some: Game = { ...game, phase, executorTurn, executorClock, challengerClock };
        const now = some.movedAt + after;
        const inTime = secondsLeft(some, now) >= 0;
        const rules = { network: { chainId: 1, disputes: game.executor }, extension: 60, operatorOf: () => undefined };
        const expired = play(rules, { game: some, move: { kind: 'expire' }, by: 'executor', now });
        const states = [mover(some) === 'executor' && inTime, mover(some) === 'challenger' && inTime, 'game' in expired, phase >= 4];
        expect(states.filter(Boolean)).toHaveLength(1);
        const idle = (['executor', 'challenger'] as const).map((role) => idleAction({ game: some, role, now, payoutDelay: 5 })?.kind);
        expect(idle.filter((kind) => kind === undefined).length).toBe(phase < 4 && inTime ? 1 : 0);
      }),
    );
  });
});
