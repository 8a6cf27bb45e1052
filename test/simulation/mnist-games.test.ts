import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keccak256, numberToHex, type Hex } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Root } from '#core/hashing';
import type { TraceReader } from '#core/trace';
import { connectChain, disputeTransactions } from '#io/chain';
import type { InferenceSession } from '#io/inference';
import { seededRandom } from '#testing';
import { runWithFault } from '../../apps/executor/faults/index.js';
import { KEYS, openOnChain, startArena, type Arena } from './arena.js';
import { honestTrace, openModel, randomPicture } from './real-models.js';
import { replayByRules } from './replay.js';
import { seat, until, type Traces } from './table.js';

const SEED = Number(process.env['ASSAY_SEED'] ?? 4_242);
const FAULTS = ['wrong-output', 'wrong-intermediate', 'tampered-weights', 'wrong-partial-sum'] as const;
const GAMES_PER_FAULT = 5;

let arena: Arena;
let session: InferenceSession;
beforeAll(async () => {
  [arena, session] = await Promise.all([startArena(join(mkdtempSync(join(tmpdir(), 'assay-mnist-')), 'anvil.log')), openModel('mnist')]);
}, 60_000);
afterAll(async () => {
  await session?.close();
  await arena?.stop();
});

interface Pair {
  readonly lying: Map<Root, () => Promise<TraceReader | 'unknown'>>;
  readonly honest: Map<Root, () => Promise<TraceReader | 'unknown'>>;
}

/** Claims a run with a fault, opens a dispute about it, and tells both sides what each may know. */
async function disputed(pair: Pair, fault: (typeof FAULTS)[number] | 'none', seed: number): Promise<Hex> {
  const random = seededRandom(seed);
  const inputs = randomPicture(session, random);
  const honest = await honestTrace(session, inputs);
  const lie = await runWithFault(fault, { jobId: keccak256(numberToHex(seed)), session, inputs });
  const { game, gameId } = await openOnChain(arena, { honest, outputRoot: lie.outputRoot, random });
  pair.lying.set(game.claim, () => lie.trace());
  pair.honest.set(game.claim, async () => honest);
  return gameId;
}

const rules = () => ({ ...arena.rules, clock: arena.parameters.clock });
const newPair = (): Pair => ({ lying: new Map(), honest: new Map() });

describe(`MNIST with real faults, real players, the real contracts (ASSAY_SEED=${SEED})`, () => {
  it.each(FAULTS)('%s: five executors lie, all lose', async (fault) => {
    const pair = newPair();
    const seats = [seat(arena, arena.executor, pair.lying), seat(arena, arena.challenger, pair.honest)];
    const ids: Hex[] = [];
    for (let i = 0; i < GAMES_PER_FAULT; i++) ids.push(await disputed(pair, fault, SEED + 10 * FAULTS.indexOf(fault) + i));
    for (const { player } of seats) player.start();
    const [, challenger] = seats;
    const ended = () => challenger!.events.filter((e) => e.kind === 'ended' && ids.includes(e.gameId));
    const settled = () => challenger!.events.filter((e) => e.kind === 'settled' && ids.includes(e.gameId));
    await until('every game to be settled', () => settled().length === ids.length);
    for (const s of seats) await s.stop();

    expect(ended().map((e) => e.kind === 'ended' && e.winner)).toEqual(ids.map(() => 'challenger'));
    expect(seats.flatMap((s) => s.events.filter((e) => e.kind === 'failed'))).toEqual([]);
    for (const id of ids) {
      const moves = await replayByRules(arena.executor, id, rules());
      const sent = await disputeTransactions(arena.executor, id);
      expect(sent.length).toBe(moves + 1);
      expect(sent.at(-2)!.move).toBe('prove');
    }
  }, 120_000);

  it('a challenger that was killed in the middle goes on from the chain alone', async () => {
    const pair = newPair();
    const id = await disputed(pair, 'wrong-partial-sum', SEED + 100);
    const executor = seat(arena, arena.executor, pair.lying);
    executor.player.start();
    let moves = 0;
    for (let life = 0; life < 20; life++) {
      const challenger = seat(arena, arena.challenger, freshOf(pair.honest));
      challenger.player.start();
      await until('one more move of the challenger', () => challenger.events.some((e) => e.kind === 'moved' && e.gameId === id) || settledIn(challenger, id));
      await challenger.stop();
      moves += challenger.events.filter((e) => e.kind === 'moved' && e.gameId === id).length;
      if (challenger.events.some((e) => e.kind === 'moved' && e.gameId === id && e.move === 'settle')) break;
    }
    await executor.stop();

    const sent = await disputeTransactions(arena.executor, id);
    expect(sent.at(-1)!.move).toBe('settle');
    expect(sent.at(-2)!.move).toBe('prove');
    // Each life made a move, none twice: the challenger's transactions on chain are exactly those (and the opening).
    expect(moves).toBe(sent.filter((t) => t.by !== 'executor').length - 1);
    expect(moves).toBeGreaterThanOrEqual(4);
  }, 120_000);

  it('an honest executor sits a groundless dispute out, expires it and keeps the bond', async () => {
    const pair = newPair();
    const before = await arena.executor.vault.balanceOf(arena.executor.account!);
    const id = await disputed(pair, 'none', SEED + 200);
    const seats = [seat(arena, arena.executor, pair.lying), seat(arena, arena.challenger, pair.honest)];
    const [executor, challenger] = seats;
    for (const { player } of seats) player.start();
    await until('the challenger to find nothing', () => challenger!.events.some((e) => e.kind === 'conceded' && e.gameId === id));
    await arena.pass(BigInt(arena.parameters.clock) + 1n);
    await until('the settlement', () => settledIn(executor!, id));
    for (const s of seats) await s.stop();

    expect(executor!.events.find((e) => e.kind === 'ended' && e.gameId === id)).toMatchObject({ winner: 'executor', fault: 'silence' });
    expect(await arena.executor.vault.balanceOf(arena.executor.account!)).toBe(before + arena.parameters.bond);
  }, 120_000);
});

it('a player waits while a guardian holds payouts up, tries nothing, and is paid once they go on, also before the time named', async () => {
  const guardian = await connectChain({ rpcUrl: arena.anvil.rpcUrl, deployment: arena.executor.deployment, privateKey: KEYS.deployer });
  const pair = newPair();
  await guardian.disputes.pausePayouts(110);
  const id = await disputed(pair, 'wrong-output', SEED + 300);
  const seats = [seat(arena, arena.executor, pair.lying), seat(arena, arena.challenger, pair.honest)];
  const [, challenger] = seats;
  for (const { player } of seats) player.start();
  await until('the verdict', () => challenger!.events.some((e) => e.kind === 'ended' && e.gameId === id));
  await arena.pass(BigInt(arena.parameters.payoutDelay) + 20n);
  // Several looks of the player, and as many chances to try what would be refused.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(settledIn(challenger!, id)).toBe(false);
  await guardian.disputes.resumePayouts();
  await arena.pass(61n);
  await until('the settlement', () => settledIn(challenger!, id));
  for (const s of seats) await s.stop();
  expect(seats.flatMap((s) => s.events.filter((e) => e.kind === 'failed'))).toEqual([]);
}, 120_000);

function settledIn({ events }: { events: readonly { kind: string; gameId: Hex }[] }, id: Hex): boolean {
  return events.some((e) => e.kind === 'settled' && e.gameId === id);
}

/** The same sources, asked anew: nothing of an earlier life is kept. */
function freshOf(traces: Traces): Traces {
  return new Map(traces);
}
