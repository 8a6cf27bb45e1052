import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { connectChain, type Chain, type Deployment } from '#io/chain';
import { CoordinatorClient } from '#io/rpc';
import { ACCOUNTS, anvilProcess, findNatsServer, freePort, LocalKeys, natsProcess, NetworkFolder, PROJECT_ROOT, startPostgres, type RunningPostgres } from '#testing';
import { prepareLedger } from '../../libs/testing/network/ledger.js';
import { brokerUsers, membersOf, type Member } from '../../libs/testing/network/members.js';
import { Part } from './part.js';
import { HOSTS, type HostName, type Wire } from './wire.js';

const NATS_PORT = 4222;
const ROUTE_PORT = 6222;
const GRPC_PORT = 50051;
/** Which process runs where; database and chain are outside, where the submitters are. */
const PLACES: Readonly<Record<HostName, readonly string[]>> = {
  a: ['coordinator-a', 'executor-1'],
  b: ['coordinator-b', 'executor-2', 'challenger-1'],
  c: ['executor-3', 'challenger-2'],
};
const EXECUTORS = 3;
const CHALLENGERS = 2;
/** Seconds. WHY so long: within a part of it challengers demand what a cut coordinator cannot serve; at the end the chain's clock is put forward. */
export const WINDOW = 900n;
/** Short, so that a job moves on within a cut; not so short that it comes to its last attempt within one. */
const LEASE_MS = 4_000;

export interface Cluster {
  readonly dir: string;
  readonly wire: Wire;
  readonly keys: LocalKeys;
  readonly deployment: Deployment;
  readonly databaseUrl: string;
  readonly chain: Chain;
  readonly brokers: Readonly<Record<HostName, Part>>;
  readonly coordinators: readonly Part[];
  readonly clients: readonly CoordinatorClient[];
  readonly parts: readonly Part[];
  stop(): Promise<void>;
}

/** Three brokers in a cluster, two coordinators over one database, executors and challengers, spread over the hosts of a wire. */
export async function startCluster(dir: string, wire: Wire): Promise<Cluster> {
  const starter = new Starter(dir, wire);
  try {
    return await starter.start();
  } catch (error) {
    await starter.stop();
    throw error;
  }
}

class Starter {
  private readonly parts: Part[] = [];
  private readonly folder: NetworkFolder;
  private readonly keys: LocalKeys;
  private readonly members = membersOf(EXECUTORS, CHALLENGERS);
  private postgres: RunningPostgres | undefined;

  constructor(
    private readonly dir: string,
    private readonly wire: Wire,
  ) {
    mkdirSync(join(dir, 'logs'), { recursive: true });
    this.folder = new NetworkFolder(dir);
    this.keys = LocalKeys.at(this.folder.keys);
  }

  async start(): Promise<Cluster> {
    const { keys, folder, wire } = this;
    const rpcPort = await freePort();
    const rpcUrl = `http://${wire.outside}:${rpcPort}`;
    const chainPart = this.part(anvilProcess({ port: rpcPort, host: wire.outside, logFile: folder.log('chain'), mnemonic: keys.mnemonic, accounts: ACCOUNTS }));
    const brokers = Object.fromEntries(await Promise.all(HOSTS.map(async (host) => [host, await this.broker(host)] as const))) as Record<HostName, Part>;
    [this.postgres] = await Promise.all([startPostgres(undefined, wire.outside), chainPart.start(), ...Object.values(brokers).map((broker) => broker.start())]);
    const deployment = await prepareLedger({ folder, keys, rpcUrl, members: this.members, rules: { unbondingDelay: 7_200n, batches: { challengeWindow: WINDOW } }, gateway: false });
    const databaseUrl = this.postgres.url;
    const apps = HOSTS.flatMap((host) => PLACES[host].map((name) => this.app(host, name, { rpcUrl, databaseUrl })));
    const coordinators = apps.filter(({ name }) => name.startsWith('coordinator'));
    // WHY one by one: the first brings the database to its schema and makes the buckets, which the others need.
    for (const coordinator of coordinators) await coordinator.start();
    await Promise.all(apps.filter((app) => !coordinators.includes(app)).map((app) => app.start()));
    const clients = (['a', 'b'] as const).map((host) => new CoordinatorClient(`${wire.address(host)}:${GRPC_PORT}`));
    const chain = await connectChain({ rpcUrl, deployment, pollMs: 200 });
    const stop = () => (clients.forEach((client) => client.close()), this.stop());
    return { dir: this.dir, wire, keys, deployment, databaseUrl, chain, brokers, coordinators, clients, parts: this.parts, stop };
  }

  async stop(): Promise<void> {
    this.wire.heal();
    await Promise.all(this.parts.filter(({ name }) => !/^(nats|chain)/.test(name)).map((part) => part.stop()));
    await Promise.all([...this.parts.map((part) => part.stop()), this.postgres?.stop()]);
  }

  private part(options: ConstructorParameters<typeof Part>[0]): Part {
    const part = new Part(options);
    this.parts.push(part);
    return part;
  }

  private async broker(host: HostName): Promise<Part> {
    const { wire, folder, keys } = this;
    const name = `nats-${host}`;
    const address = wire.address(host);
    const cluster = { serverName: name, host: address, port: ROUTE_PORT, peers: HOSTS.map((peer) => `${wire.address(peer)}:${ROUTE_PORT}`), password: keys.natsPublicKey('coordinator') };
    const binary = await findNatsServer(process.env, (line) => process.stderr.write(`${line}\n`));
    const options = natsProcess({ binary, host: address, port: NATS_PORT, dir: folder.path(name), logFile: folder.log(name), users: brokerUsers(keys, this.members), cluster });
    return this.part(wire.on(host, { ...options, name }));
  }

  private app(host: HostName, name: string, urls: { readonly rpcUrl: string; readonly databaseUrl: string }): Part {
    const member = this.members.find((one) => name.startsWith(one.name))!;
    const env = { ...this.environment(member, name, urls.rpcUrl), ...(member.role === 'coordinator' ? coordinatorVariables(this.wire.address(host), urls.databaseUrl) : {}) };
    return this.part(this.wire.on(host, { name, command: process.execPath, args: [join(PROJECT_ROOT, 'dist/apps', member.role, 'main.js')], env, logFile: this.folder.log(name) }));
  }

  private environment(member: Member, name: string, rpcUrl: string): Record<string, string> {
    return {
      ASSAY_RPC_URL: rpcUrl,
      ASSAY_NATS_URL: HOSTS.map((host) => `nats://${this.wire.address(host)}:${NATS_PORT}`).join(','),
      ASSAY_NATS_SEED: this.keys.natsSeed(member.name),
      ASSAY_DEPLOYMENT: this.folder.deployment,
      ASSAY_PRIVATE_KEY: this.keys.privateKey(member.name),
      ASSAY_DATA_DIR: this.folder.path(name),
    };
  }
}

function coordinatorVariables(address: string, databaseUrl: string): Record<string, string> {
  return { ASSAY_GRPC_LISTEN: `${address}:${GRPC_PORT}`, DATABASE_URL: databaseUrl, ASSAY_BATCH_INTERVAL_MS: '500', ASSAY_LEASE_MS: String(LEASE_MS), ASSAY_NATS_REPLICAS: '3' };
}
