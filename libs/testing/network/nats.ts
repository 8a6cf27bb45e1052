import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brokerConfig, type BrokerConfigOptions, type BrokerUser } from '#io/messaging';
import { startChild, type Child, type ChildOptions } from './child.js';
import { findNatsServer } from './nats-server.js';
import { answers, freePort } from './ports.js';

const HOST = '127.0.0.1';

export interface NatsOptions {
  readonly binary: string;
  readonly port: number;
  readonly host?: string;
  /** Configuration and JetStream's files. */
  readonly dir: string;
  readonly logFile: string;
  readonly users: readonly BrokerUser[];
  /** Port of its HTTP monitoring; none if left out. */
  readonly monitorPort?: number;
  readonly tls?: BrokerConfigOptions['tls'];
  readonly cluster?: BrokerConfigOptions['cluster'];
}

/** A real nats-server with JetStream and one nkey user per process. */
export function natsProcess(options: NatsOptions): ChildOptions {
  return { name: 'nats', command: options.binary, args: ['-c', writeNatsConfig(options), '-P', join(options.dir, 'pid'), ...(options.monitorPort ? ['-m', String(options.monitorPort)] : [])], logFile: options.logFile, probe: () => answers(options.port, options.host) };
}

/** Writes the server's configuration; a running server reads it again on SIGHUP. */
export function writeNatsConfig({ dir, port, host = HOST, users, tls, cluster }: Omit<NatsOptions, 'binary' | 'logFile'>): string {
  mkdirSync(dir, { recursive: true });
  const file = join(dir, 'nats.conf');
  writeFileSync(file, brokerConfig({ host, port, storeDir: join(dir, 'jetstream'), users, ...(tls && { tls }), ...(cluster && { cluster }) }), { mode: 0o600 });
  return file;
}

export interface RunningNats extends Child {
  readonly url: string;
  /** Replaces who may connect. */
  setUsers(users: readonly BrokerUser[]): void;
}

/** A broker by itself, for tests of what talks to one. The caller stops it and removes `dir`. */
export async function startNats({ dir, users, tls }: Pick<NatsOptions, 'dir' | 'users' | 'tls'>): Promise<RunningNats> {
  const port = await freePort();
  const binary = await findNatsServer(process.env, (line) => process.stderr.write(`${line}\n`));
  const child = await startChild(natsProcess({ binary, port, dir, users, ...(tls && { tls }), logFile: join(dir, 'nats.log') }));
  return {
    ...child,
    url: `${tls ? 'tls' : 'nats'}://${HOST}:${port}`,
    setUsers: (replacement) => {
      writeNatsConfig({ dir, port, users: replacement, ...(tls && { tls }) });
      child.kill('SIGHUP');
    },
  };
}
