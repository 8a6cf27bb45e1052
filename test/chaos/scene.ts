import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Address } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { connectChain, type Chain, type Deployment } from '#io/chain';
import { KeyBook } from '#io/keys';
import { connect, type Assay } from '#sdk';
import { ACCOUNTS, anvilProcess, answers, brokerUsers, findNatsServer, freePort, LocalKeys, natsProcess, NetworkFolder, prepareLedger, PROJECT_ROOT, startPostgres, startRpcProxy, type Fault, type Member, type RpcProxy, type RunningPostgres } from '#testing';
import { Unit, type Kind, type UnitOptions } from './unit.js';

export interface SceneOptions {
  /** Servers of the broker: one, or a cluster of three. */
  readonly brokers: 1 | 3;
  readonly coordinators: number;
  /** Honest executors. */
  readonly executors: number;
  /** How each cheater lies; they come on one after the other. */
  readonly cheaters: readonly Fault[];
  /** Honest challengers. */
  readonly challengers: number;
  /** A challenger that disputes right claims. */
  readonly accuser: boolean;
  /** Of one executor's jobs a cheater lies on every so many. */
  readonly lieEvery: number;
}

const HOST = '127.0.0.1';
/** For a machine that is busy with more than this. */
const READY_WITHIN_MS = 300_000;
const UNIT = 10n ** 18n;
/** WHY longer than a storm: checkers that are ended every minute on two busy cores come late. A public network has a day. Chain time is moved past it at the end. */
export const WINDOW = 1_800n;
/** What a false accuser has: bonds for so many games. */
const ACCUSATIONS = 4n;
const BOND = 5n * UNIT;
const MODEL = 'models/mnist/model.onnx';
const RULES = { unbondingDelay: 7_200n, batches: { challengeWindow: WINDOW }, disputes: { clock: 180, extension: 90 } };

/** A whole network of real processes that can be struck one by one. */
export class Scene {
  readonly units: Unit[] = [];
  readonly proxies: RpcProxy[] = [];
  readonly submitters: Assay[] = [];
  chain!: Chain;
  deployment!: Deployment;
  gateway!: { readonly url: string; readonly key: string };
  private next = 0;

  private constructor(
    readonly options: SceneOptions,
    readonly folder: NetworkFolder,
    readonly keys: LocalKeys,
    readonly postgres: RunningPostgres,
    private readonly ports: { readonly nats: readonly number[]; readonly routes: readonly number[]; readonly rpc: number; readonly grpc: readonly number[]; readonly inference: readonly [number, number] },
  ) {}

  static async open(options: SceneOptions): Promise<Scene> {
    const folder = new NetworkFolder(mkdtempSync(join(tmpdir(), 'assay-chaos-')));
    const postgres = await startPostgres((line) => process.stderr.write(`${line}\n`));
    const [nats, routes, grpc] = [await freePorts(options.brokers), await freePorts(options.brokers), await freePorts(options.coordinators)];
    const ports = { nats, routes, rpc: await freePort(), grpc, inference: [await freePort(), await freePort()] as const };
    const scene = new Scene(options, folder, LocalKeys.at(folder.keys), postgres, ports);
    await scene.start().catch(async (error: unknown) => {
      await scene.close();
      throw error;
    });
    return scene;
  }

  /** Ends everything. @returns names of processes that did not end well when asked to */
  async close({ keep = false } = {}): Promise<string[]> {
    for (const assay of this.submitters) assay.close();
    const unclean: string[] = [];
    for (const kinds of [['gateway'], ['executor', 'cheater', 'challenger', 'accuser'], ['coordinator'], ['broker', 'chain']]) {
      await Promise.all(this.units.filter((unit) => kinds.includes(unit.options.kind)).map(async (unit) => {
        const how = await unit.retire();
        if (how !== undefined && how !== 'exit code 0' && !['broker', 'chain'].includes(unit.options.kind)) unclean.push(`${unit.options.name}: ${how}`);
      }));
    }
    await Promise.all(this.proxies.map((proxy) => proxy.stop()));
    await this.postgres.stop();
    if (!keep) rmSync(this.folder.dir, { recursive: true, force: true });
    return unclean;
  }

