import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestClient, http, parseGwei, publicActions, type Hex } from 'viem';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startAnvil, startRpcProxy, type RunningAnvil } from '#testing';
import { connectChain, deployContracts, LOCAL_PARAMETERS, type Chain, type ChainOptions, type Deployment } from './index.js';

const KEY: Hex = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const TO = '0x00000000000000000000000000000000000000aa';

let anvil: RunningAnvil;
let deployment: Deployment;
const node = () => createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) }).extend(publicActions);

beforeAll(async () => {
  anvil = await startAnvil({ logFile: join(mkdtempSync(join(tmpdir(), 'assay-sender-')), 'anvil.log') });
  deployment = await deployContracts({ rpcUrl: anvil.rpcUrl, privateKey: KEY, parameters: LOCAL_PARAMETERS });
}, 60_000);
afterAll(() => anvil?.stop());
beforeEach(async () => {
  await node().setAutomine(true);
  await node().mine({ blocks: 1 });
});

const connect = (options: Partial<ChainOptions> = {}): Promise<Chain> => connectChain({ rpcUrl: anvil.rpcUrl, deployment, privateKey: KEY, bumpAfterMs: 1_500, ...options });

/** Nothing is mined unless the test says so. */
async function holdMining(): Promise<void> {
  await node().setAutomine(false);
  await node().setIntervalMining({ interval: 0 });
}

async function pooled(): Promise<{ nonce: number; maxFeePerGas: bigint; hash: Hex }[]> {
  const { pending, queued } = await node().getTxpoolContent();
  return [pending, queued].flatMap((part) => Object.values(part).flatMap((byNonce) => Object.values(byNonce))).map(({ nonce, maxFeePerGas, hash }) => ({ nonce: Number(nonce), maxFeePerGas: BigInt(maxFeePerGas ?? 0), hash }));
}

const minted = (chain: Chain) => chain.token.balanceOf(TO);
const rejection = (work: Promise<unknown>) => work.then(() => undefined, (error: unknown) => error);

describe('a transaction that is not mined', () => {
  it('is replaced by itself for more, and counts once', async () => {
    const chain = await connect();
    const before = await minted(chain);
    await holdMining();
    const sending = chain.token.mint(TO, 1n);
    await expect.poll(pooled, { timeout: 20_000 }).toHaveLength(1);
    const [first] = await pooled();
    await expect.poll(async () => (await pooled())[0]?.maxFeePerGas, { timeout: 20_000 }).toBeGreaterThan(first!.maxFeePerGas);
    expect(await pooled()).toMatchObject([{ nonce: first!.nonce }]);
    await node().mine({ blocks: 1 });
    expect((await sending).hash).not.toBe(first!.hash);
    expect(await minted(chain)).toBe(before + 1n);
  }, 60_000);

  it('is never offered above the cap', async () => {
    const { baseFeePerGas } = await node().getBlock();
    const feeCap = baseFeePerGas! * 3n + parseGwei('1');
    const chain = await connect({ feeCap, bumpAfterMs: 300 });
    await holdMining();
    const sending = rejection(chain.token.mint(TO, 1n));
    await expect.poll(pooled, { timeout: 20_000 }).toHaveLength(1);
    expect(await sending).toMatchObject({ code: 'TRANSACTION_FAILED' });
    expect((await pooled()).every(({ maxFeePerGas }) => maxFeePerGas <= feeCap)).toBe(true);
    await node().mine({ blocks: 1 });
  }, 60_000);

  it('leaves no gap when it is given up: the next one takes its place', async () => {
    const chain = await connect({ bumpAfterMs: 100 });
    await holdMining();
    const failed = await Promise.all([1, 2, 3].map(() => rejection(chain.token.mint(TO, 1n))));
    expect(failed).toMatchObject([{ code: 'TRANSACTION_FAILED' }, { code: 'TRANSACTION_FAILED' }, { code: 'TRANSACTION_FAILED' }]);
    for (const { hash } of await pooled()) await node().dropTransaction({ hash });
    await node().setAutomine(true);
    const before = await minted(chain);
    await Promise.all([chain.token.mint(TO, 10n), chain.token.mint(TO, 10n)]);
    expect(await minted(chain)).toBe(before + 20n);
  }, 60_000);

  it('that the pool has lost is sent again, and those behind it follow', async () => {
    const chain = await connect({ bumpAfterMs: 3_000 });
    const before = await minted(chain);
    await holdMining();
    const sending = Promise.all([chain.token.mint(TO, 1n), chain.token.mint(TO, 1n), chain.token.mint(TO, 1n)]);
    await expect.poll(pooled, { timeout: 20_000 }).toHaveLength(3);
    const nonces = async () => (await pooled()).map(({ nonce }) => nonce).sort((a, b) => a - b);
    const all = await nonces();
    await node().dropTransaction({ hash: (await pooled()).find(({ nonce }) => nonce === all[0])!.hash });
    // The pool lost those behind it too, and they may come back later.
    await expect.poll(nonces, { timeout: 20_000 }).toEqual(all);
    await node().mine({ blocks: 2 });
    await sending;
    expect(await minted(chain)).toBe(before + 3n);
  }, 60_000);
});

