import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import type { Address } from 'viem';
import type { HDAccount, PrivateKeyAccount } from 'viem/accounts';
import { listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { compileModel, type CanonicalModel } from '#core/onnx';
import { claimDigest, claimTypedData, jobIdOf, requestTypedData, subjects, type Answer, type Claim, type Request } from '#core/protocol';
import { connectChain, deployContracts, LOCAL_PARAMETERS, type Chain, type NetworkParameters } from '#io/chain';
import { CLAIMS, connectMessaging, INPUTS, JOB, MODEL, succeeded, type BatchedClaim, type BrokerRole, type Messaging } from '#io/messaging';
import { ACCOUNTS, LocalKeys, PROJECT_ROOT, startAnvil, startChild, startNats, type Child, type RunningAnvil, type RunningNats } from '#testing';

const UNIT = 10n ** 18n;
const BATCH_FEE = UNIT;
const INSURED = 2n * UNIT;
const STAKE = 100n * UNIT;
const LEASE_MS = 20_000;

type PartyName = `executor-${number}` | `challenger-${number}`;

/** A broker, a chain with the contracts, executors and challengers as processes of their own; the test is coordinator and submitter. */
export class Arena {
  readonly stake = STAKE;
  private readonly children = new Map<PartyName, Child>();
  private readonly batches = new Map<bigint, BatchedClaim[]>();
  private readonly inputs = new Map<Root, readonly Tensor[]>();
  private readonly funded = new Map<string, number>();
  private nonce = 0n;

  private constructor(
    readonly dir: string,
    readonly keys: LocalKeys,
    private readonly nats: RunningNats,
    private readonly anvil: RunningAnvil,
    readonly chain: Chain,
    readonly messaging: Messaging,
    readonly model: CanonicalModel,
  ) {}

  static async open(names: readonly PartyName[], parameters: Partial<NetworkParameters['disputes']> = {}): Promise<Arena> {
    const dir = mkdtempSync(join(tmpdir(), 'assay-arena-'));
    const keys = LocalKeys.at(join(dir, 'keys.json'));
    const users = ['coordinator', ...names].map((name) => ({ publicKey: keys.natsPublicKey(name), role: roleOf(name), address: keys.account(name).address }));
    const [nats, anvil] = await Promise.all([startNats({ dir: join(dir, 'nats'), users }), startAnvil({ logFile: join(dir, 'chain.log'), mnemonic: keys.mnemonic, accounts: ACCOUNTS })]);
    const coordinator = keys.account('coordinator').address;
    const deployment = await deployContracts({
      rpcUrl: anvil.rpcUrl,
      privateKey: keys.privateKey('deployer'),
      parameters: { ...LOCAL_PARAMETERS, batches: { ...LOCAL_PARAMETERS.batches, challengeWindow: 120n }, disputes: { ...LOCAL_PARAMETERS.disputes, ...parameters } },
      coordinators: [coordinator],
    });
    await writeFile(join(dir, 'deployment.json'), JSON.stringify(deployment));
    const chain = await connectChain({ rpcUrl: anvil.rpcUrl, deployment, privateKey: keys.privateKey('coordinator') });
    const messaging = await connectMessaging({ url: nats.url, seed: keys.natsSeed('coordinator'), role: 'coordinator', address: coordinator, log: { warn: () => undefined } });
    const model = compileModel(readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx')));
    const arena = new Arena(dir, keys, nats, anvil, chain, messaging, model);
    await arena.serve();
    await arena.fund('submitter', STAKE);
    return arena;
  }

  async close(): Promise<void> {
    await Promise.all([...this.children.values()].map((child) => child.stop()));
    await this.messaging.close();
    await Promise.all([this.nats.stop(), this.anvil.stop()]);
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Starts an executor or challenger with money, as `assay up` would. */
  async start(name: PartyName, environment: Record<string, string> = {}): Promise<Child> {
    const env = {
      ASSAY_RPC_URL: this.anvil.rpcUrl,
      ASSAY_NATS_URL: this.nats.url,
      ASSAY_NATS_SEED: this.keys.natsSeed(name),
      ASSAY_DEPLOYMENT: join(this.dir, 'deployment.json'),
      ASSAY_PRIVATE_KEY: this.keys.privateKey(name),
      ASSAY_DATA_DIR: join(this.dir, name),
      ...environment,
    };
    if ((await this.chain.vault.stakeOf(this.account(name).address)).amount === 0n) await this.fund(name, STAKE);
    const main = join(PROJECT_ROOT, 'dist/apps', roleOf(name), 'main.js');
    const child = await startChild({ name, command: process.execPath, args: ['--enable-source-maps', main], env, logFile: this.logFile(name) });
    this.children.set(name, child);
    return child;
  }

  /** Ends a party without letting it say goodbye. */
  async kill(name: PartyName): Promise<void> {
    const child = this.children.get(name)!;
    child.kill('SIGKILL');
    await child.ended;
  }

  /** Transactions a party's account had sent when it was funded: all that are not its own doing. */
  transactionsAtStart(name: PartyName): number {
    return this.funded.get(name) ?? 0;
  }

  /** Removes everything a party had on its disk. */
  wipe(name: PartyName): void {
    rmSync(join(this.dir, name), { recursive: true });
  }

  /** Moves the chain's clock. */
  async passTime(seconds: number): Promise<void> {
    await this.chain.client.request({ method: 'evm_increaseTime', params: [seconds] } as never);
    await this.chain.client.request({ method: 'evm_mine', params: [] } as never);
  }

  /** Replaces the blocks from this one on by empty ones. */
  async takeBack(block: bigint): Promise<void> {
    const head = await this.chain.blockNumber();
    await this.chain.client.request({ method: 'anvil_reorg', params: [Number(head - block) + 1, []] } as never);
  }

  account(name: string): HDAccount {
    return this.keys.account(name);
  }

  /** What a party logged so far. */
  logged(name: PartyName): Record<string, unknown>[] {
    const lines = readFileSync(this.logFile(name), 'utf8').split('\n');
    return lines.flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Record<string, unknown>] : []));
  }

  /** The party's first line with this event, once it is there. */
  async event(name: PartyName, event: string, withinMs = 60_000): Promise<Record<string, unknown>> {
    for (const end = Date.now() + withinMs; ; ) {
      const line = this.logged(name).find((l) => l['event'] === event);
      if (line) return line;
      if (Date.now() > end) throw new Error(`${name} did not log ${event}:\n${this.logged(name).map((l) => JSON.stringify(l)).join('\n')}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** A signed request for the model on these inputs. */
  async request(inputs: readonly Tensor[], change: Partial<Request> = {}): Promise<{ request: Request; signature: `0x${string}`; jobId: Root }> {
    const request: Request = {
      submitter: this.account('submitter').address,
      modelId: this.model.manifest.modelId,
      inputRoot: listRoot(inputs.map(tensorRoot)),
      maxFee: BATCH_FEE,
      insuredValue: INSURED,
      deadline: BigInt(Math.floor(Date.now() / 1000) + 600),
      nonce: ++this.nonce,
      verification: 0,
      redundancy: 1,
      ...change,
    };
    const signature = await this.account('submitter').signTypedData(requestTypedData(this.chain.network, request));
    return { request, signature, jobId: jobIdOf(this.chain.network, request) };
  }

  /** A claim for a request, signed by any key, and its inputs served from now on. */
  async claimBy(account: PrivateKeyAccount, { request, jobId }: Awaited<ReturnType<Arena['request']>>, { inputs, outputRoot }: { inputs: readonly Tensor[]; outputRoot: Root }) {
    const { modelId, inputRoot } = request;
    const claim: Claim = { jobId, modelId, inputRoot, outputRoot, executor: account.address, coordinator: this.account('coordinator').address, fee: BATCH_FEE, insuredValue: INSURED };
    this.inputs.set(jobId, inputs);
    return { claim, signature: await account.signTypedData(claimTypedData(this.chain.network, claim)) };
  }

  async giveEther(address: Address): Promise<void> {
    await this.chain.client.request({ method: 'anvil_setBalance', params: [address, `0x${(10n ** 20n).toString(16)}`] } as never);
  }

  /** Tokens in the vault; one call after the other. */
  async endow(address: Address, amount: bigint): Promise<void> {
    await this.chain.token.mint(this.chain.account!, amount);
    await this.chain.vault.deposit(address, amount);
  }

  get rpcUrl(): string {
    return this.anvil.rpcUrl;
  }

  /** Sends a job to an executor as the coordinator does. */
  async send(name: PartyName, job: Awaited<ReturnType<Arena['request']>>, inputs: readonly Tensor[], { fee = BATCH_FEE } = {}): Promise<Answer> {
    const { request, signature, jobId } = job;
    const query = { jobId, request, requestSignature: signature, coordinator: this.account('coordinator').address, fee, inputs: await this.messaging.payloads.pack(inputs), leaseUntil: Date.now() + LEASE_MS };
    this.inputs.set(jobId, inputs);
    return this.messaging.request(subjects.job(this.account(name).address), JOB, query, { timeoutMs: LEASE_MS });
  }

  /** Runs jobs on an executor and posts the claims as one batch. */
  async batch(name: PartyName, jobs: readonly (readonly Tensor[])[]): Promise<{ batchId: bigint; claims: BatchedClaim[]; answers: Tensor[][] }> {
    const claims: BatchedClaim[] = [];
    const answers: Tensor[][] = [];
    for (const inputs of jobs) {
      const job = await this.request(inputs);
      const { claim, signature, outputs } = succeeded(await this.send(name, job, inputs));
      claims.push({ request: job.request, requestSignature: job.signature, claim, signature });
      answers.push(await this.messaging.payloads.unpack(outputs, claim.executor));
    }
    return { batchId: await this.commit(claims), claims, answers };
  }

  /** Posts claims of any executors as one batch and serves them. */
  async commit(claims: BatchedClaim[]): Promise<bigint> {
    const root = StandardMerkleTree.of(claims.map(({ claim }) => [claimDigest(this.chain.network, claim)]), ['bytes32']).root as Root;
    const count = BigInt(claims.length);
    const batchId = (await this.chain.batches.batchCount()) + 1n;
    this.batches.set(batchId, claims);
    const executors = [...new Set(claims.map(({ claim }) => claim.executor))].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
    const totals = executors.map((executor) => {
      const own = claims.filter(({ claim }) => claim.executor === executor);
      return { executor, fees: BATCH_FEE * BigInt(own.length), insuredValue: own.reduce((sum, { claim }) => sum + claim.insuredValue, 0n) };
    });
    await this.chain.batches.commit({ root, count: claims.length, totals, charges: [{ submitter: this.account('submitter').address, amount: BATCH_FEE * count }] });
    return batchId;
  }

  private async serve(): Promise<void> {
    const { messaging, model } = this;
    await messaging.objects.createBuckets();
    await messaging.payloads.putModel(model.manifest.modelId, model.onnx);
    messaging.serve(subjects.model, MODEL, async () => ({ name: 'mnist', bytes: model.onnx.length }), { maxInFlight: 16 });
    messaging.serve(subjects.inputs, INPUTS, async ({ jobId }) => ({ inputs: await messaging.payloads.pack(this.inputs.get(jobId)!) }), { maxInFlight: 16 });
    messaging.serve(subjects.claims, CLAIMS, async ({ batchId, from, limit }) => {
      const claims = this.batches.get(batchId)!;
      return { total: claims.length, claims: claims.slice(from, from + limit) };
    }, { maxInFlight: 16 });
    await messaging.flush();
  }

  /** Tokens and a place in the vault: executors stake, the others deposit. */
  async fund(name: string, amount: bigint): Promise<void> {
    const chain = await connectChain({ rpcUrl: this.anvil.rpcUrl, deployment: this.chain.deployment, privateKey: this.keys.privateKey(name) });
    const { address } = this.account(name);
    await chain.token.mint(address, amount);
    await chain.vault.deposit(address, amount);
    if (name.startsWith('executor')) await chain.vault.stake(amount);
    this.funded.set(name, await chain.client.getTransactionCount({ address }));
  }

  private logFile(name: PartyName): string {
    return join(this.dir, `${name}.log`);
  }
}

function roleOf(name: string): BrokerRole {
  return name.replace(/-\d+$/, '') as BrokerRole;
}

/** A bright square somewhere: not a digit, but it moves every layer. */
export function picture(model: CanonicalModel, n = 0): Tensor[] {
  const { dtype, dims } = model.manifest.signature.inputs[0]!;
  const pixels = new Float32Array(dims.reduce((a, b) => a * b, 1)).map((_, i) => (i % 28 > 8 + (n % 5) && i % 28 < 18 && i > 200 && i < 560 ? 200 + ((i + n) % 50) : 0));
  return [{ dtype, dims, data: new Uint8Array(pixels.buffer) }];
}
