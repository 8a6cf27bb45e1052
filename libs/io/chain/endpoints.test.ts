import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { createTestClient, http, publicActions, RpcRequestError, type Hex } from 'viem';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startAnvil, startRpcProxy, type Complaint, type RpcProxy, type RunningAnvil } from '#testing';
import { isAboutTheRequest, isTooLargeQuery } from './endpoints.js';
import { connectChain, deployContracts, disputeTransactions, endpointUrls, LOCAL_PARAMETERS, type Chain, type ChainOptions, type Deployment } from './index.js';

const KEY: Hex = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';

let anvil: RunningAnvil;
let deployment: Deployment;
let proxies: [RpcProxy, RpcProxy];
const node = () => createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) }).extend(publicActions);

beforeAll(async () => {
  anvil = await startAnvil({ logFile: join(mkdtempSync(join(tmpdir(), 'assay-endpoints-')), 'anvil.log') });
  deployment = await deployContracts({ rpcUrl: anvil.rpcUrl, privateKey: KEY, parameters: LOCAL_PARAMETERS });
  proxies = [await startRpcProxy(anvil.rpcUrl), await startRpcProxy(anvil.rpcUrl)];
}, 60_000);
afterAll(async () => {
  for (const proxy of proxies ?? []) await proxy.stop();
  await anvil?.stop();
});
beforeEach(() => {
  for (const { behaviour, calls } of proxies) {
    for (const fault of Object.keys(behaviour)) delete behaviour[fault as keyof typeof behaviour];
    calls.clear();
  }
});

/** A connection through both proxies, the first preferred. */
function connect(options: Partial<ChainOptions> = {}): Promise<Chain> {
  return connectChain({ rpcUrl: proxies.map((p) => p.rpcUrl).join(', '), deployment, privateKey: KEY, pollMs: 50, timeoutMs: 1_000, probeMs: 100, ...options });
}

const asked = (proxy: RpcProxy) => [...proxy.calls.values()].reduce((sum, n) => sum + n, 0);

