import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { privateKeyToAccount } from 'viem/accounts';
import { elementCount, type Dtype, type Tensor } from '#core/hashing';
import { connect, type Assay } from '#sdk';
import { KeyBook } from '#io/keys';
import { AdminClient } from '#io/rpc';
import { encryptKey } from '#platform';
import { freePort, LocalKeys, NetworkFolder, PROJECT_ROOT, startNetwork, startPostgres, startRpcProxy, type Network, type RunningPostgres } from '#testing';
import { assay as command } from './command.js';
import { eventually } from './world.js';

/** Nobody disputes here: long enough that a job is not final before its network stops. */
const RULES = { batches: { challengeWindow: 6n } };

let dir: string;
let postgres: RunningPostgres;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'assay-backup-'));
  postgres = await startPostgres();
}, 120_000);
afterAll(async () => {
  await postgres?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** What nobody may ever read in a log, beside keys and seeds. */
const WORDS = { token: 'the word of an admin', wrongToken: 'the word of no admin', password: 'correct horse battery staple', database: 'opensesame', rpcKey: 'b7d1c4a09e5f4c6e' } as const;
/** What API keys and wrong ones were used. */
const apiKeys: string[] = [];

/** Each secret comes another way to its process: an encrypted file, the environment, an address with a key in it. */
async function withNetwork<T>(place: string, databaseUrl: string | undefined, work: (assay: Assay, network: Network) => Promise<T>): Promise<T> {
  const rpc = await freePort();
  const proxy = await startRpcProxy(`http://127.0.0.1:${rpc}`);
  const chain = { ASSAY_RPC_URL: `${proxy.rpcUrl}/v3/${WORDS.rpcKey}` };
  const environment = {
    coordinator: { ...chain, ASSAY_ADMIN_TOKEN_SHA256: createHash('sha256').update(WORDS.token).digest('hex') },
    'challenger-1': chain,
    'executor-1': { ...chain, ...keystoreIn(place, 'executor-1') },
  };
  const network = await startNetwork({ dir: place, logLevel: 'trace', executors: 1, challengers: 1, gateway: true, ports: { rpc }, environment, rules: RULES, ...(databaseUrl && { databaseUrl: databaseUrl.replace('//assay@', `//assay:${WORDS.database}@`) }) });
  try {
    const assay = await connect({ url: network.urls.grpc, deployment: network.deployment, account: privateKeyToAccount(network.keys.privateKey('submitter')) });
    const result = await work(assay, network).finally(() => assay.close());
    proxy.behaviour.status = 503;
    await mistakes(network);
    delete proxy.behaviour.status;
    return result;
  } finally {
    await network.stop();
    await proxy.stop();
    expectNoSecrets(network);
  }
}

function keystoreIn(place: string, name: string): Record<string, string> {
  const [folder, keys] = [join(place, 'secrets'), LocalKeys.at(new NetworkFolder(place).keys)];
  mkdirSync(folder, { recursive: true });
  const [file, passwordFile] = [join(folder, `${name}.json`), join(folder, `${name}.password`)];
  writeFileSync(file, encryptKey(keys.privateKey(name), { password: WORDS.password, n: 2 ** 12 }));
  writeFileSync(passwordFile, `${WORDS.password}\n`);
  return { ASSAY_PRIVATE_KEY: '', ASSAY_KEYSTORE: file, ASSAY_KEYSTORE_PASSWORD_FILE: passwordFile };
}

/** What people do to processes that see secrets: right and wrong words, while the chain is away. */
async function mistakes({ urls, folder }: Network): Promise<void> {
  for (const token of [WORDS.wrongToken, WORDS.token]) {
    const admin = new AdminClient(urls.grpc, { token });
    await admin.status().catch(() => undefined);
    admin.close();
  }
  expect(logsOf(folder)).toContain('"event":"admin.refused"');
  const { text } = await new KeyBook(folder.path('gateway', 'keys')).create({ name: `tester ${apiKeys.length}`, cap: 10n ** 18n, expiresAt: null, now: Date.now() });
  apiKeys.push(text, `${text.slice(0, -4)}0000`);
  for (const key of apiKeys.slice(-2)) await fetch(`${urls.inference!.http}/v2/models/mnist/infer`, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: JSON.stringify({ inputs: [] }) });
  // The events of the chain are asked for several times a second; the first complaint is enough.
  await eventually('somebody complains about the chain', () => logsOf(folder).includes('HTTP request failed'), 60_000);
}

function logsOf(folder: NetworkFolder): string {
  return readdirSync(folder.path('logs')).map((name) => readFileSync(folder.path('logs', name), 'utf8')).join('');
}

/** Hex, base64 and lists of numbers, of the bytes and of the text. */
function formsOf(secret: string): string[] {
  const text = Buffer.from(secret);
  const bytes = /^0x[0-9a-f]+$/.test(secret) ? [Buffer.from(secret.slice(2), 'hex')] : [];
  return [secret.replace(/^0x/, ''), ...[text, ...bytes].flatMap((one) => [one.toString('hex'), one.toString('base64').replace(/=+$/, ''), one.toString('base64url'), [...one].join(',')])];
}

/** No key, seed, password or token of anybody is in anything that any process said, at the most talkative level, in whatever form. */
function expectNoSecrets({ folder, members, keys }: Network): void {
  const logs = logsOf(folder);
  expect(logs).toContain('"event":"ready"');
  const lower = logs.toLowerCase();
  const secrets = { ...WORDS, ...Object.fromEntries([...members.map(({ name }) => name), 'gateway', 'submitter', 'deployer'].map((name) => [name, keys.privateKey(name)])), mnemonic: keys.mnemonic, ...Object.fromEntries(members.map(({ name }) => [`seed of ${name}`, keys.natsSeed(name)])), ...Object.fromEntries(apiKeys.map((key, i) => [`API key ${i}`, key.slice('assay_0123456789abcdef_'.length)])) };
  const found = Object.entries(secrets).filter(([, secret]) => formsOf(secret).some((form) => lower.includes(form.toLowerCase())));
  expect(found.map(([what]) => what)).toEqual([]);
}

/** The documented command, by whoever types it. Neither does it say what is in the address of the database. */
async function typed(code: number, ...words: string[]): Promise<Record<string, unknown>> {
  const finished = await command(...words, '--json');
  expect(finished, finished.stderr).toMatchObject({ code });
  expect(finished.stdout + finished.stderr).not.toContain(WORDS.database);
  return JSON.parse(finished.stdout) as Record<string, unknown>;
}

describe.each([
  ['an embedded database', () => ({})],
  ['a PostgreSQL server', () => ({ database: postgres.createDatabase('before'), target: postgres.createDatabase('after') })],
])('a network with %s', (name, databases) => {
  it('goes on from its backup in another place: old receipts, the same stakes, new jobs', async () => {
    const { database, target } = databases() as { database?: string; target?: string };
    const [place, out, elsewhere] = [join(dir, name, 'here'), join(dir, `${name.length}.tar.gz`), join(dir, name, 'there')];
    const jobs = await withNetwork(place, database, async (assay) => {
      await assay.register({ name: 'mnist', file: new Uint8Array(readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx'))) });
      const first = await answer(assay);
      await assay.final(first.jobId, 60_000);
      return [first.jobId, (await answer(assay)).jobId];
    });
    expect(await typed(0, 'backup', '--data', place, '--out', out, ...databaseOption(database))).toMatchObject({ database: database !== undefined, bytes: expect.any(Number) });
    rmSync(place, { recursive: true });
    await typed(0, 'restore', out, '--data', elsewhere, ...databaseOption(target));
    expect(existsSync(join(elsewhere, 'keys.json'))).toBe(true);
    await withNetwork(elsewhere, target, async (assay) => {
      expect((await assay.job(jobs[0]!)).state).toBe('final');
      await assay.final(jobs[1]!, 60_000);
      expect((await answer(assay)).outputs).toHaveLength(1);
    });
    expect(await typed(2, 'restore', out, '--data', elsewhere, ...databaseOption(target))).toMatchObject({ error: { code: 'USAGE' } });
  }, 240_000);
});

function databaseOption(url: string | undefined): string[] {
  return url ? ['--database', url.replace('//assay@', `//assay:${WORDS.database}@`)] : [];
}

async function answer(assay: Assay) {
  const { inputs } = await assay.model({ name: 'mnist' });
  const header = inputs[0]!;
  const input: Tensor = { dtype: header.dtype as Dtype, dims: header.dims, data: new Uint8Array(4 * elementCount(header.dims)) };
  return assay.submit({ model: { name: 'mnist' }, inputs: [input] });
}
