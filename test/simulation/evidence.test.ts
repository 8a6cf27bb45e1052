import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bytesToHex, numberToHex, type Hex } from 'viem';
import { claimDigest, claimTypedData, jobIdOf, type Claim, type Request } from '#core/protocol';
import { contradicts, equivocationOf, hashGame, packGame, PHASE, solve } from '#core/dispute';
import { toyTrace } from '#core/trace';
import { connectChain, happeningOf, parseEvents, relayable } from '#io/chain';
import { seededRandom } from '#testing';
import { gameIn, KEYS, openOnChain, startArena, type Arena } from './arena.js';
import { playOnChain } from './chain-match.js';
import { honestPlayer } from './players.js';
import { randomTinyPlan } from './tiny-models.js';

const random = seededRandom(Number(process.env['ASSAY_SEED'] ?? 34));
const SETTLED = numberToHex(1, { size: 32 });

let arena: Arena;
beforeAll(async () => {
  arena = await startArena(join(mkdtempSync(join(tmpdir(), 'assay-evidence-')), 'anvil.log'));
}, 120_000);
afterAll(() => arena?.stop());

const sign = async (claim: Claim): Promise<{ claim: Claim; signature: Hex }> => ({
  claim,
  signature: await privateKeyToAccount(KEYS.executor).signTypedData(claimTypedData(arena.rules.network, claim)),
});

function requested(): { request: Request; claim: Claim } {
  const word = () => bytesToHex(random.bytes(32));
  const request = { submitter: arena.challenger.account!, modelId: word(), inputRoot: word(), maxFee: 10n, insuredValue: 5n, deadline: 0n, nonce: BigInt(random.between(0, 2 ** 30)), verification: 0, redundancy: 1 };
  const { modelId, inputRoot, insuredValue } = request;
  return { request, claim: { jobId: jobIdOf(arena.rules.network, request), modelId, inputRoot, outputRoot: word(), executor: arena.executor.account!, coordinator: arena.challenger.account!, fee: 3n, insuredValue } };
}

it('a move signed by its player is sent by somebody else, who is neither', async () => {
  const trace = toyTrace(randomTinyPlan(random));
  const { claim, game } = await openOnChain(arena, { honest: trace, outputRoot: trace.outputRoot, random });
  const now = await arena.executor.now();
  const move = solve({ game, role: 'executor', claim, trace, reveals: [], now, payoutDelay: 1 });
  if (move.kind !== 'revealTrace') throw new Error(`the executor would ${move.kind}`);
  const { typedData, ...message } = relayable(arena.rules.network, game, move);
  const signature = await privateKeyToAccount(KEYS.executor).signTypedData(typedData);
  const sent = await arena.challenger.disputes.relay({ player: game.executor, ...message, signature });
  expect(gameIn(sent)).toMatchObject({ phase: PHASE.trace, executorTurn: false, traceRoot: trace.traceTree().root });
  await expect(arena.challenger.disputes.relay({ player: game.executor, ...message, signature })).rejects.toMatchObject({ facts: { error: 'WrongState' } });
}, 60_000);

it('two claims for one job, and a claim against its request, convict in one transaction each', async () => {
  const { network } = arena.rules;
  const { request, claim } = requested();
  const pair = equivocationOf(network, await sign(claim), await sign({ ...claim, outputRoot: bytesToHex(random.bytes(32)) }))!;
  const convicted = gameIn(await arena.challenger.disputes.convictEquivocation(...pair));
  expect(convicted).toMatchObject({ phase: PHASE.executorLost, claim: claimDigest(network, pair[0].claim) });

  const other = requested();
  const false_ = { ...other.claim, fee: other.request.maxFee + 1n };
  expect([contradicts(network, other.claim, other.request), contradicts(network, false_, other.request)]).toEqual([false, true]);
  await expect(arena.challenger.disputes.convictContradiction(await sign(other.claim), other.request)).rejects.toMatchObject({ facts: { error: 'NoFault' } });
  expect(gameIn(await arena.challenger.disputes.convictContradiction(await sign(false_), other.request)).phase).toBe(PHASE.executorLost);
  expect(equivocationOf(network, await sign(claim), await sign(claim))).toBeUndefined();
  await arena.pass(10n);
  const before = await arena.challenger.vault.balanceOf(arena.challenger.account!);
  await arena.challenger.disputes.settle(packGame(convicted));
  expect(await arena.challenger.disputes.overturned(convicted.claim)).toBe(true);
  expect(await arena.challenger.vault.balanceOf(arena.challenger.account!)).toBe(before + arena.parameters.penalty / 2n);
}, 60_000);

it('logs alone rebuild every game', async () => {
  const plan = randomTinyPlan(random);
  const trace = toyTrace(plan);
  const player = honestPlayer(random, 0);
  await playOnChain({ arena, random, honest: trace, executor: { player, trace }, challenger: { player, trace } });
  // A stranger that was not there, with nothing but the deployment.
  const { deployment } = arena.executor;
  const stranger = await connectChain({ rpcUrl: arena.anvil.rpcUrl, deployment, privateKey: generatePrivateKey() });
  const logs = await stranger.client.getLogs({ address: deployment.disputes, fromBlock: BigInt(deployment.deployedBlock), toBlock: 'latest' });
  const words = new Map<Hex, Hex>();
  for (const { gameId, happening } of parseEvents(logs).flatMap((event) => happeningOf(event) ?? [])) {
    words.set(gameId, happening.kind === 'settled' ? SETTLED : hashGame(happening.game));
  }
  expect(words.size).toBe(4);
  for (const [gameId, word] of words) expect(await stranger.disputes.stateOf(gameId)).toBe(word);
}, 120_000);
