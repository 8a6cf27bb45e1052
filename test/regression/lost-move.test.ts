import { keccak256, numberToHex } from 'viem';
import { expect, it } from 'vitest';
import { hashGame, newGame, type Game } from '#core/dispute';
import type { Root } from '#core/hashing';
import type { Claim } from '#core/protocol';
import { createPlayer, type GamePage } from '#player';

/**
 * Found by the demo with five disputes at once: a challenger fell silent in one of them and lost its bond. The timer's look at
 * the clock had taken the list of games before the other side's move and started on the old state after it; the useless
 * answer to that counted as the answer to the new state.
 */
const root = (n: number): Root => keccak256(numberToHex(n));
const EXECUTOR = '0x00000000000000000000000000000000000000e1';
const CHALLENGER = '0x00000000000000000000000000000000000000c1';
const claim: Claim = { jobId: root(1), modelId: root(2), inputRoot: root(3), outputRoot: root(4), executor: EXECUTOR, coordinator: EXECUTOR, fee: 1n, insuredValue: 0n };
const first: Game = newGame({ claim: root(5), executor: EXECUTOR, challenger: CHALLENGER, outputRoot: root(4), valueCount: 5, now: 100n, clock: 60 });
const second: Game = { ...first, movedAt: 150n };
const gameId = root(9);
/** Long past both clocks: the one move to make is `expire`, in either state. */
const LATE = 1_000_000n;

const page = (block: bigint, happening: GamePage['happenings'][number]['happening']): GamePage => ({ from: block, to: block, head: block, rewound: false, happenings: [{ gameId, block, tx: root(7), happening }] });
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !holds(); i++) await sleep(5);
}

interface Table {
  readonly moved: Game[];
  readonly stateOf: () => Root;
  readonly now: () => Promise<bigint>;
  /** What comes after the first page. */
  readonly later?: () => Promise<GamePage>;
}

function playerAt({ moved, stateOf, now, later }: Table) {
  return createPlayer({
    account: CHALLENGER,
    feed: {
      async *pages({ signal }) {
        yield page(1n, { kind: 'opened', claim, game: first });
        if (later) yield await later();
        while (!signal.aborted) await sleep(5);
      },
    },
    chain: { now, stateOf: async () => stateOf(), pausedUntil: async () => 0n },
    sender: {
      move: async (game) => {
        moved.push(game);
        return { hash: root(8), block: 1n, gasUsed: 1n };
      },
      settle: async () => ({ hash: root(8), block: 1n, gasUsed: 1n }),
      compensate: async () => ({ hash: root(8), block: 1n, gasUsed: 1n }),
    },
    traces: { traceFor: async () => 'unknown' },
    payoutDelay: 1,
    fromBlock: 0n,
    report: () => undefined,
    millis: () => performance.now(),
    tickMs: 5,
  });
}

it('a move heard of while the clock is read is answered', async () => {
  const moved: Game[] = [];
  const waiting: (() => void)[] = [];
  let held = false;
  let state = first;
  let release: () => void = () => undefined;
  const secondPage = new Promise<void>((resolve) => (release = resolve));
  const player = playerAt({
    moved,
    stateOf: () => hashGame(state),
    now: () => (held ? new Promise((resolve) => waiting.push(() => resolve(LATE))) : Promise.resolve(LATE)),
    later: async () => (await secondPage, page(2n, { kind: 'chosen', game: second })),
  });
  player.start();
  try {
    await until(() => moved.length === 1);
    held = true;
    await until(() => waiting.length > 0);
    state = second;
    release();
    await sleep(30);
    held = false;
    for (const resolve of waiting) resolve();
    await until(() => moved.length === 2);
    expect(moved.map((game) => game.movedAt)).toEqual([100n, 150n]);
  } finally {
    await player.stop();
  }
});

/**
 * Found by games under reorganisations: a move was mined, its receipt read, and taken back before the stream of events had read its
 * block. Nothing changed for the stream, so the move was never made again and the game lost by the clock.
 */
it('a move taken back before its event was read is made again', async () => {
  const moved: Game[] = [];
  const player = playerAt({ moved, stateOf: () => hashGame(first), now: async () => LATE });
  player.start();
  try {
    await expect.poll(() => moved.length, { timeout: 20_000 }).toBeGreaterThan(1);
  } finally {
    await player.stop();
  }
});
