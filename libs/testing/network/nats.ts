import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromSeed } from '@nats-io/nkeys';
import type { ChildOptions } from './child.js';
import { answers } from './ports.js';

/** What a user of the broker may do; the form is nats-server's own. */
export interface NatsPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

export interface NatsUser {
  readonly seed: string;
  readonly permissions: NatsPermissions;
}

export interface NatsOptions {
  readonly binary: string;
  readonly port: number;
  /** Configuration and JetStream's files. */
  readonly dir: string;
  readonly logFile: string;
  readonly users: readonly NatsUser[];
}

const MAX_PAYLOAD = 1024 * 1024;
const MAX_STORED = 4 * 1024 ** 3;

/** A real nats-server with JetStream and one nkey user per process. */
export function natsProcess(options: NatsOptions): ChildOptions {
  const config = writeNatsConfig(options);
  return { name: 'nats', command: options.binary, args: ['-c', config], logFile: options.logFile, probe: () => answers(options.port) };
}

/** Writes the server's configuration; a running server reads it again on SIGHUP. */
export function writeNatsConfig(options: NatsOptions): string {
  mkdirSync(options.dir, { recursive: true });
  const config = {
    host: '127.0.0.1',
    port: options.port,
    max_payload: MAX_PAYLOAD,
    jetstream: { store_dir: join(options.dir, 'jetstream'), max_file_store: MAX_STORED },
    authorization: { users: options.users.map(userEntry) },
  };
  const file = join(options.dir, 'nats.conf');
  // WHY: JSON is a subset of the server's own format, so nothing needs quoting rules of ours.
  writeFileSync(file, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  return file;
}

function userEntry({ seed, permissions }: NatsUser) {
  return {
    nkey: fromSeed(new TextEncoder().encode(seed)).getPublicKey(),
    permissions: { publish: { allow: permissions.publish }, subscribe: { allow: permissions.subscribe }, allow_responses: { max: 1, expires: '60s' } },
  };
}