  get rpcUrl(): string {
    return `http://${HOST}:${this.ports.rpc}`;
  }

  /** The file that was registered. */
  get model(): Uint8Array {
    return new Uint8Array(readFileSync(join(PROJECT_ROOT, MODEL)));
  }

  get modelName(): string {
    return 'mnist';
  }

  of(...kinds: Kind[]): Unit[] {
    return this.units.filter((unit) => kinds.includes(unit.options.kind));
  }

  addressOf(name: string): Address {
    return this.keys.account(name).address;
  }

  get honestExecutors(): string[] {
    return Array.from({ length: this.options.executors }, (_, i) => `executor-${i + 1}`);
  }

  get honestChallengers(): string[] {
    return Array.from({ length: this.options.challengers }, (_, i) => `challenger-${i + 1}`);
  }

  get accusers(): string[] {
    return this.options.accuser ? [`challenger-${this.options.challengers + 1}`] : [];
  }

  cheaterName(index: number): string {
    return `executor-${this.options.executors + index + 1}`;
  }

  /** Brings the next cheater on; false if there is none left. */
  async nextCheater(): Promise<boolean> {
    const fault = this.options.cheaters[this.next];
    if (!fault) return false;
    const name = this.cheaterName(this.next++);
    await this.app({ name, role: 'executor' }, 'cheater', { ASSAY_FAULT: fault, ASSAY_FAULT_EVERY: String(this.options.lieEvery), ASSAY_CAPACITY: '4' });
    return true;
  }

  /** Ends every connection to the database. */
  async cutConnections(): Promise<void> {
    const client = new pg.Client({ connectionString: this.postgres.url });
    await client.connect();
    await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
    await client.end();
  }

  private async start(): Promise<void> {
    const { folder, keys, ports, options } = this;
    const members = this.members();
    await Promise.all([
      ...(await this.brokers(members)).map((broker) => this.unit(broker)),
      this.unit({ kind: 'chain', ...anvilProcess({ port: ports.rpc, logFile: folder.log('chain'), mnemonic: keys.mnemonic, accounts: ACCOUNTS }) }),
    ]);
    this.deployment = await prepareLedger({ folder, keys, rpcUrl: this.rpcUrl, members: members.filter(({ name }) => !this.accusers.includes(name)), rules: RULES, gateway: true });
    this.chain = await connectChain({ rpcUrl: this.rpcUrl, deployment: this.deployment, pollMs: 200 });
    for (const name of this.accusers) await this.fund(name, ACCUSATIONS * BOND);
    await this.coordinator(0);
    this.submitters.push(await this.connect(ports.grpc[0]!));
    await this.submitters[0]!.register({ name: this.modelName, file: this.model });
    const rest = [
      ...ports.grpc.slice(1).map((_, i) => this.coordinator(i + 1)),
      ...this.honestExecutors.map((name) => this.app({ name, role: 'executor' }, 'executor', { ASSAY_CAPACITY: '8' })),
      ...this.honestChallengers.map((name) => this.app({ name, role: 'challenger' }, 'challenger', { ASSAY_CHECKS: '4' })),
      ...this.accusers.map((name) => this.app({ name, role: 'challenger' }, 'accuser', { ASSAY_LIE: 'true' })),
      this.startGateway(),
      ...(options.cheaters.length > 0 ? [this.nextCheater()] : []),
    ];
    await Promise.all(rest);
    for (const port of ports.grpc.slice(1)) this.submitters.push(await this.connect(port));
  }

  private async brokers(members: readonly Member[]): Promise<UnitOptions[]> {
    const { folder, keys, ports: { nats, routes } } = this;
    const binary = await findNatsServer(process.env, (line) => process.stderr.write(`${line}\n`));
    const peers = routes.map((port) => `${HOST}:${port}`);
    return nats.map((port, i) => {
      const name = `nats-${i + 1}`;
      const cluster = nats.length === 1 ? {} : { cluster: { serverName: name, host: HOST, port: routes[i]!, peers, password: keys.natsPublicKey('coordinator') } };
      return { kind: 'broker', ...natsProcess({ binary, port, dir: folder.path(name), logFile: folder.log(name), users: brokerUsers(keys, members), ...cluster }), name };
    });
  }

