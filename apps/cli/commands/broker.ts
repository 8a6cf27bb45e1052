import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { isAddress, type Address } from 'viem';
import { z } from 'zod';
import { AssayError } from '#core/protocol';
import { brokerConfig, type BrokerCluster } from '#io/messaging';
import type { Perform } from '../program.js';

interface Options {
  readonly users: string;
  readonly host: string;
  readonly port: string;
  readonly store: string;
  readonly name?: string;
  readonly peers?: string;
  readonly passwordFile?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsCa?: string;
}

const usersSchema = z
  .array(
    z.strictObject({
      role: z.enum(['coordinator', 'executor', 'challenger']),
      address: z.custom<Address>((v) => typeof v === 'string' && isAddress(v), 'is not an address'),
      publicKey: z.string().regex(/^U[A-Z2-7]{55}$/, 'is not a public nkey of a user'),
    }),
  )
  .max(10_000);

export function addBroker(program: Command, perform: Perform): void {
  program
    .command('broker-config')
    .description('Print a configuration for nats-server: one user for each process, with the least it needs, alone or as one of a cluster.')
    .requiredOption('--users <file>', 'JSON: [{"role": "executor", "address": "0x…", "publicKey": "U…"}, …]')
    .option('--host <address>', 'where it listens', '127.0.0.1')
    .option('--port <port>', 'for clients', '4222')
    .option('--store <dir>', 'where JetStream keeps its files', '/data')
    .option('--name <name>', 'of this server among those of its cluster')
    .option('--peers <list>', 'host:port of the cluster’s servers, separated by commas; this one may be among them')
    .option('--password-file <file>', 'what the servers of the cluster know each other by')
    .option('--tls-cert <file>', 'PEM; with --tls-key')
    .option('--tls-key <file>', 'PEM')
    .option('--tls-ca <file>', 'PEM; clients then need a certificate it signed')
    .addHelpText('after', '\nExamples:\n  assay broker-config --users users.json > nats.conf\n  assay broker-config --users users.json --host 0.0.0.0 --name nats-0 --peers nats-0:6222,nats-1:6222,nats-2:6222 --password-file routes > nats-0.conf')
    .action((options: Options, command: Command) =>
      perform(command, async (terminal) => {
        const { host, port, store: storeDir, tlsCert: certFile, tlsKey: keyFile, tlsCa: caFile } = options;
        const tls = certFile && keyFile ? { tls: { certFile, keyFile, ...(caFile ? { caFile } : {}) } } : {};
        const cluster = clusterOf(options);
        const config = brokerConfig({ host, port: Number(port), storeDir, users: usersIn(options.users), ...tls, ...(cluster ? { cluster } : {}) });
        terminal.result(JSON.parse(config) as object, config.trimEnd());
      }),
    );
}

const ROUTE_PORT = 6222;

function clusterOf({ name, peers, passwordFile, host }: Options): BrokerCluster | undefined {
  if (!name && !peers && !passwordFile) return undefined;
  if (!name || !peers || !passwordFile) throw new AssayError({ code: 'USAGE', message: '--name, --peers and --password-file belong together' });
  return { serverName: name, host, port: ROUTE_PORT, peers: peers.split(','), password: textOf(passwordFile).trim() };
}

function usersIn(file: string): z.infer<typeof usersSchema> {
  try {
    return usersSchema.parse(JSON.parse(textOf(file)));
  } catch (cause) {
    if (cause instanceof AssayError) throw cause;
    throw new AssayError({ code: 'FILE_UNREADABLE', message: `${file} is no list of users`, facts: { file }, remedy: 'See assay broker-config --help for its form.', cause });
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AssayError({ code: 'FILE_UNREADABLE', message: `cannot read ${file}`, facts: { file }, cause });
  }
}
