import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseUnits } from 'viem';
import { privateKeyToAddress, generatePrivateKey } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensorOf } from '#sdk';
import { PROJECT_ROOT } from '#testing';
import { finished, startCommand, type Surroundings } from './command.js';
import { eventually, startWorld, type World } from './world.js';

/** Somewhere else than the checkout and the network's folder. */
const elsewhere = mkdtempSync(join(tmpdir(), 'assay-elsewhere-'));
const WAIT_MS = 120_000;
let world: World;
let place: string[];

beforeAll(async () => {
  world = await startWorld({ executors: 1, challengers: 1, rules: { unbondingDelay: 0n } });
  place = ['--dir', world.network.folder.dir];
  await world.assay.register({ name: 'mnist', file: new Uint8Array(readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx'))) });
}, 240_000);

afterAll(async () => {
  await world?.end();
  rmSync(elsewhere, { recursive: true, force: true });
});

/** Runs the command elsewhere; its document, whatever the exit code. */
async function assay(args: readonly string[], surroundings: Surroundings = {}): Promise<{ readonly [name: string]: unknown }> {
  const { code, stdout, stderr } = await finished(startCommand([...args, '--json'], { cwd: elsewhere, ...surroundings }));
  if (stdout === '') throw new Error(`nothing on standard output: ${stderr}`);
  return { ...(JSON.parse(stdout) as object), exit: code };
}

describe.each(['executor', 'challenger'] as const)('an %s joins from another folder', (role) => {
  let node: ChildProcess;
  let started: Promise<string>;
  let address: string;

  it('has keys that never leave it, is let in by them, and starts with its money in the vault', async () => {
    const id = await assay([role, 'id', '--data', role]);
    expect(await assay([role, 'id', '--data', role])).toEqual(id);
    for (const secret of ['keystore.json', 'keystore-password', 'broker-seed']) expect(statSync(join(elsewhere, role, secret)).mode & 0o077).toBe(0);
    address = String(id['address']);
    const peer = await assay(['peer', 'admit', role, address, String(id['brokerKey']), '--out', join(elsewhere, `${role}.json`), ...place]);
    expect(JSON.stringify(peer)).not.toContain(readFileSync(join(elsewhere, role, 'broker-seed'), 'utf8').trim());
    node = startCommand([role, 'start', '--peer', `${role}.json`, '--data', role, '--json'], { cwd: elsewhere });
    started = new Promise((resolve) => node.stdout!.once('data', (chunk: Buffer) => resolve(chunk.toString())));
    const ready = JSON.parse(await Promise.race([started, finished(node).then(({ stderr }) => Promise.reject(new Error(stderr)))])) as Record<string, unknown>;
    expect(ready).toMatchObject({ ready: true, role, address, ...(role === 'executor' ? { stake: parseUnits('1000', 18).toString() } : { balance: parseUnits('100', 18).toString() }) });
    await eventually('the coordinator sees it', async () => (await world.assay.status()).peers.some((peer) => peer.address === address.toLowerCase() && peer.role === role), WAIT_MS);
  }, 240_000);

  if (role === 'executor')
    it('answers jobs', async () => {
      const input = tensorOf(new Float32Array(784).fill(0.5), [1, 1, 28, 28]);
      // WHY many at once: one after the other, all go to the executor that has the model loaded already.
      await eventually('one of its answers', async () => {
        const answers = await Promise.all(Array.from({ length: 8 }, () => world.assay.submit({ model: { name: 'mnist' }, inputs: [input] })));
        return answers.some(({ executor }) => executor.toLowerCase() === address.toLowerCase());
      }, WAIT_MS);
    }, 180_000);

  it('is refused with another’s peer file, and stops when told', async () => {
    expect(await assay([role, 'start', '--peer', `${role}.json`, '--data', 'other'])).toMatchObject({ exit: 2, error: { code: 'USAGE' } });
    const over = finished(node);
    node.kill('SIGINT');
    expect((await over).code).toBe(0);
  }, 120_000);
});

describe('money by the command line', () => {
  const privateKey = generatePrivateKey();
  const account = privateKeyToAddress(privateKey);
  const env = { ASSAY_PRIVATE_KEY: privateKey };
  const units = (text: string) => parseUnits(text, 18).toString();

  it('faucet, deposit and stake: in, unbonding, out again', async () => {
    await world.chain.client.request({ method: 'anvil_setBalance', params: [account, '0x56bc75e2d63100000'] } as never);
    expect(await assay(['faucet', '100', ...place], { env })).toMatchObject({ exit: 0, account, balance: units('100') });
    expect(await assay(['deposit', '30', ...place], { env })).toMatchObject({ exit: 0, balance: units('30') });
    expect(await assay(['deposit', '71', ...place], { env })).toMatchObject({ exit: 1, error: { code: 'DEPOSIT_TOO_LOW' } });
    expect(await assay(['stake', 'deposit', '50', ...place], { env })).toMatchObject({ exit: 0, stake: units('50'), held: units('20') });
    expect(await assay(['stake', 'unbond', '20', ...place], { env })).toMatchObject({ exit: 0, stake: units('30'), unbonding: units('20'), unbondedAt: expect.any(String) });
    expect(await assay(['stake', 'withdraw', ...place], { env })).toMatchObject({ exit: 0, stake: units('30'), unbonding: '0', balance: units('30'), held: units('40') });
    expect(await assay(['stake', 'show', account, ...place])).toMatchObject({ exit: 0, stake: units('30') });
    expect(await assay(['stake', 'unbond', '31', ...place], { env })).toMatchObject({ exit: 1 });
  }, 240_000);

  it('keys: made, listed, revoked', async () => {
    const gateway = ['--gateway-dir', 'gateway'];
    const made = await assay(['key', 'create', 'shop', '--cap', '2.5', ...gateway]);
    expect(made).toMatchObject({ exit: 0, name: 'shop', state: 'active', cap: units('2.5'), spent: '0' });
    expect(await assay(['key', 'revoke', String(made['id']), ...gateway])).toMatchObject({ exit: 0, state: 'revoked' });
    const listed = await assay(['key', 'list', ...gateway]);
    expect(listed).toMatchObject({ keys: [{ id: made['id'], state: 'revoked' }] });
    expect(JSON.stringify(listed)).not.toContain(made['key']);
  }, 120_000);
});

describe('run, and watching', () => {
  it('takes input from standard input and .npy, and writes what it can read again', async () => {
    const saved = await assay(['run', 'mnist', '--digit', '3', '--save', 'first', ...place]);
    const again = [
      await assay(['run', 'mnist', '--input', 'first/input-0.npy', ...place]),
      await assay(['run', 'mnist', '--input', '-', ...place], { input: readFileSync(join(elsewhere, 'first/input-0.npy')) }),
      await assay(['run', 'mnist', '--input', '-', ...place], { input: readFileSync(join(elsewhere, 'first/input-0.bin')) }),
      await assay(['run', 'mnist', '--input', '-', ...place], { input: JSON.stringify([...new Float32Array(new Uint8Array(readFileSync(join(elsewhere, 'first/input-0.bin'))).buffer)]) }),
    ];
    for (const run of again) expect((run['claim'] as { outputRoot: string }).outputRoot).toBe((saved['claim'] as { outputRoot: string }).outputRoot);
    expect(await assay(['run', 'mnist', '--input', 'first/output-0.npy', ...place])).toMatchObject({ exit: 2, error: { code: 'TENSOR_DATA_MISMATCH' } });
  }, 240_000);

  it('monitor: a line of JSON a view', async () => {
    const { code, stdout } = await finished(startCommand(['monitor', '--count', '1', '--json', ...place], { cwd: elsewhere }));
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual([expect.objectContaining({ chainId: 31337, jobs: expect.any(Object), peers: expect.any(Array), openDisputes: 0 })]);
  }, 60_000);
});