  private members(): Member[] {
    const executors = [...this.honestExecutors, ...this.options.cheaters.map((_, i) => this.cheaterName(i))];
    const challengers = [...this.honestChallengers, ...this.accusers];
    return [{ name: 'coordinator', role: 'coordinator' }, ...executors.map((name) => ({ name, role: 'executor' as const })), ...challengers.map((name) => ({ name, role: 'challenger' as const }))];
  }

  private async fund(name: string, balance: bigint): Promise<void> {
    const chain = await connectChain({ rpcUrl: this.rpcUrl, deployment: this.deployment, privateKey: this.keys.privateKey(name), pollMs: 25 });
    await chain.token.mint(this.addressOf(name), balance);
    await chain.vault.deposit(this.addressOf(name), balance);
  }

  private connect(port: number): Promise<Assay> {
    return connect({ url: `${HOST}:${port}`, deployment: this.deployment, account: privateKeyToAccount(this.keys.privateKey('submitter')) });
  }

  private async unit(options: UnitOptions): Promise<void> {
    const unit = new Unit(options);
    this.units.push(unit);
    await unit.start();
  }

  private coordinator(index: number): Promise<void> {
    return this.app({ name: 'coordinator', role: 'coordinator', place: `coordinator-${index + 1}` }, 'coordinator', {
      ASSAY_GRPC_LISTEN: `${HOST}:${this.ports.grpc[index]}`,
      ASSAY_BATCH_INTERVAL_MS: '1000',
      ASSAY_LEASE_MS: '8000',
      ASSAY_NATS_REPLICAS: String(this.options.brokers),
      DATABASE_URL: this.postgres.url,
    });
  }

  private async app({ name, role, place = name }: { name: string; role: string; place?: string }, kind: Kind, more: Record<string, string>): Promise<void> {
    const proxy = await startRpcProxy(this.rpcUrl);
    this.proxies.push(proxy);
    const env = {
      ASSAY_RPC_URL: proxy.rpcUrl,
      ASSAY_NATS_URL: this.ports.nats.map((port) => `nats://${HOST}:${port}`).join(','),
      ASSAY_NATS_SEED: this.keys.natsSeed(name),
      ASSAY_DEPLOYMENT: this.folder.deployment,
      ASSAY_PRIVATE_KEY: this.keys.privateKey(name),
      ASSAY_DATA_DIR: this.folder.path(place),
      ASSAY_LOG_LEVEL: 'info',
      ...more,
    };
    await this.unit({ kind, proxy, name: place, command: process.execPath, args: ['--enable-source-maps', join(PROJECT_ROOT, 'dist/apps', role, 'main.js')], env, logFile: this.folder.log(place), readyWithinMs: READY_WITHIN_MS });
  }

  private async startGateway(): Promise<void> {
    const [grpc, http] = this.ports.inference;
    const dir = this.folder.path('gateway');
    const env = {
      ASSAY_DEPLOYMENT: this.folder.deployment,
      ASSAY_PRIVATE_KEY: this.keys.privateKey('gateway'),
      ASSAY_DATA_DIR: dir,
      ASSAY_GRPC_URL: `${HOST}:${this.ports.grpc[0]}`,
      ASSAY_INFERENCE_GRPC_LISTEN: `${HOST}:${grpc}`,
      ASSAY_INFERENCE_HTTP_LISTEN: `${HOST}:${http}`,
      ASSAY_WAIT_MS: '20000',
    };
    await this.unit({ kind: 'gateway', name: 'gateway', command: process.execPath, args: ['--enable-source-maps', join(PROJECT_ROOT, 'dist/apps/gateway/main.js')], env, logFile: this.folder.log('gateway'), readyWithinMs: READY_WITHIN_MS, probe: () => answers(http) });
    const { text: key } = await new KeyBook(join(dir, 'keys')).create({ name: 'chaos', cap: 1_000n * UNIT, expiresAt: null, now: Date.now() });
    this.gateway = { url: `http://${HOST}:${http}`, key };
  }
}

async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let i = 0; i < count; i++) ports.push(await freePort());
  return ports;
}
