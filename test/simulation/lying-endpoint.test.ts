import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keccak256, numberToHex } from 'viem';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { InferenceSession } from '#io/inference';
import { connectChain } from '#io/chain';
import { seededRandom, startRpcProxy, type RpcProxy } from '#testing';
import { runWithFault } from '../../apps/executor/faults/index.js';
import { KEYS, openOnChain, startArena, type Arena } from './arena.js';
import { honestTrace, openModel, randomPicture } from './real-models.js';
import { seat, until, type Seated } from './table.js';

let arena: Arena;
let session: InferenceSession;
let liar: RpcProxy;
beforeAll(async () => {
  [arena, session] = await Promise.all([startArena(join(mkdtempSync(join(tmpdir(), 'assay-endpoint-')), 'anvil.log'), { clock: 1_200, extension: 600 }), openModel('mnist')]);
  liar = await startRpcProxy(arena.anvil.rpcUrl);
}, 60_000);
afterAll(async () => {
  await session?.close();
  await liar?.stop();
  await arena?.stop();
});

beforeEach(() => void Object.assign(liar.behaviour, { hideLogs: false, dropTransactions: false, forgeReceipts: false }));

/** A game over a lie; the challenger is honest and sees the chain through the endpoints named. */
async function disputed(seed: number, rpcUrl: string): Promise<{ id: `0x${string}`; executor: Seated; challenger: Seated }> {
  const random = seededRandom(seed);
  const inputs = randomPicture(session, random);
  const honest = await honestTrace(session, inputs);
  const lie = await runWithFault('wrong-partial-sum', { jobId: keccak256(numberToHex(seed)), session, inputs });
  const { game, gameId } = await openOnChain(arena, { honest, outputRoot: lie.outputRoot, random });
  const chain = await connectChain({ rpcUrl, deployment: arena.executor.deployment, privateKey: KEYS.challenger, pollMs: 100, bumpAfterMs: 500 });
  const executor = seat(arena, arena.executor, new Map([[game.claim, () => lie.trace()]]));
  const challenger = seat(arena, chain, new Map([[game.claim, async () => honest]]));
  return { id: gameId, executor, challenger };
}

const moves = ({ events }: Seated) => events.filter((e) => e.kind === 'moved').length;
const won = ({ events }: Seated, id: string) => events.some((e) => e.kind === 'ended' && e.gameId === id && e.winner === 'challenger');

it('an endpoint that leaves out the events of a game is found out by the state it shows, and another one is read', async () => {
  const { id, executor, challenger } = await disputed(1, `${liar.rpcUrl},${arena.anvil.rpcUrl}`);
  challenger.player.start();
  await until('the challenger to know its game', () => challenger.player.game(id) !== undefined);
  liar.behaviour.hideLogs = true;
  executor.player.start();
  await until('the move that the challenger does not hear of', () => moves(executor) === 1);
  await arena.pass(31n);
  await until('the game to be won', () => won(challenger, id), 90_000);
  for (const s of [executor, challenger]) await s.stop();
}, 150_000);

it('receipts of transactions that were never mined do not count as moves', async () => {
  const { id, executor, challenger } = await disputed(2, liar.rpcUrl);
  Object.assign(liar.behaviour, { dropTransactions: true, forgeReceipts: true });
  for (const { player } of [executor, challenger]) player.start();
  await until('a move that was none', () => moves(challenger) > 0);
  expect(won(challenger, id)).toBe(false);
  Object.assign(liar.behaviour, { dropTransactions: false, forgeReceipts: false });
  await until('the game to be won', () => won(challenger, id), 90_000);
  for (const s of [executor, challenger]) await s.stop();
}, 150_000);
