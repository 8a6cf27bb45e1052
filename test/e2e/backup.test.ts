import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { privateKeyToAccount } from 'viem/accounts';
import { elementCount, type Dtype, type Tensor } from '#core/hashing';
import { connect, type Assay } from '#sdk';
import { PROJECT_ROOT, startNetwork, startPostgres, type Network, type RunningPostgres } from '#testing';
import { backUp, restore } from '../../apps/cli/backup.js';

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

async function withNetwork<T>(place: string, databaseUrl: string | undefined, work: (assay: Assay, network: Network) => Promise<T>): Promise<T> {
  const network = await startNetwork({ dir: place, logLevel: 'trace', executors: 1, challengers: 1, rules: RULES, ...(databaseUrl && { databaseUrl }) });
  try {
    const assay = await connect({ url: network.urls.grpc, deployment: network.deployment, account: privateKeyToAccount(network.keys.privateKey('submitter')) });
    return await work(assay, network).finally(() => assay.close());
  } finally {
    await network.stop();
    expectNoSecrets(network);
  }
}

/** Neither a key nor a seed of anybody is in anything that any process said, at the most talkative level. */
function expectNoSecrets({ folder, members, keys }: Network): void {
  const logs = readdirSync(folder.path('logs')).map((name) => readFileSync(folder.path('logs', name), 'utf8')).join('');
  expect(logs).toContain('"event":"ready"');
  const secrets = [...members.flatMap(({ name }) => [keys.privateKey(name).slice(2), keys.natsSeed(name)]), keys.privateKey('submitter').slice(2), keys.mnemonic];
  for (const secret of secrets) expect(logs.toLowerCase().includes(secret.toLowerCase())).toBe(false);
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
    await backUp({ data: place, out, ...(database && { database }) });
    rmSync(place, { recursive: true });
    await restore({ file: out, data: elsewhere, ...(target && { database: target }) });
    expect(existsSync(join(elsewhere, 'keys.json'))).toBe(true);
    await withNetwork(elsewhere, target, async (assay) => {
      expect((await assay.job(jobs[0]!)).state).toBe('final');
      await assay.final(jobs[1]!, 60_000);
      expect((await answer(assay)).outputs).toHaveLength(1);
    });
    await expect(restore({ file: out, data: elsewhere, ...(target && { database: target }) })).rejects.toMatchObject({ code: 'USAGE' });
  }, 240_000);
});

async function answer(assay: Assay) {
  const { inputs } = await assay.model({ name: 'mnist' });
  const header = inputs[0]!;
  const input: Tensor = { dtype: header.dtype as Dtype, dims: header.dims, data: new Uint8Array(4 * elementCount(header.dims)) };
  return assay.submit({ model: { name: 'mnist' }, inputs: [input] });
}
