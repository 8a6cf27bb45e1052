import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nkeyAuthenticator, connect } from '@nats-io/transport-node';
import { jetstreamManager } from '@nats-io/jetstream';
import { TENSOR_BUCKET } from '#core/protocol';
import { inboxPrefix, type BrokerRole, type BrokerUser } from '#io/messaging';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LocalKeys } from './keys.js';
import { startNats, type RunningNats } from './nats.js';

const dir = mkdtempSync(join(tmpdir(), 'assay-nats-'));
const keys = LocalKeys.at(join(dir, 'keys.json'));
const user = (role: BrokerRole, name: string): BrokerUser => ({ role, publicKey: keys.natsPublicKey(name), address: keys.account(name).address });
let server: RunningNats;

beforeAll(async () => {
  server = await startNats({ dir, users: [user('coordinator', 'coordinator')] });
}, 120_000);

afterAll(async () => {
  await server?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const connectAs = (role: BrokerRole, name: string) =>
  connect({
    servers: server.url,
    inboxPrefix: inboxPrefix(role, keys.account(name).address),
    authenticator: nkeyAuthenticator(new TextEncoder().encode(keys.natsSeed(name))),
    maxReconnectAttempts: 0,
  });

it('lets a known user in, with JetStream', async () => {
  const connection = await connectAs('coordinator', 'coordinator');
  const manager = await jetstreamManager(connection, { checkAPI: false });
  expect((await manager.streams.add({ name: TENSOR_BUCKET, subjects: ['assay.test'] })).config.name).toBe(TENSOR_BUCKET);
  await connection.close();
});

it('refuses strangers until they are added and the configuration is read again', async () => {
  await expect(connectAs('executor', 'executor-1')).rejects.toThrow(/authorization/i);
  server.setUsers([user('coordinator', 'coordinator'), user('executor', 'executor-1')]);
  const connection = await eventually(() => connectAs('executor', 'executor-1'));
  const status = connection.status()[Symbol.asyncIterator]();
  connection.publish('assay.job.somebody-else', 'x');
  await connection.flush();
  expect(JSON.stringify((await status.next()).value, (_, v: unknown) => (v instanceof Error ? v.message : v))).toMatch(/permissions violation/i);
  await connection.close();
});

it('keeps keys from one start to the next', () => {
  const again = LocalKeys.at(join(dir, 'keys.json'));
  expect(again.natsSeed('executor-1')).toBe(keys.natsSeed('executor-1'));
  expect(again.account('executor-2').address).toBe(keys.account('executor-2').address);
  expect(again.account('executor-1').address).not.toBe(keys.account('challenger-1').address);
});

async function eventually<T>(attempt: () => Promise<T>, tries = 50): Promise<T> {
  for (let i = 0; ; i++) {
    try {
      return await attempt();
    } catch (error) {
      if (i === tries) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
