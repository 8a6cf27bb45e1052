import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromSeed } from '@nats-io/nkeys';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNats, type RunningNats } from '../../testing/network/nats.js';
import { TestAuthority, type Certificate } from '../../testing/certificates.js';
import { party } from './broker.fixture.js';
import { connectMessaging, type ConnectionOptions } from './index.js';

const executor = party('executor', 2);
const user = { publicKey: fromSeed(new TextEncoder().encode(executor.seed)).getPublicKey(), role: executor.role, address: executor.address };
const dir = mkdtempSync(join(tmpdir(), 'assay-nats-tls-'));
let authority: TestAuthority;
let stranger: TestAuthority;
let client: Certificate;
let server: RunningNats;

beforeAll(async () => {
  authority = new TestAuthority(dir);
  stranger = new TestAuthority(dir, 'stranger');
  client = authority.issue('executor');
  const { cert: certFile, key: keyFile } = authority.issue('broker');
  server = await startNats({ dir, users: [user], tls: { certFile, keyFile, caFile: authority.ca.cert } });
}, 60_000);

afterAll(async () => {
  await server?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const connecting = (tls: ConnectionOptions['tls']) => connectMessaging({ url: server.url, ...executor, ...(tls && { tls }), log: { warn: () => undefined } });
const filesOf = ({ cert, key }: Certificate) => ({ certFile: cert, keyFile: key });

describe('a broker with mutual TLS', () => {
  it('takes who has a certificate of its authority', async () => {
    const messaging = await connecting({ caFile: authority.ca.cert, ...filesOf(client) });
    expect(messaging.problem()).toBeUndefined();
    await messaging.close();
  });

  it.each<[string, () => ConnectionOptions['tls'], RegExp]>([
    ['is not believed by who knows another authority', () => ({ caFile: stranger.ca.cert, ...filesOf(client) }), /certificate/],
    ['is not believed by who knows only the system’s authorities', () => filesOf(client), /certificate/],
    ['refuses who shows no certificate', () => ({ caFile: authority.ca.cert }), /certificate/],
    ['refuses a certificate of another authority', () => ({ caFile: authority.ca.cert, ...filesOf(stranger.issue('forged')) }), /certificate/],
    ['refuses a certificate whose time is over', () => ({ caFile: authority.ca.cert, ...filesOf(authority.issue('late', { expired: true })) }), /certificate/],
  ])('%s', async (_, tls, reason) => {
    const error = await connecting(tls()).then(async (messaging) => (await messaging.close(), undefined), (thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'BROKER_UNREACHABLE', facts: { reason: expect.stringMatching(reason) } });
  }, 30_000);
});