describe('several endpoints', () => {
  it('are read from a list', () => {
    expect(endpointUrls('http://a, http://b,')).toEqual(['http://a', 'http://b']);
    expect(() => endpointUrls(' , ')).toThrow();
  });

  it('uses the first that is well, and only that for reading', async () => {
    const chain = await connect({ probeMs: 1e9 });
    await chain.blockNumber();
    proxies[1].calls.clear();
    for (let i = 0; i < 5; i++) await chain.blockNumber();
    expect(asked(proxies[1])).toBe(0);
  });

  it.each([
    ['429', { status: 429 }],
    ['503', { status: 503 }],
    ['429 with an answer for all', { status: 429, complaint: { code: 429, message: 'Your app has exceeded its compute units per second capacity.' } }],
    ['a limit that looks like an answer', { complaint: { code: -32005, message: 'project ID request rate exceeded' } }],
    ['too many requests under 200', { complaint: { code: -32029, message: 'Too many requests, reason: call rate limit exhausted, retry in 10s' } }],
    ['a cut connection', { cut: true }],
    ['silence', { delayMs: 3_000 }],
    ['another chain', { chainId: 1 }],
  ])('goes on with the second at %s, and comes back to the first', async (_, fault) => {
    Object.assign(proxies[0].behaviour, fault);
    const chain = await connect();
    for (let i = 0; i < 3; i++) expect(await chain.blockNumber()).toBeGreaterThan(0n);
    await chain.token.mint(chain.account!, 1n);
    const before = asked(proxies[0]);
    await chain.vault.balanceOf(chain.account!);
    expect(asked(proxies[0]), 'an endpoint at rest is not asked').toBe(before);

    for (const name of Object.keys(fault)) delete proxies[0].behaviour[name as keyof typeof fault];
    await expect.poll(async () => (await chain.vault.balanceOf(chain.account!), asked(proxies[0])), { timeout: 20_000 }).toBeGreaterThan(before + 1);
  }, 60_000);

  it('leaves one alone for as long as it asks for', async () => {
    Object.assign(proxies[0].behaviour, { status: 429, retryAfter: 30, complaint: { code: 429, message: 'slow down' } });
    const chain = await connect();
    await chain.blockNumber();
    for (const name of ['status', 'retryAfter', 'complaint'] as const) delete proxies[0].behaviour[name];
    const before = asked(proxies[0]);
    // WHY: without a word it would rest for one second, and for two after the next fault.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    for (let i = 0; i < 3; i++) await chain.vault.balanceOf(chain.account!);
    expect(asked(proxies[0])).toBe(before);
  }, 30_000);

  it('is CHAIN_UNREACHABLE when no endpoint answers, whatever was asked', async () => {
    const chain = await connect();
    for (const { behaviour } of proxies) behaviour.status = 503;
    for (const answer of await Promise.allSettled([chain.logs.all(({ from, to }) => chain.client.getLogs({ fromBlock: from, toBlock: to }), { from: 0n, to: 1n }), chain.blockNumber(), chain.block(), chain.transactionCount(chain.account!, { blockTag: 'pending' }), chain.now(), chain.beacon(1n), chain.vault.balanceOf(chain.account!)])) expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'CHAIN_UNREACHABLE' } });
  }, 60_000);

  it('never says of an address more than where it is: it holds the key that a provider is paid by', async () => {
    const keys = ['v3/0123456789abcdef', 'rpc?apikey=0123456789abcdef'];
    const hidden = (status: number) => {
      for (const { behaviour } of proxies) behaviour.status = status;
      return connect({ rpcUrl: [...proxies.map(({ rpcUrl }, i) => `${rpcUrl}/${keys[i]}`), proxies[0].rpcUrl.replace('//', '//user:0123456789abcdef@')].join(',') });
    };
    const failed: unknown = await hidden(503).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'CHAIN_UNREACHABLE', message: expect.stringContaining(new URL(proxies[0].rpcUrl).origin) });
    for (const { behaviour } of proxies) [delete behaviour.status, (behaviour.chainId = 5)];
    const mismatched: unknown = await hidden(0).catch((error: unknown) => error);
    expect(mismatched).toMatchObject({ code: 'CHAIN_MISMATCH' });
    for (const error of [failed, mismatched]) expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('0123456789abcdef');
    for (const { behaviour } of proxies) delete behaviour.chainId;
    expect(await (await hidden(0)).blockNumber()).toBeGreaterThan(0n);
  }, 60_000);

  it('refuses when every endpoint is another chain, and says which', async () => {
    for (const { behaviour } of proxies) behaviour.chainId = 5;
    await expect(connect()).rejects.toMatchObject({ code: 'CHAIN_MISMATCH', facts: { expected: 31337, found: 5 } });
  });

  it('leaves an endpoint whose head stands still', async () => {
    const chain = await connect();
    proxies[0].behaviour.frozenAt = await chain.blockNumber();
    await node().mine({ blocks: 20 });
    const real = await node().getBlockNumber();
    await expect.poll(() => chain.blockNumber(), { timeout: 20_000 }).toBeGreaterThanOrEqual(real);
  }, 30_000);

  it('does not believe a head that has no block', async () => {
    const chain = await connect();
    await chain.blockNumber();
    proxies[0].behaviour.ahead = 1_000n;
    for (let i = 0; i < 5; i++) expect(await chain.blockNumber()).toBeLessThanOrEqual(await node().getBlockNumber());
  });

  it('follows the chain when it really went back', async () => {
    const chain = await connect();
    const id = await node().snapshot();
    await node().mine({ blocks: 30 });
    const high = await chain.blockNumber();
    await node().revert({ id });
    await expect.poll(() => chain.blockNumber(), { timeout: 20_000 }).toBeLessThan(high - 10n);
  }, 30_000);

  it('gives a transaction to all, so that none can hold it back, and sends none twice when an answer is lost', async () => {
    const chain = await connect();
    proxies[0].behaviour.dropTransactions = true;
    const before = await chain.client.getTransactionCount({ address: chain.account! });
    await chain.token.mint(chain.account!, 1n);
    proxies[0].behaviour.dropTransactions = false;
    proxies[1].behaviour.swallowAnswers = true;
    await chain.token.mint(chain.account!, 1n);
    expect(await node().getTransactionCount({ address: chain.account! })).toBe(before + 2);
  }, 30_000);

  it('sends once when the only endpoint takes the transaction and loses its answer', async () => {
    const chain = await connect({ rpcUrl: proxies[0].rpcUrl, bumpAfterMs: 500 });
    await chain.token.mint(chain.account!, 1n);
    const before = await node().getTransactionCount({ address: chain.account! });
    const sending = chain.token.mint(chain.account!, 1n);
    while (!proxies[0].calls.has('eth_sendRawTransaction')) await new Promise((resolve) => setTimeout(resolve, 1));
    proxies[0].behaviour.swallowAnswers = true;
    await new Promise((resolve) => setTimeout(resolve, 200));
    proxies[0].behaviour.swallowAnswers = false;
    await sending;
    expect(await node().getTransactionCount({ address: chain.account! })).toBe(before + 1);
  }, 30_000);
});

/** As providers' documentation and programs have it: geth and its kin, and who rents nodes out. */
const RANGES: readonly Complaint[] = [
  { code: -32005, message: 'query returned more than 10000 results. Try with this block range [0x10, 0x20].' },
  { code: -32602, message: 'Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no limit on the response size' },
  { code: -32614, message: 'eth_getLogs is limited to a 10,000 range' },
  { code: -32000, message: 'block range is too wide' },
  { code: -32000, message: 'exceed maximum block range: 5000' },
  { code: -32000, message: 'Requested range exceeds maximum RPC range limit' },
  { code: -32000, message: 'requested too many blocks from 0 to 4096, maximum is set to 2048' },
  { code: 35, message: 'ranges over 10000 blocks are not supported on freetier' },
  { code: -32002, message: 'query timeout exceeded' },
];
const LIMITS: readonly Complaint[] = [
  { code: -32005, message: 'daily request count exceeded, request rate limited' },
  { code: 429, message: 'Your app has exceeded its compute units per second capacity.' },
  { code: -32007, message: '50/second request limit reached - reduce calls per second or upgrade your account' },
  { code: -32005, message: 'You\'ve exceeded the RPS limit available on the current plan.' },
  { code: -32029, message: 'Too many requests, reason: call rate limit exhausted, retry in 10s' },
  { code: -32097, message: 'Rate limit exceeded' },
];
const REFUSALS: readonly Complaint[] = [
  { code: 3, message: 'execution reverted' },
  { code: -32000, message: 'nonce too low' },
  { code: -32000, message: 'replacement transaction underpriced' },
  { code: -32000, message: 'insufficient funds for gas * price + value' },
];

