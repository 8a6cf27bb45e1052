import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { privateKeyToAccount } from 'viem/accounts';
import { listRoot, tensorRoot, type Root } from '#core/hashing';
import { claimDigest, claimTypedData, type Answer } from '#core/protocol';
import { openSession, type InferenceSession } from '#io/inference';
import { freePort } from '#testing';
import { Arena, picture } from './arena.js';

// Every fault goes through a whole network in test/e2e; one is enough to see the parties without a coordinator of ours.
const FAULTS = ['wrong-partial-sum'] as const;
const LIARS = FAULTS.map((fault, i) => ({ fault, name: `executor-${i + 2}` as const }));
const HONEST = 'executor-1';
const SILENT = 'executor-6';
let arena: Arena;
let session: InferenceSession;

beforeAll(async () => {
  arena = await Arena.open([HONEST, ...LIARS.map(({ name }) => name), SILENT, 'challenger-1', 'challenger-2', 'challenger-3']);
  session = await openSession(arena.model);
  await Promise.all([
    arena.start(HONEST, { ASSAY_CAPACITY: '4' }),
    arena.start('challenger-1', { ASSAY_SAMPLE_ALL: 'true', ASSAY_CHECKS: '2' }),
    ...LIARS.map(({ name, fault }) => arena.start(name, { ASSAY_FAULT: fault })),
    arena.start(SILENT, { ASSAY_FAULT: 'silent' }),
  ]);
}, 180_000);
afterAll(async () => {
  await session?.close();
  await arena?.close();
}, 60_000);

const codeOf = (answer: Answer) => ('failure' in answer ? answer.failure.code : 'claimed');

describe('an honest executor', () => {
  it('answers the bytes of ONNX Runtime, claims their root, and is found right', async () => {
    const pictures = [0, 1, 2].map((n) => picture(arena.model, n));
    const { claims, answers } = await arena.batch(HONEST, pictures);
    for (const [i, inputs] of pictures.entries()) {
      const expected = await session.run(inputs);
      expect(answers[i]).toEqual(expected);
      expect(claims[i]!.claim.outputRoot).toBe(listRoot(expected.map(tensorRoot)));
    }
    await expect.poll(() => arena.logged('challenger-1').filter((l) => l['event'] === 'check.passed').length, { timeout: 30_000 }).toBe(3);
  });

  it('gives the same claim for the same job, and never another one for it', async () => {
    const inputs = picture(arena.model, 3);
    const job = await arena.request(inputs);
    const first = await arena.send(HONEST, job, inputs);
    expect(codeOf(first)).toBe('claimed');
    expect(await arena.send(HONEST, job, inputs)).toEqual(first);
    expect(codeOf(await arena.send(HONEST, job, inputs, { fee: 1n }))).toBe('STATE_CONFLICT');
  });

  it('refuses what its submitter did not sign, what is late, and inputs that are other ones', async () => {
    const inputs = picture(arena.model, 4);
    const job = await arena.request(inputs);
    expect(codeOf(await arena.send(HONEST, { ...job, request: { ...job.request, maxFee: job.request.maxFee + 1n } }, inputs))).toBe('REQUEST_SIGNATURE_INVALID');
    expect(codeOf(await arena.send(HONEST, { ...job, signature: `0x${'11'.repeat(65)}` }, inputs))).toBe('REQUEST_SIGNATURE_INVALID');
    expect(codeOf(await arena.send(HONEST, job, picture(arena.model, 5)))).toBe('INPUT_ROOT_MISMATCH');
    expect(codeOf(await arena.send(HONEST, await arena.request(inputs, { deadline: 1n }), inputs))).toBe('REQUEST_EXPIRED');
    // What is run again for nothing is owed however late.
    expect(codeOf(await arena.send(HONEST, await arena.request(inputs, { deadline: 1n }), inputs, { fee: 0n }))).toBe('claimed');
    expect(codeOf(await arena.send(HONEST, await arena.request(inputs, { maxFee: 0n }), inputs))).toBe('FEE_TOO_LOW');
    const unknown = `0x${'ab'.repeat(32)}` as Root;
    expect(codeOf(await arena.send(HONEST, await arena.request(inputs, { modelId: unknown }), inputs))).not.toBe('claimed');
  });
});

