import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesToHex, createTestClient, http, publicActions } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { equivocationOf, gameIdOf, modelOf, packGame, PHASE, solve } from '#core/dispute';
import { claimTypedData, jobIdOf, type Claim, type Request } from '#core/protocol';
import { connectChain, gamesOn, moveCall, relayable, type Chain, type Sent } from '#io/chain';
import type { InferenceSession } from '#io/inference';
import { seededRandom } from '#testing';
import { gameIn, KEYS, moveOnChain, openOnChain, signedClaim, startArena, type Arena } from './arena.js';
import { checkLedger, meet, REAL_ACTORS } from './real-actors.js';
import { honestTrace, openModel, randomPicture } from './real-models.js';

const SEED = Number(process.env['ASSAY_SEED'] ?? 5_150);
/** Runs looked at until one gives the actor its chance. */
const TRIES = 20;
/** Of anvil's own accounts, the fourth: neither player. */
const STRANGER = '0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6';

let arena: Arena;
let stranger: Chain;
let sessions: readonly InferenceSession[];
beforeAll(async () => {
  arena = await startArena(join(mkdtempSync(join(tmpdir(), 'assay-actors-')), 'anvil.log'));
  await arena.holdStill();
  stranger = await connectChain({ rpcUrl: arena.anvil.rpcUrl, deployment: arena.executor.deployment, privateKey: STRANGER });
  await stranger.token.mint(stranger.account!, 10n ** 24n);
  await stranger.vault.deposit(stranger.account!, 10n ** 24n);
  sessions = await Promise.all([openModel('mnist'), openModel('fraud')]);
}, 120_000);
afterAll(async () => {
  for (const session of sessions ?? []) await session.close();
  await arena?.stop();
});

describe(`every hostile actor loses on the real contracts, and everybody is paid what the protocol says (ASSAY_SEED=${SEED}; more: npm run test:actors)`, () => {
  it.each(Object.keys(REAL_ACTORS))('%s', async (name) => {
    const random = seededRandom(SEED + Object.keys(REAL_ACTORS).indexOf(name));
    for (let tries = 0; ; tries++) {
      expect(tries, 'runs in which this actor has a chance').toBeLessThan(TRIES);
      if (await meet(name, { arena, session: sessions[tries % sessions.length]!, random, stranger })) return;
    }
  }, 120_000);
});

