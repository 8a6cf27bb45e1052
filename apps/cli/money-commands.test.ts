import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeAbiParameters, keccak256, numberToHex, type Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectChain, deployContracts, LOCAL_PARAMETERS, type Chain } from '#io/chain';
import { PROJECT_ROOT, startAnvil, type RunningAnvil } from '#testing';
import { runCli } from './program.js';

/** Two of anvil's usual accounts. */
const OWNER: Hex = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const STRANGER: Hex = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d';
const COUNT = 40;
const TIMELOCK = 7_200n;

let dir: string;
let anvil: RunningAnvil;
let chain: Chain;
let place: string[];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'assay-money-commands-'));
  anvil = await startAnvil({ logFile: join(dir, 'chain.log') });
  const deployment = await deployContracts({ rpcUrl: anvil.rpcUrl, privateKey: OWNER, parameters: { ...LOCAL_PARAMETERS, timelock: TIMELOCK }, coordinators: [privateKeyToAccount(OWNER).address] });
  writeFileSync(join(dir, 'deployment.json'), JSON.stringify(deployment));
  chain = await connectChain({ rpcUrl: anvil.rpcUrl, deployment, privateKey: OWNER, pollMs: 25 });
  place = ['--rpc', anvil.rpcUrl, '--deployment', join(dir, 'deployment.json'), '--url', '127.0.0.1:1', '--json'];
}, 120_000);
afterAll(async () => {
  await anvil?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** What a command prints and how it ends. */
async function run(args: readonly string[], key: Hex = OWNER): Promise<{ code: number; text: string }> {
  let text = '';
  vi.stubEnv('ASSAY_PRIVATE_KEY', key);
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => ((text += String(chunk)), true));
  const quiet = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  try {
    return { code: await runCli(args), text };
  } finally {
    spy.mockRestore();
    quiet.mockRestore();
    vi.unstubAllEnvs();
  }
}

const json = async (args: readonly string[], key?: Hex) => {
  const { code, text } = await run([...args, ...place], key);
  return { code, document: JSON.parse(text) as Record<string, unknown> & { error?: { code: string; message: string } } };
};

async function eventually(look: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 600; i++, await new Promise((resolve) => setTimeout(resolve, 50))) if (await look()) return;
  throw new Error('it did not come about');
}

/** The timelock passes on chain. */
const pass = () => chain.client.request({ method: 'evm_increaseTime', params: [Number(TIMELOCK)] } as never);

describe('assay sample --batch', () => {
  it('prints a draw that anybody can do again, and tells a wrong one', async () => {
    await chain.batches.commit({ root: keccak256('0x01'), count: COUNT, totals: [], charges: [] });
    await eventually(async () => (await chain.beacon(1n)) !== undefined);
    const challenger = privateKeyToAccount(STRANGER).address;
    const { code, document } = await json(['sample', '--batch', '1', '--challenger', challenger]);
    expect(code).toBe(0);
    const beacon = (await chain.client.getBlock({ blockNumber: BigInt(document['beaconBlock'] as string) })).mixHash;
    expect(document['beacon']).toBe(beacon);
    const hashes = Array.from({ length: COUNT }, (_, i) => keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'address' }, { type: 'uint256' }], [beacon, challenger, BigInt(i)])));
    const drawn = hashes.flatMap((hash, i) => (BigInt(hash) >> 224n < BigInt(document['rate'] as string) ? [i] : []));
    expect(document['indices']).toEqual(drawn);
    expect(document['proof']).toEqual(drawn.map((index) => ({ index, hash: hashes[index] })));
    expect(await json(['sample', '--batch', '1', '--challenger', challenger, '--verify', drawn.join(',')])).toMatchObject({ code: 0, document: { matches: true } });
    expect(await json(['sample', '--batch', '1', '--challenger', challenger, '--verify', '99'])).toMatchObject({ code: 1, document: { matches: false } });
  });

  it('says that there is no such batch', async () => {
    expect(await json(['sample', '--batch', '7', '--challenger', numberToHex(1, { size: 20 })])).toMatchObject({ code: 2, document: { error: { code: 'USAGE' } } });
  });
});