describe.each(LIARS)('an executor with $fault', ({ fault, name }) => {
  it('is caught, loses the dispute and pays', async () => {
    const inputs = picture(arena.model, 6);
    const { claims } = await arena.batch(name, [inputs]);
    expect(claims[0]!.claim.outputRoot).not.toBe(listRoot((await session.run(inputs)).map(tensorRoot)));
    expect(await arena.event(name, 'lied')).toMatchObject({ fault, jobId: claims[0]!.claim.jobId });
    expect(await arena.event(name, 'dispute.ended')).toMatchObject({ winner: 'challenger', fault: 'step' });
    await arena.event(name, 'settled');
    expect(await arena.chain.disputes.overturned(claimDigest(arena.chain.network, claims[0]!.claim))).toBe(true);
    expect((await arena.chain.vault.stakeOf(arena.account(name).address)).amount).toBe(0n);
    const digest = claimDigest(arena.chain.network, claims[0]!.claim);
    await expect.poll(() => arena.chain.disputes.compensated(digest), { timeout: 60_000 }).toBe(true);
    const { penalty, bountyBps } = await arena.chain.disputes.parameters();
    const paid = (penalty * BigInt(bountyBps)) / 10_000n + claims[0]!.claim.fee + claims[0]!.claim.insuredValue;
    expect((await arena.chain.vault.forfeitedOf(arena.account(name).address)).amount).toBe(arena.stake - paid);
  }, 120_000);
});

it('leaves no honest claim disputed', () => {
  const opened = arena.logged('challenger-1').filter((l) => l['event'] === 'dispute.opened');
  expect(opened.map((l) => l['executor'])).toEqual(LIARS.map(({ name }) => arena.account(name).address));
  expect(arena.logged(HONEST).some((l) => l['event'] === 'dispute.joined')).toBe(false);
});

it('an executor that signs two claims for one job, or one that is not what was asked for, is convicted by its signatures', async () => {
  const { network, disputes, vault } = arena.chain;
  const inputs = picture(arena.model, 11);
  const outputRoot = listRoot((await session.run(inputs)).map(tensorRoot));
  for (const [name, kind] of [['executor-3', 'equivocation'], ['executor-4', 'contradiction']] as const) {
    await arena.fund(name, arena.stake);
    const account = privateKeyToAccount(arena.keys.privateKey(name));
    const { request, signature: requestSignature, jobId } = await arena.request(inputs);
    const right = await arena.claimBy(account, { request, signature: requestSignature, jobId }, { inputs, outputRoot });
    const claim = kind === 'equivocation' ? { ...right.claim, fee: right.claim.fee - 1n } : { ...right.claim, insuredValue: right.claim.insuredValue + 1n };
    const wrong = { claim, signature: await account.signTypedData(claimTypedData(network, claim)) };
    const signed = kind === 'equivocation' ? [right, wrong] : [wrong];
    for (const one of signed) await arena.commit([{ request, requestSignature, ...one }]);
    await expect.poll(() => arena.logged('challenger-1').find((l) => l['event'] === 'executor.convicted' && l['executor'] === account.address), { timeout: 60_000 }).toMatchObject({ kind, jobId });
    await expect.poll(async () => (await vault.stakeOf(account.address)).amount, { timeout: 60_000 }).toBe(0n);
    const digests = signed.map((one) => claimDigest(network, one.claim));
    await expect.poll(async () => (await Promise.all(digests.map((digest) => disputes.compensated(digest)))).includes(true), { timeout: 60_000 }).toBe(true);
  }
}, 180_000);

it('an executor that is silent loses by its clock', async () => {
  await arena.batch(SILENT, [picture(arena.model, 7)]);
  await arena.event(SILENT, 'dispute.joined');
  await arena.passTime(200);
  expect(await arena.event(SILENT, 'dispute.ended')).toMatchObject({ winner: 'challenger', fault: 'silence' });
  expect(arena.logged(SILENT).some((l) => l['event'] === 'move.sent')).toBe(false);
}, 90_000);

