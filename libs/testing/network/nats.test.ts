import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nkeyAuthenticator, connect } from '@nats-io/transport-node';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startChild, type Child } from './child.js';
import { LocalKeys } from './keys.js';
import { natsProcess, writeNatsConfig, type NatsOptions } from './nats.js';
import { findNatsServer } from './nats-server.js';
import { freePort } from './ports.js';

const dir = mkdtempSync(join(tmpdir(), 'assay-nats-'));
const keys = LocalKeys.at(join(dir, 'keys.json'));
const all = { publish: ['>'], subscribe: ['>'] };
let options: NatsOptions;
let server: Child;

beforeAll(async () => {
  options = {
    binary: await findNatsServer(process.env, () => undefined),
    port: await freePort(),
    dir: join(dir, 'nats'),
    logFile: join(dir, 'nats.log'),
    users: [{ seed: keys.natsSeed('coordinator'), permissions: all }],
  };
  server = await startChild(natsProcess(options));
}, 120_000);

afterAll(async () => {
  await server?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const connectAs = (name: string) =>
  connect({ servers: `nats://127.0.0.1:${options.port}`, authenticator: nkeyAuthenticator(new TextEncoder().encode(keys.natsSeed(name))), maxReconnectAttempts: 0 });

it('lets a known user in, with JetStream', async () => {
  const connection = await connectAs('coordinator');
  expect((await (await jetstreamManager(connection)).getAccountInfo()).streams).toBe(0);
  await connection.close();
});

it('refuses strangers until they are added and the configuration is read again', async () => {
  await expect(connectAs('executor-1')).rejects.toThrow(/authorization/i);
  writeNatsConfig({ ...options, users: [...options.users, { seed: keys.natsSeed('executor-1'), permissions: { publish: ['a'], subscribe: ['b'] } }] });
  server.kill('SIGHUP');
  const connection = await eventually(() => connectAs('executor-1'));
  connection.publish('forbidden', 'x');
  const status = connection.status()[Symbol.asyncIterator]();
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