it('a reorganisation that nobody heard of leaves a gap, which is filled: what comes next is mined', async () => {
  const chain = await connect({ bumpAfterMs: 500 });
  const before = await minted(chain);
  await node().mine({ blocks: 3 });
  for (let i = 0; i < 3; i++) await chain.token.mint(TO, 100n);
  const used = await node().getTransactionCount({ address: chain.account! });
  const head = await node().getBlockNumber();
  await node().request({ method: 'anvil_reorg', params: [3, []] } as never);
  expect(await node().getTransactionCount({ address: chain.account! })).toBeLessThan(used);
  expect(await minted(chain)).toBeLessThan(before + 300n);
  const { block } = await chain.token.mint(TO, 1n);
  expect(block).toBeGreaterThanOrEqual(head);
  expect(await node().getTransactionCount({ address: chain.account! })).toBe(used + 1);
  expect((await minted(chain)) % 100n).toBe((before + 1n) % 100n);
}, 60_000);

it('is not sent again because a node behind the same address does not have its receipt when another one has counted it', async () => {
  const proxy = await startRpcProxy(anvil.rpcUrl);
  const chain = await connect({ rpcUrl: proxy.rpcUrl, bumpAfterMs: 6_000 });
  const before = await minted(chain);
  await chain.token.mint(TO, 1n);
  proxy.behaviour.hideReceipts = true;
  const counted = () => proxy.calls.get('eth_getTransactionCount') ?? 0;
  const sending = chain.token.mint(TO, 1n);
  for (const asked = counted(); counted() === asked; ) await new Promise((resolve) => setTimeout(resolve, 20));
  proxy.behaviour.hideReceipts = false;
  await sending;
  expect(await minted(chain)).toBe(before + 2n);
  await proxy.stop();
}, 60_000);

describe('the price', () => {
  it('waits while the base fee is above the cap', async () => {
    const chain = await connect({ feeCap: parseGwei('50') });
    await node().setNextBlockBaseFeePerGas({ baseFeePerGas: parseGwei('80') });
    await node().mine({ blocks: 1 });
    expect(await rejection(chain.token.mint(TO, 1n))).toMatchObject({ code: 'TRANSACTION_FAILED', facts: { cap: parseGwei('50').toString() } });
    await node().setNextBlockBaseFeePerGas({ baseFeePerGas: parseGwei('2') });
    await node().mine({ blocks: 1 });
    await chain.token.mint(TO, 1n);
  });

  it('follows a base fee that rises while the transaction waits', async () => {
    const chain = await connect();
    await node().setNextBlockBaseFeePerGas({ baseFeePerGas: parseGwei('1') });
    await node().mine({ blocks: 1 });
    await holdMining();
    const before = await minted(chain);
    const sending = chain.token.mint(TO, 1n);
    await expect.poll(pooled, { timeout: 20_000 }).toHaveLength(1);
    const offered = (await pooled())[0]!.maxFeePerGas;
    await node().setNextBlockBaseFeePerGas({ baseFeePerGas: 10n * offered });
    await node().mine({ blocks: 1 });
    expect(await minted(chain)).toBe(before);
    await node().setIntervalMining({ interval: 1 });
    expect((await sending).receipt.effectiveGasPrice).toBeGreaterThan(offered);
    expect(await minted(chain)).toBe(before + 1n);
  }, 60_000);
});

describe('a new life of the same account', () => {
  it('waits for what the old one left in the pool, and does not do it again', async () => {
    const old = await connect();
    const before = await minted(old);
    const nonce = await node().getTransactionCount({ address: old.account! });
    await holdMining();
    const lost = old.token.mint(TO, 1_000n);
    await expect.poll(pooled, { timeout: 20_000 }).toHaveLength(1);
    const fresh = await connect({ bumpAfterMs: 30_000 });
    const sending = fresh.token.mint(TO, 1n);
    await node().setIntervalMining({ interval: 1 });
    await Promise.all([lost, sending]);
    expect(await minted(fresh)).toBe(before + 1_001n);
    expect(await node().getTransactionCount({ address: old.account! })).toBe(nonce + 2);
    expect(await pooled()).toEqual([]);
  }, 60_000);

  it('replaces what is stuck there', async () => {
    const old = await connect({ feeCap: parseGwei('30'), bumpAfterMs: 300 });
    await node().setNextBlockBaseFeePerGas({ baseFeePerGas: parseGwei('1') });
    await node().mine({ blocks: 1 });
    await holdMining();
    const lost = rejection(old.token.mint(TO, 1_000n));
    await expect.poll(pooled, { timeout: 20_000 }).toHaveLength(1);
    const [stuck] = await pooled();
    const fresh = await connect();
    const before = await minted(fresh);
    const sending = fresh.token.mint(TO, 1n);
    await expect.poll(async () => (await pooled()).some(({ nonce, hash }) => nonce === stuck!.nonce && hash !== stuck!.hash), { timeout: 20_000 }).toBe(true);
    await lost;
    await node().setIntervalMining({ interval: 1 });
    await sending;
    expect(await minted(fresh), 'one of the two, in the one place').toBe(before + 1n);
  }, 60_000);
});