it('an honest executor that only watches says what it would do; started again without its disk, it wins against a challenger that lies', async () => {
  const { claims } = await arena.batch(HONEST, [picture(arena.model, 8)]);
  const disputed = arena.logged(HONEST).filter((l) => l['event'] === 'claim.signed').length;
  expect(disputed).toBeGreaterThan(claims.length);
  await arena.kill(HONEST);
  arena.wipe(HONEST);
  const port = await freePort();
  await arena.start(HONEST, { ASSAY_WATCH_ONLY: 'true', ASSAY_METRICS_LISTEN: `127.0.0.1:${port}` });
  await arena.start('challenger-2', { ASSAY_SAMPLE_ALL: 'true', ASSAY_LIE: 'true' });
  expect(await arena.event(HONEST, 'move.withheld')).toMatchObject({ move: 'revealTrace', by: 'executor' });
  const health = await fetch(`http://127.0.0.1:${port}/health`);
  expect([health.status, await health.json()]).toMatchObject([503, { faults: [{ name: 'disputes' }] }]);
  expect(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).toMatch(/assay_player_unanswered_games\{[^}]*\} [1-9]/);
  expect(await arena.chain.client.getTransactionCount({ address: arena.account(HONEST).address })).toBe(arena.transactionsAtStart(HONEST));

  await arena.kill(HONEST);
  await arena.start(HONEST, { ASSAY_CAPACITY: '4' });
  expect(await arena.event('challenger-2', 'move.failed')).toMatchObject({ move: 'prove', facts: { error: 'NoFault' } });
  await arena.passTime(400);
  const ended = await arena.event(HONEST, 'dispute.ended');
  expect(ended).toMatchObject({ winner: 'executor', fault: 'silence' });
  expect(await arena.chain.disputes.overturned(claimDigest(arena.chain.network, claims[0]!.claim))).toBe(false);
  expect((await arena.chain.vault.stakeOf(arena.account(HONEST).address)).amount).toBe(arena.stake);
}, 120_000);

it('a challenger that only watches opens nothing; one that lost its disk goes on with its game', async () => {
  const name = LIARS[0]!.name;
  await arena.kill('challenger-1');
  await arena.kill('challenger-2');
  await arena.start('challenger-3', { ASSAY_SAMPLE_ALL: 'true', ASSAY_WATCH_ONLY: 'true' });
  // What it had is forfeited.
  await arena.fund(name, arena.stake);
  const { claims } = await arena.batch(name, [picture(arena.model, 9)]);
  const jobId = claims[0]!.claim.jobId;
  await expect.poll(() => arena.logged('challenger-3').some((l) => l['event'] === 'dispute.withheld' && l['jobId'] === jobId), { timeout: 60_000 }).toBe(true);
  expect(arena.logged('challenger-3').filter((l) => l['event'] === 'dispute.opened')).toEqual([]);
  await arena.kill('challenger-3');
  arena.wipe('challenger-3');

  await arena.start('challenger-3', { ASSAY_SAMPLE_ALL: 'true' });
  const opened = () => arena.logged('challenger-3').find((l) => l['event'] === 'dispute.opened' && l['jobId'] === jobId);
  await expect.poll(opened, { timeout: 60_000 }).toBeDefined();
  await arena.kill('challenger-3');
  arena.wipe('challenger-3');
  await arena.start('challenger-3', { ASSAY_SAMPLE_ALL: 'true' });
  const ended = () => arena.logged('challenger-3').find((l) => l['event'] === 'dispute.ended' && l['gameId'] === opened()!['gameId']);
  await expect.poll(ended, { timeout: 60_000 }).toMatchObject({ winner: 'challenger' });
}, 180_000);

it('a dispute that a reorganisation takes back, and not the batch, is opened again and won', async () => {
  const name = LIARS[0]!.name;
  await arena.fund(name, arena.stake);
  const { claims } = await arena.batch(name, [picture(arena.model, 12)]);
  const opened = () => arena.logged('challenger-3').filter((l) => l['event'] === 'dispute.opened' && l['jobId'] === claims[0]!.claim.jobId);
  await expect.poll(() => opened().length, { timeout: 60_000 }).toBe(1);
  const { gameId, block } = opened()[0]!;
  await arena.takeBack(BigInt(block as string));
  // WHY so long: a transaction that is lost is sent again after half a minute, later on a busy machine.
  await expect.poll(() => opened().length, { timeout: 180_000 }).toBe(2);
  expect(opened()[1]).toMatchObject({ gameId });
  const settled = () => arena.logged('challenger-3').some((l) => l['event'] === 'settled' && l['gameId'] === gameId);
  await expect.poll(settled, { timeout: 60_000 }).toBe(true);
  expect(await arena.chain.disputes.overturned(claimDigest(arena.chain.network, claims[0]!.claim))).toBe(true);
}, 400_000);
