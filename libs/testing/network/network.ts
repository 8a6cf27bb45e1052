import { join } from 'node:path';
import type { Deployment } from '#io/chain';
import { PROJECT_ROOT } from '../place.js';
import { anvilProcess } from './anvil.js';
import type { ChildOptions } from './child.js';
import { prepareEmbeddedDatabase } from './embedded-database.js';
import { NetworkFolder, type NetworkRecord } from './folder.js';
import { ACCOUNTS, LocalKeys } from './keys.js';
import { prepareLedger, type LocalRules } from './ledger.js';
import { brokerUsers, membersOf, type Member } from './members.js';
import { usersOf } from './peers.js';
import { natsProcess } from './nats.js';
import { findNatsServer } from './nats-server.js';
import { freePort, requirePort } from './ports.js';
import { Supervised } from './supervisor.js';

/** What an executor can be told to do wrong (its ASSAY_FAULT). */
export const FAULTS = ['wrong-output', 'wrong-intermediate', 'tampered-weights', 'silent', 'wrong-partial-sum'] as const;
export type Fault = (typeof FAULTS)[number];

export interface NetworkOptions {
  /** Everything of the network lives here; a network that ran here before is resumed. */
  readonly dir: string;
  readonly executors?: number;
  readonly challengers?: number;
  /** Faulty executors by name: { 'executor-2': 'wrong-output' }. */
  readonly faults?: Readonly<Record<string, Fault>>;
  /** More environment for single processes, by name. */
  readonly environment?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Where a fresh network differs from the usual clocks, bonds, rates. */
  readonly rules?: Partial<LocalRules>;
  /** Ports that must be these; the others are free ones, the same as last time if they can be had. */
  readonly ports?: Partial<NetworkRecord['ports']>;
  /** A PostgreSQL server instead of the embedded database. */
  readonly databaseUrl?: string;
  /** Start a gateway that speaks the Open Inference Protocol too. */
  readonly gateway?: boolean;
  /** Challengers have the stake for a seat and take part in paid checks. */
  readonly seats?: boolean;
  /** Port of the broker's HTTP monitoring. */
  readonly brokerMonitorPort?: number;
  readonly batchIntervalMs?: number;
  readonly logLevel?: string;
  readonly report?: (line: string) => void;
}

export interface Network {
  readonly folder: NetworkFolder;
  readonly record: NetworkRecord;
  readonly keys: LocalKeys;
  readonly deployment: Deployment;
  readonly urls: NetworkUrls;
  readonly members: readonly Member[];
  readonly processes: readonly Supervised[];
  /** Milliseconds each part took to start. */
  readonly timings: Readonly<Record<string, number>>;
  /** Ends every process, what was started last first. */
  stop(): Promise<void>;
}

export interface NetworkUrls {
  readonly grpc: string;
  /** For pages: gRPC-Web. */
  readonly web?: string;
  readonly rpc: string;
  readonly nats: string;
  /** The gateway's addresses, if there is one: host:port, and the base of the REST form. */
  readonly inference?: { readonly grpc: string; readonly http: string };
}

const HOST = '127.0.0.1';
const BATCH_INTERVAL_MS = 1_000;
/** WHY so long: the embedded database makes its files first, which takes half a minute on a machine busy with other things. */
const APP_READY_MS = 120_000;

/** Starts a whole network on this machine with real parts, each its own process, or resumes the one in `dir`. */
export async function startNetwork(options: NetworkOptions): Promise<Network> {
  const folder = new NetworkFolder(options.dir);
  const unlock = folder.lock();
  const starter = new Starter(options, folder);
  try {
    const network = await starter.start();
    return { ...network, stop: () => starter.stop().finally(unlock) };
  } catch (error) {
    await starter.stop();
    unlock();
    throw error;
  }
}

class Starter {
  private readonly running: Supervised[] = [];
  private readonly timings: Record<string, number> = {};
  private readonly keys: LocalKeys;
  private readonly report: (line: string) => void;

  constructor(
    private readonly options: NetworkOptions,
    private readonly folder: NetworkFolder,
  ) {
    this.keys = LocalKeys.at(folder.keys);
    this.report = options.report ?? (() => undefined);
  }

  async start(): Promise<Omit<Network, 'stop'>> {
    const record = await this.plan();
    const members = membersOf(record.executors, record.challengers);
    const { ports } = record;
    const urls = urlsOf(ports);
    await allOf([this.startBroker(ports.nats, members), this.startChain(ports.rpc)]);
    const deployment = await this.timed('contracts', () => prepareLedger({ folder: this.folder, keys: this.keys, rpcUrl: urls.rpc, members, rules: this.options.rules ?? {}, gateway: urls.inference !== undefined, seats: this.options.seats ?? false }));
    const environment = (member: Member) => this.environment(member, urls);
    if (!this.options.databaseUrl) await prepareEmbeddedDatabase(this.folder.path('coordinator', 'database'));
    await this.startApp(members[0]!, environment(members[0]!));
    await allOf([...members.slice(1).map((member) => this.startApp(member, environment(member))), ...(urls.inference ? [this.startGateway(urls, urls.inference)] : [])]);
    this.folder.write(record);
    return { folder: this.folder, record, keys: this.keys, deployment, urls, members, processes: this.running, timings: this.timings };
  }

  async stop(): Promise<void> {
    for (const names of [/^gateway$/, /^(executor|challenger)-/, /^coordinator$/, /^(nats|chain)$/]) {
      await Promise.all(this.running.filter((part) => names.test(part.name)).map((part) => part.stop()));
    }
  }

