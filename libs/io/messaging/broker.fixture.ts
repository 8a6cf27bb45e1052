import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createUser, fromSeed } from '@nats-io/nkeys';
import { connect, nkeyAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import type { Address } from 'viem';
import { startNats } from '../../testing/network/nats.js';
import { connectMessaging, inboxPrefix, type BrokerRole, type Log, type Messaging } from './index.js';

export interface Party {
  readonly role: BrokerRole;
  readonly address: Address;
  readonly seed: string;
}

export const address = (digit: number): Address => `0x${digit.toString(16).repeat(40)}`;

export function party(role: BrokerRole, digit: number): Party {
  return { role, address: address(digit), seed: new TextDecoder().decode(createUser().getSeed()) };
}

export interface Broker {
  readonly url: string;
  /** What the processes logged, newest last. */
  readonly logged: Record<string, unknown>[];
  messaging(as: Party): Promise<Messaging>;
  /** A connection without our library: what an attacker with that party's seed would use. */
  raw(as: Party, prefix?: string): Promise<NatsConnection>;
  stop(): Promise<void>;
}

/** A real nats-server that knows the parties, each with the permissions of its role. */
export async function startBroker(parties: readonly Party[]): Promise<Broker> {
  const dir = mkdtempSync(join(tmpdir(), 'assay-messaging-'));
  const users = parties.map(({ seed, role, address: who }) => ({ publicKey: fromSeed(new TextEncoder().encode(seed)).getPublicKey(), role, address: who }));
  const server = await startNats({ dir, users });
  const { url } = server;
  const logged: Record<string, unknown>[] = [];
  const log: Log = { warn: (facts, text) => void logged.push({ ...facts, text }) };
  const open: { close(): Promise<void> }[] = [];
  const opened = <T extends { close(): Promise<void> }>(connection: T): T => (open.push(connection), connection);
  return {
    url,
    logged,
    messaging: async (as) => opened(await connectMessaging({ url, ...as, log })),
    raw: async (as, prefix = inboxPrefix(as.role, as.address)) =>
      opened(await connect({ servers: url, authenticator: nkeyAuthenticator(new TextEncoder().encode(as.seed)), inboxPrefix: prefix, maxReconnectAttempts: 0 })),
    stop: async () => {
      await Promise.all(open.map((connection) => connection.close().catch(() => undefined)));
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
