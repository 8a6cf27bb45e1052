import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createUser, fromSeed } from '@nats-io/nkeys';
import { bytesToHex, type Address, type Hex } from 'viem';
import { mnemonicToAccount, type HDAccount } from 'viem/accounts';
import { DTYPES, elementCount, listRoot, tensorRoot, type Tensor } from '#core/hashing';
import { compileModel, type CanonicalModel } from '#core/onnx';
import { claimTypedData, presenceSchema, PROTOCOL_VERSION, requestTypedData, subjects, jobIdOf, type Answer, type Claim, type Job, type NetworkId, type Request } from '#core/protocol';
import { connectChain, deployContracts, LOCAL_PARAMETERS, type Chain, type Deployment } from '#io/chain';
import { openSession } from '#io/inference';
import { connectMessaging, JOB, type BrokerRole, type Messaging, type PayloadStore } from '#io/messaging';
import { CoordinatorClient } from '#io/rpc';
import { createLogger, Shutdown } from '#platform';
import { freePort, PROJECT_ROOT, startAnvil, startNats, startPostgres, type RunningAnvil, type RunningNats, type RunningPostgres } from '#testing';
import { coordinatorConfig } from './config.js';
import { startCoordinator } from './coordinator.js';

export const UNIT = 10n ** 18n;
/** anvil's own accounts. */
const MNEMONIC = 'test test test test test test test test test test test junk';

export interface Party {
  readonly account: HDAccount;
  readonly privateKey: Hex;
  readonly seed: string;
  readonly role: BrokerRole;
}

function party(role: BrokerRole, addressIndex: number): Party {
  const account = mnemonicToAccount(MNEMONIC, { addressIndex });
  return { account, privateKey: bytesToHex(account.getHdKey().privateKey!), seed: new TextDecoder().decode(createUser().getSeed()), role };
}

/** What a test executor does with a job; `honest` answers it as it should be. */
export type Behaviour = (job: Job, honest: () => Promise<Answer>) => Promise<Answer>;

export interface TestExecutor {
  readonly address: Address;
  readonly jobs: Job[];
  readonly messaging: Messaging;
  /** Says from now on that it speaks this version of the protocol. */
  pretend(protocol: number): void;
  behave(behaviour: Behaviour): void;
  stop(): Promise<void>;
}

/** A coordinator in this process between a real chain, a real broker and a real database server. */
export class Surroundings {
  private constructor(
    readonly dir: string,
    readonly anvil: RunningAnvil,
    readonly nats: RunningNats,
    readonly postgres: RunningPostgres,
    readonly deployment: Deployment,
    readonly model: CanonicalModel,
    private readonly parties: { readonly coordinator: Party; readonly executors: readonly Party[] },
  ) {}

  readonly submitter = party('challenger', 2);
  readonly stranger = party('challenger', 3);

