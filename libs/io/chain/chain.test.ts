import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestClient, http, type Hex } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAnvil, type RunningAnvil } from '#testing';
import { connectChain, deployContracts, LOCAL_PARAMETERS, type Chain, type ChainEvent, type Deployment } from './index.js';

/** Key of anvil's first own account. */
const KEY: Hex = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';

let anvil: RunningAnvil;
let deployment: Deployment;
let chain: Chain;
beforeAll(async () => {
  anvil = await startAnvil({ logFile: join(mkdtempSync(join(tmpdir(), 'assay-chain-')), 'anvil.log') });
  deployment = await deployContracts({ rpcUrl: anvil.rpcUrl, privateKey: KEY, parameters: LOCAL_PARAMETERS });
  chain = await connectChain({ rpcUrl: anvil.rpcUrl, deployment, privateKey: KEY, pollMs: 50 });
  await chain.token.mint(chain.account!, 1_000n);
  await chain.token.approve(deployment.vault, 1_000n);
}, 60_000);
afterAll(() => anvil?.stop());

const rejection = (work: Promise<unknown>) => work.then(() => undefined, (error: unknown) => error);

describe('the sender', () => {
  it('sends a hundred transactions at once, each mined once', async () => {
    const before = await chain.client.getTransactionCount({ address: chain.account! });
    const sent = await Promise.all(Array.from({ length: 100 }, (_, i) => chain.token.mint(deployment.vault, BigInt(i + 1))));
    expect(new Set(sent.map((s) => s.hash)).size).toBe(100);
    expect(await chain.client.getTransactionCount({ address: chain.account! })).toBe(before + 100);
    expect(await chain.token.balanceOf(deployment.vault)).toBe(5050n);
  }, 60_000);

  it('goes on when its account sent something behind its back', async () => {
    const other = await connectChain({ rpcUrl: anvil.rpcUrl, deployment, privateKey: KEY });
    await chain.token.mint(deployment.batches, 1n);
    await other.token.mint(deployment.batches, 2n);
    await chain.token.mint(deployment.batches, 3n);
    expect(await chain.token.balanceOf(deployment.batches)).toBe(6n);
  });

  it('names the contract’s error and its arguments, of contracts called on the way too', async () => {
    expect(await rejection(chain.vault.withdraw(77n))).toMatchObject({ code: 'CHAIN_REVERTED', facts: { call: 'Vault.withdraw', error: 'InsufficientBalance', args: [chain.account!, '77', '0'] } });
    expect(await rejection(chain.vault.deposit(chain.account!, 10n ** 9n))).toMatchObject({ code: 'CHAIN_REVERTED', facts: { error: 'ERC20InsufficientBalance' } });
  });

  it('refuses what is above its gas cap before sending it', async () => {
    const capped = await connectChain({ rpcUrl: anvil.rpcUrl, deployment, privateKey: KEY, gasCap: 25_000n });
    expect(await rejection(capped.token.mint(chain.account!, 1n))).toMatchObject({ code: 'TRANSACTION_FAILED' });
  });
});

describe('connecting', () => {
  it('says that nobody answers', async () => {
    expect(await rejection(connectChain({ rpcUrl: 'http://127.0.0.1:9', deployment }))).toMatchObject({ code: 'CHAIN_UNREACHABLE' });
  }, 30_000);

  it('says that it is another chain, or that the contracts are not there', async () => {
    expect(await rejection(connectChain({ rpcUrl: anvil.rpcUrl, deployment: { ...deployment, chainId: 1 } }))).toMatchObject({ code: 'CHAIN_MISMATCH', facts: { expected: 1, found: 31337 } });
    expect(await rejection(connectChain({ rpcUrl: anvil.rpcUrl, deployment: { ...deployment, disputes: chain.account! } }))).toMatchObject({ code: 'CHAIN_MISMATCH' });
  });
});

describe('the event stream', () => {
  const deposited = (events: readonly ChainEvent[]) => events.flatMap((e) => (e.eventName === 'Deposited' ? [e.args.amount] : []));

  /** Deposits seen from a block on, forgetting what a reorganisation undid, until there are `count`. */
  async function follow(fromBlock: bigint, count: number, onPage: () => void = () => undefined): Promise<bigint[]> {
    const stop = new AbortController();
    let seen: { block: bigint; amount: bigint }[] = [];
    for await (const page of chain.events({ fromBlock, signal: stop.signal })) {
      if (page.rewound) seen = seen.filter(({ block }) => block < page.from);
      for (const event of page.events) for (const amount of deposited([event])) seen.push({ block: event.blockNumber, amount });
      onPage();
      if (seen.length >= count) stop.abort();
    }
    return seen.map(({ amount }) => amount);
  }

  it('starts where it is told to', async () => {
    await chain.vault.deposit(chain.account!, 1n);
    const { block } = await chain.vault.deposit(chain.account!, 2n);
    await chain.vault.deposit(chain.account!, 3n);
    expect(await follow(0n, 3)).toEqual([1n, 2n, 3n]);
    expect(await follow(block, 2)).toEqual([2n, 3n]);
  });

  it('takes back what a reorganisation undid', async () => {
    const test = createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) });
    const from = (await chain.blockNumber()) + 1n;
    const id = await test.snapshot();
    await chain.vault.deposit(chain.account!, 11n);
    await chain.vault.deposit(chain.account!, 12n);
    let replaced: Promise<unknown> | undefined;
    const seen = await follow(from, 3, () => {
      // WHY once the first pages are read: only then is there something to take back.
      replaced ??= test.revert({ id }).then(async () => {
        const fresh = await connectChain({ rpcUrl: anvil.rpcUrl, deployment, privateKey: KEY });
        for (const amount of [21n, 22n, 23n]) await fresh.vault.deposit(chain.account!, amount);
      });
    });
    await replaced;
    expect(seen).toEqual([21n, 22n, 23n]);
  }, 30_000);

  it('survives a reorganisation deeper than what it takes to be final, by reading everything again', async () => {
    const shallow = await connectChain({ rpcUrl: anvil.rpcUrl, deployment, privateKey: KEY, pollMs: 50, finalityDepth: 2n });
    expect(shallow.finalityDepth).toBe(2n);
    const from = (await chain.blockNumber()) + 1n;
    await chain.vault.deposit(chain.account!, 31n);
    const { block: last } = await chain.vault.deposit(chain.account!, 32n);
    const test = createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) });
    await test.mine({ blocks: 8 });
    // WHY: a block between the look at the head and the reorganisation would change how deep it reaches.
    await test.setIntervalMining({ interval: 0 });
    const stop = new AbortController();
    let seen: { block: bigint; amount: bigint }[] = [];
    let rewoundTo: bigint | undefined;
    for await (const page of shallow.events({ fromBlock: from, signal: stop.signal })) {
      if (page.rewound) {
        rewoundTo = page.from;
        seen = seen.filter(({ block }) => block < page.from);
      }
      for (const event of page.events) for (const amount of deposited([event])) seen.push({ block: event.blockNumber, amount });
      if (rewoundTo === undefined && page.to === page.head) await test.request({ method: 'anvil_reorg', params: [Number((await chain.blockNumber()) - last) + 1, []] } as never);
      if (rewoundTo !== undefined && page.to === page.head) stop.abort();
    }
    await test.setIntervalMining({ interval: 1 });
    expect(rewoundTo).toBe(from);
    expect(seen.map(({ amount }) => amount)).toEqual([31n]);
  }, 30_000);
});