describe('what endpoints say', () => {
  const said = (error: Complaint) => new RpcRequestError({ body: {}, url: 'http://a', error });
  it.each(RANGES)('is a question for too much: $message', (complaint) => expect([isTooLargeQuery(said(complaint)), isAboutTheRequest(said(complaint))]).toEqual([true, true]));
  it.each(LIMITS)('is a limit of calls: $message', (complaint) => expect([isTooLargeQuery(said(complaint)), isAboutTheRequest(said(complaint))]).toEqual([false, false]));
  it.each(REFUSALS)('is what any node would say: $message', (complaint) => expect([isTooLargeQuery(said(complaint)), isAboutTheRequest(said(complaint))]).toEqual([false, true]));
});

describe('the event stream behind bad endpoints', () => {
  it.each<[string, { rangeComplaint?: Complaint; rangeStatus?: number }]>([
    ['in an answer', {}],
    ['under a status of HTTP, once for a batch', { rangeComplaint: RANGES[2]!, rangeStatus: 413 }],
    ['in words of a provider’s own', { rangeComplaint: RANGES[7]! }],
  ])('asks for smaller ranges where large ones are refused %s', async (_, words) => {
    const chain = await connect();
    await node().mine({ blocks: 300 });
    const { block } = await chain.token.mint(chain.account!, 1n);
    for (const { behaviour } of proxies) Object.assign(behaviour, { maxRange: 40n, ...words });
    const stop = new AbortController();
    const errors: unknown[] = [];
    let next = 0n;
    for await (const page of chain.events({ fromBlock: 0n, signal: stop.signal, onError: (e) => errors.push(e) })) {
      expect(page.from, 'nothing left out').toBe(next);
      expect(page.to - page.from).toBeLessThan(40n);
      next = page.to + 1n;
      if (page.to >= block) stop.abort();
    }
    expect(errors).toEqual([]);
  }, 30_000);

  it('finds what lies far back where large ranges are refused, and asks once for what is final', async () => {
    const chain = await connect({ finalityDepth: 8n });
    await chain.token.mint(chain.account!, 10n ** 24n);
    await chain.vault.deposit(chain.account!, 10n ** 24n);
    const { coordinatorBond } = await chain.batches.terms();
    await chain.batches.join(chain.account!, BigInt(coordinatorBond), 0n);
    const root = `0x${'5a'.repeat(32)}` as const;
    await chain.batches.commit({ root, count: 3, totals: [], charges: [] });
    const batchId = await chain.batches.batchCount();
    await node().mine({ blocks: 200 });
    for (const { behaviour } of proxies) behaviour.maxRange = 30n;
    expect(await chain.batches.batch(batchId)).toMatchObject({ root, count: 3 });
    for (const { calls } of proxies) calls.clear();
    expect(await chain.batches.chargesOf(batchId)).toEqual([]);
    expect(proxies.map(({ calls }) => calls.get('eth_getLogs') ?? 0)).toEqual([0, 0]);
    expect((await chain.batches.batch(batchId + 1n)).root).toBe(`0x${'00'.repeat(32)}`);
    expect(await disputeTransactions(chain, root)).toEqual([]);
  }, 30_000);

  it('loses and repeats nothing while endpoints come and go', async () => {
    const chain = await connect();
    await chain.token.mint(chain.account!, 1_000n);
    const from = (await chain.blockNumber()) + 1n;
    const stop = new AbortController();
    const seen: bigint[] = [];
    const reading = (async () => {
      for await (const page of chain.events({ fromBlock: from, signal: stop.signal })) {
        if (page.rewound) throw new Error(`a rewind to ${page.from} without a reorganisation`);
        for (const event of page.events) if (event.eventName === 'Deposited') seen.push(event.args.amount);
        if (seen.length >= 12) stop.abort();
      }
    })();
    const sender = await connectChain({ rpcUrl: anvil.rpcUrl, deployment, privateKey: KEY });
    for (let i = 1; i <= 12; i++) {
      Object.assign(proxies[i % 2]!.behaviour, [{ status: 503 }, { cut: true }, { status: 429 }][i % 3]);
      for (const fault of ['status', 'cut'] as const) delete proxies[(i + 1) % 2]!.behaviour[fault];
      await sender.vault.deposit(chain.account!, BigInt(i));
    }
    for (const { behaviour } of proxies) for (const fault of ['status', 'cut'] as const) delete behaviour[fault];
    await reading;
    expect(seen).toEqual(Array.from({ length: 12 }, (_, i) => BigInt(i + 1)));
  }, 60_000);
});