  static async start(): Promise<Surroundings> {
    const dir = mkdtempSync(join(tmpdir(), 'assay-coordinator-'));
    const parties = { coordinator: party('coordinator', 1), executors: [party('executor', 10), party('executor', 11)] };
    const users = [parties.coordinator, ...parties.executors].map(({ seed, role, account }) => ({ publicKey: fromSeed(new TextEncoder().encode(seed)).getPublicKey(), role, address: account.address }));
    const [anvil, nats, postgres] = await Promise.all([startAnvil({ logFile: join(dir, 'anvil.log'), mnemonic: MNEMONIC, accounts: 20 }), startNats({ dir, users }), startPostgres()]);
    const parameters = { ...LOCAL_PARAMETERS, batches: { ...LOCAL_PARAMETERS.batches, challengeWindow: 3n } };
    const deployment = await deployContracts({ rpcUrl: anvil.rpcUrl, privateKey: party('coordinator', 0).privateKey, parameters, coordinators: [parties.coordinator.account.address] });
    writeFileSync(join(dir, 'deployment.json'), JSON.stringify(deployment));
    const model = compileModel(new Uint8Array(readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx'))));
    const world = new Surroundings(dir, anvil, nats, postgres, deployment, model, parties);
    await world.fund(world.submitter, { balance: UNIT, stake: 0n });
    for (const executor of parties.executors) await world.fund(executor, { balance: 0n, stake: 10n * UNIT });
    return world;
  }

  get network(): NetworkId {
    return { chainId: this.deployment.chainId, disputes: this.deployment.disputes };
  }

  async stop(): Promise<void> {
    await Promise.all([this.anvil.stop(), this.nats.stop(), this.postgres.stop()]);
    rmSync(this.dir, { recursive: true, force: true });
  }

  get coordinatorParty(): Party {
    return this.parties.coordinator;
  }

  executorAddress(index: number): Address {
    return this.parties.executors[index]!.account.address;
  }

  chainAs(who: Party): Promise<Chain> {
    return connectChain({ rpcUrl: this.anvil.rpcUrl, deployment: this.deployment, privateKey: who.privateKey, pollMs: 25 });
  }

  /** A coordinator on a database of that name: the same name again is the same coordinator after a restart. */
  async coordinator(database: string, environment: Record<string, string> = {}) {
    const port = await freePort();
    const config = coordinatorConfig({ ...this.environment(port), DATABASE_URL: this.database(database), ...environment });
    const log = createLogger({ name: 'coordinator', level: process.env['ASSAY_TEST_LOG'] ?? 'silent' });
    const shutdown = new Shutdown(log, 20_000, () => {});
    await startCoordinator({ config, log, shutdown }).catch(async (error: unknown) => {
      await shutdown.shutdown(1);
      throw error;
    });
    const client = new CoordinatorClient(`127.0.0.1:${port}`);
    const stop = async () => {
      client.close();
      await shutdown.shutdown(0);
    };
    return { client, port, config, stop };
  }

  environment(port: number): Record<string, string> {
    return {
      ASSAY_RPC_URL: this.anvil.rpcUrl,
      ASSAY_NATS_URL: this.nats.url,
      ASSAY_NATS_SEED: this.parties.coordinator.seed,
      ASSAY_DEPLOYMENT: join(this.dir, 'deployment.json'),
      ASSAY_PRIVATE_KEY: this.parties.coordinator.privateKey,
      ASSAY_DATA_DIR: join(this.dir, 'data'),
      ASSAY_GRPC_LISTEN: `127.0.0.1:${port}`,
      ASSAY_BATCH_INTERVAL_MS: '200',
      ASSAY_LEASE_MS: '10000',
    };
  }

  async executor(index: number): Promise<TestExecutor> {
    const who = this.parties.executors[index]!;
    const log = { warn: () => {} };
    const messaging = await connectMessaging({ url: this.nats.url, seed: who.seed, role: 'executor', address: who.account.address, log });
    return startExecutor({ who, messaging, model: this.model, network: this.network });
  }

  /** A request for the model that is right in every respect, changed as told, and signed by the submitter unless told otherwise. */
  async signed(change: Partial<Request> = {}, options: { inputs?: readonly Tensor[]; by?: Party } = {}) {
    const inputs = options.inputs ?? [this.input()];
    const request: Request = {
      ...{ submitter: this.submitter.account.address, modelId: this.model.manifest.modelId, inputRoot: listRoot(inputs.map(tensorRoot)) },
      ...{ maxFee: UNIT, insuredValue: 1_000n, deadline: BigInt(Math.floor(Date.now() / 1000) + 300), nonce: BigInt(Math.floor(Math.random() * 2 ** 40)) },
      ...{ verification: 0, redundancy: 1, ...change },
    };
    const signature = await (options.by ?? this.submitter).account.signTypedData(requestTypedData(this.network, request));
    return { request, signature, inputs, jobId: jobIdOf(this.network, request) };
  }

  input(value = 0.5): Tensor {
    const { dtype, dims } = this.model.manifest.signature.inputs[0]!;
    return { dtype, dims, data: new Uint8Array(new Float32Array(elementCount(dims) * (DTYPES[dtype].size / 4)).fill(value).buffer) };
  }

  private database(name: string): string {
    return this.databases.get(name) ?? this.remember(name, this.postgres.createDatabase(name));
  }

  private readonly databases = new Map<string, string>();

  private remember(name: string, url: string): string {
    this.databases.set(name, url);
    return url;
  }

  private async fund(who: Party, { balance, stake }: { balance: bigint; stake: bigint }): Promise<void> {
    const chain = await this.chainAs(who);
    await chain.token.mint(who.account.address, balance + stake);
    await chain.vault.deposit(who.account.address, balance + stake);
    if (stake > 0n) await chain.vault.stake(stake);
  }
}

interface ExecutorParts {
  readonly who: Party;
  readonly messaging: Messaging;
  readonly model: CanonicalModel;
  readonly network: NetworkId;
}

async function startExecutor({ who, messaging, model, network }: ExecutorParts): Promise<TestExecutor> {
  const session = await openSession(model, { thread: 'calling' });
  const { address } = who.account;
  const jobs: Job[] = [];
  let protocol = PROTOCOL_VERSION;
  let behaviour: Behaviour = (_, honest) => honest();
  const honest = async (job: Job): Promise<Answer> => {
    const outputs = await session.run(await messaging.payloads.unpack(job.inputs));
    return answerWith(outputs, { job, who, network, payloads: messaging.payloads });
  };
  const serving = messaging.serve(
    subjects.job(address),
    JOB,
    async (job) => {
      jobs.push(job);
      return behaviour(job, () => honest(job));
    },
    { maxInFlight: 16 },
  );
  const announce = () => messaging.publish(subjects.presence('executor', address), presenceSchema, { protocol, role: 'executor', address, version: 'test', profile: model.manifest.profile, models: [], capacity: 4, running: 0 });
  announce();
  const timer = setInterval(announce, 300);
  return {
    address,
    jobs,
    messaging,
    pretend: (other) => void (protocol = other),
    behave: (next) => void (behaviour = next),
    stop: async () => {
      clearInterval(timer);
      await messaging.close();
      await session.close();
    },
  };
}

/** A claim about these outputs, signed. */
export async function answerWith(outputs: readonly Tensor[], given: { job: Job; who: Party; network: NetworkId; payloads: PayloadStore }): Promise<Extract<Answer, { claim: Claim }>> {
  const { job, who, network, payloads } = given;
  const { jobId, request, coordinator, fee } = job;
  const claim: Claim = { jobId, modelId: request.modelId, inputRoot: request.inputRoot, outputRoot: listRoot(outputs.map(tensorRoot)), executor: who.account.address, coordinator, fee, insuredValue: request.insuredValue };
  return { claim, signature: await who.account.signTypedData(claimTypedData(network, claim)), outputs: await payloads.pack(outputs) };
}