describe('who sends what is not its own', () => {
  /** A game whose executor is honest and whose first move is to be made. */
  async function started(seed: number) {
    const random = seededRandom(SEED + seed);
    const trace = await honestTrace(sessions[0]!, randomPicture(sessions[0]!, random));
    const opened = await openOnChain(arena, { honest: trace, outputRoot: trace.outputRoot, random });
    const move = solve({ game: opened.game, role: 'executor', claim: opened.claim, trace, reveals: [], now: await arena.executor.now(), payoutDelay: 1 });
    if (move.kind !== 'revealTrace') throw new Error(`the executor would ${move.kind}`);
    return { ...opened, move };
  }

  it('a front-runner that copies a pending move with a higher fee stops nobody and gains nothing', async () => {
    const { game, move } = await started(100);
    const node = createTestClient({ mode: 'anvil', transport: http(arena.anvil.rpcUrl) }).extend(publicActions);
    await node.setAutomine(false);
    const sending = gamesOn(arena.executor).sender.move(game, move);
    const pending = async () => Object.values((await node.getTxpoolContent()).pending).flatMap((byNonce) => Object.values(byNonce));
    await expect.poll(async () => (await pending()).length, { timeout: 20_000 }).toBe(1);
    const { input, maxFeePerGas, gas } = (await pending())[0]!;
    const account = privateKeyToAccount(STRANGER);
    const serializedTransaction = await account.signTransaction({
      type: 'eip1559', chainId: 31337, to: arena.executor.deployment.disputes, data: input, nonce: await node.getTransactionCount({ address: account.address }),
      gas: BigInt(gas), maxFeePerGas: 10n * BigInt(maxFeePerGas!), maxPriorityFeePerGas: 10n * BigInt(maxFeePerGas!),
    });
    const copied = await node.sendRawTransaction({ serializedTransaction });
    await node.mine({ blocks: 1 });
    await node.setAutomine(true);
    const receipt = await node.getTransactionReceipt({ hash: copied });
    const sent = await sending;
    expect([receipt.status, receipt.blockNumber, receipt.transactionIndex < sent.receipt.transactionIndex]).toEqual(['reverted', sent.block, true]);
    expect(gameIn(sent)).toMatchObject({ phase: PHASE.trace, executorTurn: false });
  }, 60_000);

  it('a front-runner that relays a signed move makes the move its player wanted, once', async () => {
    const { game, move } = await started(101);
    const { typedData, ...message } = relayable(arena.rules.network, game, move);
    const relayed = { player: game.executor, ...message, signature: await privateKeyToAccount(KEYS.executor).signTypedData(typedData) };
    expect(gameIn(await stranger.disputes.relay(relayed))).toMatchObject({ phase: PHASE.trace, executorTurn: false, executor: game.executor });
    await expect(arena.executor.disputes.relay(relayed)).rejects.toMatchObject({ facts: { error: 'WrongState' } });
    expect(await moveOnChain(arena.executor, game, move)).toEqual({ refusal: 'WrongState' });
  }, 60_000);

  it('a copier has no say in the game of another, and no bounty for one of its own over the same claim', async () => {
    const random = seededRandom(SEED + 102);
    const session = sessions[0]!;
    const trace = await honestTrace(session, randomPicture(session, random));
    const lie = bytesToHex(random.bytes(32));
    const { claim, game, gameId } = await openOnChain(arena, { honest: trace, outputRoot: lie, random });
    const before = await Promise.all([stranger, arena.challenger].map((chain) => chain.vault.balanceOf(chain.account!)));
    const expire = moveCall(game, { kind: 'expire' });
    await expect(stranger.disputes.move(moveCall({ ...game, challenger: stranger.account! }, { kind: 'expire' }))).rejects.toMatchObject({ facts: { error: 'WrongState' } });

    const signature = await signed(claim);
    const own = gameIn(await stranger.disputes.open(claim, signature, modelOf(trace.model)));
    await arena.pass(BigInt(arena.parameters.clock) + 1n);
    const ended = [gameIn(await stranger.disputes.move(expire)), gameIn(await stranger.disputes.move(moveCall(own, { kind: 'expire' })))];
    expect(ended.map(({ phase }) => phase)).toEqual([PHASE.executorLost, PHASE.executorLost]);
    await arena.pass(BigInt(arena.parameters.payoutDelay) + 1n);
    for (const one of ended) await stranger.disputes.settle(packGame(one));
    const after = await Promise.all([stranger, arena.challenger].map((chain) => chain.vault.balanceOf(chain.account!)));
    const bounty = (arena.parameters.penalty * BigInt(arena.parameters.bountyBps)) / 10_000n;
    // The challenger's bond was already locked at the first look: it comes back with the bounty. The copier's comes back, with costs at most.
    expect(after[1]! - before[1]!).toBe(bounty + arena.parameters.bond);
    const gained = after[0]! - before[0]!;
    expect(gained).toBeGreaterThanOrEqual(0n);
    expect(gained).toBeLessThan(bounty);
    expect(gameId).not.toBe(gameIdOf(game.claim, stranger.account!));
    await checkLedger(arena);
  }, 60_000);

  it('a wrong model id opens nothing, and is convicted where the request names another', async () => {
    const random = seededRandom(SEED + 103);
    const [mnist, fraud] = await Promise.all(sessions.map(async (session) => honestTrace(session, randomPicture(session, random))));
    const { claim } = await signedClaim(arena, { honest: mnist!, outputRoot: mnist!.outputRoot, random });
    await expect(arena.challenger.disputes.open(claim, await signed(claim), modelOf(fraud!.model))).rejects.toMatchObject({ facts: { error: 'WrongModel' } });
    const request: Request = { submitter: stranger.account!, modelId: claim.modelId, inputRoot: claim.inputRoot, maxFee: 9n, insuredValue: 0n, deadline: 0n, nonce: 1n, verification: 0, redundancy: 1 };
    const told: Claim = { ...claim, jobId: jobIdOf(arena.rules.network, request), modelId: fraud!.model.modelId, fee: 1n, insuredValue: 0n };
    await convictedBy(() => stranger.disputes.convictContradiction({ claim: told, signature: '0x' }, request), 'BadSignature');
    const signature = await signed(told);
    await convictedBy(() => stranger.disputes.convictContradiction({ claim: told, signature }, request));
  }, 60_000);

  it('an equivocator is convicted by its own two signatures, once', async () => {
    const random = seededRandom(SEED + 104);
    const trace = await honestTrace(sessions[1]!, randomPicture(sessions[1]!, random));
    const { claim } = await signedClaim(arena, { honest: trace, outputRoot: trace.outputRoot, random });
    const other: Claim = { ...claim, outputRoot: bytesToHex(random.bytes(32)) };
    const pair = equivocationOf(arena.rules.network, { claim, signature: await signed(claim) }, { claim: other, signature: await signed(other) })!;
    await convictedBy(() => stranger.disputes.convictEquivocation(...pair));
    await expect(arena.challenger.disputes.convictEquivocation(...pair)).rejects.toMatchObject({ code: 'CHAIN_REVERTED' });
  }, 60_000);

  /** Sends evidence, settles, and looks that the ledger adds up; or that it is refused. */
  async function convictedBy(send: () => Promise<Sent>, refusal?: string): Promise<void> {
    if (refusal) return void (await expect(send()).rejects.toMatchObject({ facts: { error: refusal } }));
    const game = gameIn(await send());
    expect(game).toMatchObject({ phase: PHASE.executorLost, executor: arena.executor.account });
    await arena.pass(BigInt(arena.parameters.payoutDelay) + 1n);
    await arena.executor.disputes.settle(packGame(game));
    expect((await arena.executor.vault.stakeOf(arena.executor.account!)).amount).toBe(0n);
    expect(await arena.executor.disputes.overturned(game.claim)).toBe(true);
    await checkLedger(arena);
  }

  const signed = (claim: Claim) => privateKeyToAccount(KEYS.executor).signTypedData(claimTypedData(arena.rules.network, claim));
});