describe('assay challenger seat', () => {
  it('is taken with enough stake, shown, and left', async () => {
    const stake = LOCAL_PARAMETERS.checks.stake;
    expect(await json(['challenger', 'seat', 'take'])).toMatchObject({ document: { error: { code: 'CHAIN_REVERTED', message: expect.stringMatching(/StakeTooLow/) as string } } });
    await chain.token.mint(chain.account!, stake);
    expect((await json(['stake', 'deposit', String(stake / 10n ** 18n)])).code).toBe(0);
    const taken = { account: chain.account, seated: true, seats: 2, taken: 1, stakeNeeded: stake.toString() };
    expect(await json(['challenger', 'seat', 'take'])).toMatchObject({ code: 0, document: taken });
    expect((await json(['challenger', 'seat', 'show'])).document).toMatchObject(taken);
    expect((await json(['challenger', 'seat', 'leave'])).document).toMatchObject({ seated: false, since: null, taken: 0 });
  });
});

describe('assay admin', () => {
  const rate = String(2 ** 30);

  it('lists terms and who may change what: terms after a delay, the pause at once, strangers nothing', async () => {
    expect((await json(['admin', 'list'])).document).toMatchObject({ sampleRate: 2 ** 31, paused: false });
    const rights = async (key: Hex) => ((await json(['admin', 'roles', privateKeyToAccount(key).address])).document['rights'] as { name: string; held: boolean; delay: number }[]).filter(({ name }) => name !== 'admin');
    expect(await rights(OWNER)).toEqual([{ name: 'setTerms', held: true, delay: Number(TIMELOCK) }, { name: 'setPaused', held: true, delay: 0 }]);
    expect(await rights(STRANGER)).toEqual([{ name: 'setTerms', held: false, delay: 0 }, { name: 'setPaused', held: false, delay: 0 }]);
  });

  it('changes terms only after they were announced and the delay has passed; a dry run sends nothing', async () => {
    const before = await chain.client.getTransactionCount({ address: chain.account! });
    expect(await json(['admin', 'set', 'sampleRate', rate, '--dry-run'])).toMatchObject({ document: { error: { code: 'CHAIN_REVERTED' } } });
    expect(await json(['admin', 'schedule', 'sampleRate', rate, '--dry-run'])).toMatchObject({ code: 0, document: { dryRun: true } });
    expect(await chain.client.getTransactionCount({ address: chain.account! })).toBe(before);
    expect((await json(['admin', 'schedule', 'sampleRate', rate])).code).toBe(0);
    expect((await json(['admin', 'execute', 'sampleRate', rate])).code).not.toBe(0);
    expect((await chain.batches.terms()).sampleRate).toBe(2 ** 31);
    await pass();
    await eventually(async () => (await json(['admin', 'execute', 'sampleRate', rate, '--dry-run'])).code === 0);
    expect((await json(['admin', 'execute', 'sampleRate', rate])).code).toBe(0);
    expect((await chain.batches.terms()).sampleRate).toBe(2 ** 30);
  });

  it('cannot be made to set what is out of bounds, nor by a stranger', async () => {
    expect((await json(['admin', 'schedule', 'sampleRate', '1'])).code).toBe(0);
    await pass();
    await eventually(async () => /BadTerms/.test((await json(['admin', 'execute', 'sampleRate', '1', '--dry-run'])).document.error?.message ?? ''));
    expect((await json(['admin', 'pause', '--dry-run'], STRANGER)).document.error?.code).toBe('CHAIN_REVERTED');
    expect(await json(['admin', 'set', 'penalty', '1'])).toMatchObject({ document: { error: { code: 'USAGE' } } });
  });

  it('pauses new batches at once, and lets them on again', async () => {
    expect((await json(['admin', 'pause'])).code).toBe(0);
    await expect(chain.batches.commit({ root: keccak256('0x02'), count: 1, totals: [], charges: [] })).rejects.toMatchObject({ code: 'CHAIN_REVERTED' });
    expect((await json(['admin', 'unpause'])).code).toBe(0);
    await chain.batches.commit({ root: keccak256('0x02'), count: 1, totals: [], charges: [] });
  });
});

it('assay economics prints the worked example of docs/economics.md', async () => {
  const { code, text } = await run(['economics', '--value', '40']);
  expect(code).toBe(0);
  const page = readFileSync(join(PROJECT_ROOT, 'docs/economics.md'), 'utf8');
  expect(page).toContain(`<!-- economics -->\n\`\`\`\n${text.trimEnd()}\n\`\`\`\n<!-- /economics -->`);
});