  private async plan(): Promise<NetworkRecord> {
    const last = this.folder.record();
    const { ports = {}, executors, challengers } = this.options;
    const port = (name: keyof NetworkRecord['ports']) => (ports[name] ? requirePort(ports[name]) : freePort(last?.ports[name]));
    return {
      pid: process.pid,
      startedAt: new Date().toISOString(),
      ports: {
        ...{ grpc: await port('grpc'), web: await port('web'), rpc: await port('rpc'), nats: await port('nats') },
        ...(this.options.gateway ? { inferenceGrpc: await port('inferenceGrpc'), inferenceHttp: await port('inferenceHttp') } : {}),
      },
      executors: executors ?? last?.executors ?? 2,
      challengers: challengers ?? last?.challengers ?? 2,
    };
  }

  private async startBroker(port: number, members: readonly Member[]): Promise<void> {
    const binary = await findNatsServer(process.env, this.report);
    await this.supervise(natsProcess({ binary, port, dir: this.folder.path('nats'), logFile: this.folder.log('nats'), users: usersOf(this.folder, brokerUsers(this.keys, members)), ...(this.options.brokerMonitorPort ? { monitorPort: this.options.brokerMonitorPort } : {}) }));
  }

  private startChain(port: number): Promise<void> {
    return this.supervise(anvilProcess({ port, logFile: this.folder.log('chain'), stateFile: this.folder.path('chain', 'state.json'), mnemonic: this.keys.mnemonic, accounts: ACCOUNTS }));
  }

  private startGateway(urls: NetworkUrls, { grpc, http }: NonNullable<NetworkUrls['inference']>): Promise<void> {
    const name = 'gateway';
    return this.startApp({ name, role: name }, {
      ASSAY_DEPLOYMENT: this.folder.deployment,
      ASSAY_PRIVATE_KEY: this.keys.privateKey(name),
      ASSAY_DATA_DIR: this.folder.path(name),
      ASSAY_LOG_LEVEL: this.options.logLevel ?? 'info',
      ASSAY_GRPC_URL: urls.grpc,
      ASSAY_INFERENCE_GRPC_LISTEN: grpc,
      ASSAY_INFERENCE_HTTP_LISTEN: new URL(http).host,
      ...this.options.environment?.[name],
    });
  }

  private startApp(app: { readonly name: string; readonly role: string }, env: Record<string, string>): Promise<void> {
    const main = join(PROJECT_ROOT, 'dist/apps', app.role, 'main.js');
    return this.supervise({ name: app.name, command: process.execPath, args: ['--enable-source-maps', main], env, logFile: this.folder.log(app.name), readyWithinMs: APP_READY_MS });
  }

  private environment(member: Member, urls: Network['urls']): Record<string, string> {
    return {
      ASSAY_RPC_URL: urls.rpc,
      ASSAY_NATS_URL: urls.nats,
      ASSAY_NATS_SEED: this.keys.natsSeed(member.name),
      ASSAY_DEPLOYMENT: this.folder.deployment,
      ASSAY_PRIVATE_KEY: this.keys.privateKey(member.name),
      ASSAY_DATA_DIR: this.folder.path(member.name),
      ASSAY_LOG_LEVEL: this.options.logLevel ?? 'info',
      ...this.roleEnvironment(member, urls),
      ...this.options.environment?.[member.name],
    };
  }

  private roleEnvironment(member: Member, urls: Network['urls']): Record<string, string> {
    if (member.role === 'executor') return { ASSAY_FAULT: this.options.faults?.[member.name] ?? 'none', ASSAY_CANARY_COORDINATOR: urls.grpc };
    if (member.role === 'challenger') return { ASSAY_PAID_CHECKS: String(this.options.seats ?? false) };
    const database: Record<string, string> = this.options.databaseUrl ? { DATABASE_URL: this.options.databaseUrl } : { ASSAY_PGLITE_DIR: this.folder.path('coordinator', 'database') };
    // WHY any page: what acts is signed, and nothing here is known by where it comes from.
    const web = urls.web ? { ASSAY_WEB_LISTEN: urls.web.replace('http://', ''), ASSAY_WEB_ORIGINS: '*' } : {};
    return { ASSAY_GRPC_LISTEN: urls.grpc, ...web, ASSAY_BATCH_INTERVAL_MS: String(this.options.batchIntervalMs ?? BATCH_INTERVAL_MS), ...database };
  }

  private async supervise(options: ChildOptions): Promise<void> {
    await this.timed(options.name, async () => {
      this.running.push(await Supervised.start({ ...options, report: this.report }));
    });
    this.report(`${options.name} is ready (${this.timings[options.name]} ms)`);
  }

  private async timed<T>(name: string, work: () => Promise<T>): Promise<T> {
    const started = Date.now();
    const result = await work();
    this.timings[name] = Date.now() - started;
    return result;
  }
}

function urlsOf({ grpc, web, rpc, nats, inferenceGrpc, inferenceHttp }: NetworkRecord['ports']): NetworkUrls {
  const at = (port: number) => `${HOST}:${port}`;
  const inference = inferenceGrpc && inferenceHttp ? { inference: { grpc: at(inferenceGrpc), http: `http://${at(inferenceHttp)}` } } : {};
  return { grpc: at(grpc), ...(web ? { web: `http://${at(web)}` } : {}), rpc: `http://${at(rpc)}`, nats: `nats://${at(nats)}`, ...inference };
}

/** Waits for all even if one fails, so that whoever cleans up afterwards finds every process that was started. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((outcome) => outcome.status === 'rejected');
  if (failed) throw failed.reason;
}
