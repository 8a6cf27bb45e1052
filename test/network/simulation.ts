import { privateKeyToAccount } from 'viem/accounts';
import { numberToHex } from 'viem';
import { listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { drawOrder, isDrawn, jobIdOf, requestTypedData, type Request } from '#core/protocol';
import { seededRandom, type Random } from '#testing';
import { FakeChain, NETWORK, TERMS } from './chain.js';
import { FakeDatabase } from './database.js';
import { MODEL, outputsOf } from './model.js';
import { Disk, PRICE, startChallenger, startCoordinator, startExecutor, type Person, type Setting } from './nodes.js';
import { VirtualTime, type Life } from './time.js';
import { Links } from './world.js';

export interface SimulationResult {
  readonly seed: number;
  readonly jobs: number;
  readonly strikes: number;
  readonly lies: number;
  readonly liesDrawn: number;
  readonly games: number;
  /** Virtual seconds. */
  readonly seconds: number;
  /** Of everything that chance and time decided: two runs of one seed have the same. */
  readonly fingerprint: number;
  /** What must not be. */
  readonly faults: readonly string[];
}

interface Node {
  readonly name: string;
  readonly begin: (life: Life) => void;
  life: Life;
}

const STAKE = 1_000n * 10n ** 18n;
/** Within this the network must have come to rest after the last strike. */
const REST_MS = 400_000;
const STORM_MS = 30_000;
const key = (number: number) => privateKeyToAccount(numberToHex(BigInt(number + 1), { size: 32 }));
const [COORDINATOR, SUBMITTER] = [key(1), key(2)];

/** One network, one seed: the same every time. */
export async function simulate(seed: number): Promise<SimulationResult> {
  const random = seededRandom(seed);
  const time = new VirtualTime();
  const undo = time.install();
  try {
    return await new Simulation(seed, random, time).run();
  } finally {
    undo();
  }
}

class Simulation {
  private readonly links: Links;
  private readonly chain: FakeChain;
  private readonly database: FakeDatabase;
  private readonly setting: Setting;
  private readonly nodes: Node[] = [];
  private readonly people: { readonly executors: Person[]; readonly challengers: Person[] };
  private readonly submitted = new Map<Root, readonly Tensor[]>();
  private strikes = 0;

  constructor(
    private readonly seed: number,
    private readonly random: Random,
    private readonly time: VirtualTime,
  ) {
    this.links = new Links(time, random);
    this.chain = new FakeChain(this.links, seed);
    this.database = new FakeDatabase(() => time.now);
    this.setting = { links: this.links, chain: this.chain, database: this.database, coordinator: COORDINATOR, coordinators: new Map(), executors: new Map() };
    const person = (number: number, fault: Person['fault']): Person => ({ account: key(number), disk: new Disk(), fault });
    this.people = { executors: [person(10, 'none'), person(11, 'none'), person(12, random.pick(['wrong-output', 'silent'] as const))], challengers: [person(20, 'none'), person(21, 'none'), ...(random.next() < 0.3 ? [person(22, 'wrong-output')] : [])] };
  }

  async run(): Promise<SimulationResult> {
    for (const { account } of this.people.executors) this.chain.stakes.set(account.address.toLowerCase(), STAKE);
    for (let i = 0; i < 2; i++) this.add(`coordinator-${i}`, (life) => startCoordinator(this.setting, life));
    this.people.executors.forEach((person, i) => this.add(`executor-${i}`, (life) => startExecutor(this.setting, life, person)));
    this.people.challengers.forEach((person, i) => this.add(`challenger-${i}`, (life) => startChallenger(this.setting, life, person)));
    const jobs = this.random.between(4, 12);
    for (let i = 0; i < jobs; i++) this.submitLater(i);
    for (let i = this.random.between(2, 9); i > 0; i--) setTimeout(() => this.strike(), this.random.between(500, STORM_MS));
    const rested = await this.time.until(() => this.submitted.size === jobs && this.time.now > 0 && this.isAtRest(jobs), STORM_MS + REST_MS);
    for (const { life } of this.nodes) life.alive = false;
    return this.result(jobs, rested);
  }

  private add(name: string, begin: (life: Life) => void): void {
    const node = { name, begin, life: this.born(name, 0) };
    this.nodes.push(node);
    this.time.within(node.life, () => begin(node.life));
  }

  private born(name: string, count: number): Life {
    return { name: `${name}/${count}`, alive: true, stoppedUntil: 0 };
  }

  private submitLater(number: number): void {
    setTimeout(() => void this.submit(number), this.random.between(1, STORM_MS));
  }

  /** Signs once, sends until a coordinator has taken it. */
  private async submit(number: number): Promise<void> {
    const input: Tensor = { dtype: 'float32', dims: [1, 4], data: new Uint8Array(Float32Array.from({ length: 4 }, () => this.random.between(-50, 50) / 8).buffer) };
    const insuredValue = this.random.next() < 0.5 ? 10n ** 15n : 0n;
    const request: Request = { submitter: SUBMITTER.address, modelId: MODEL.manifest.modelId, inputRoot: listRoot([tensorRoot(input)]), maxFee: PRICE, insuredValue, deadline: BigInt(Math.floor(this.time.now / 1000) + 7_200), nonce: BigInt(number), verification: 0, redundancy: 1 };
    const signature = await SUBMITTER.signTypedData(requestTypedData(NETWORK, request));
    this.submitted.set(jobIdOf(NETWORK, request), [input]);
    for (;;) {
      const coordinators = [...this.setting.coordinators].filter(([life]) => life.alive);
      const [life, coordinator] = coordinators.length > 0 ? this.random.pick(coordinators) : [];
      const taken = await new Promise<boolean>((resolve) => {
        setTimeout(() => resolve(false), 3_000);
        if (life && coordinator) this.time.within(life, () => void coordinator.submit({ request, signature, inputs: [input] }).then(() => resolve(true), () => resolve(false)));
      });
      if (taken) return;
    }
  }

  private strike(): void {
    this.strikes++;
    const node = this.random.pick(this.nodes);
    const ms = this.random.between(200, 6_000);
    switch (this.random.between(0, 8)) {
      case 0:
        return this.links.cut('database', ms);
      case 1:
        return this.links.cut('chain', ms);
      case 2:
        return this.links.cut('broker', ms);
      case 3:
        return this.links.cut('chain', ms, node.life);
      case 4:
        return void (node.life.stoppedUntil = this.time.now + ms);
      default:
        return this.kill(node, ms);
    }
  }

  /** Everything the process was about to do is gone; what it had stored or sent is not. */
  private kill(node: Node, ms: number): void {
    if (!node.life.alive) return;
    node.life.alive = false;
    const { name, begin } = node;
    const count = Number(node.life.name.split('/')[1]) + 1;
    setTimeout(() => {
      node.life = this.born(name, count);
      this.time.within(node.life, () => begin(node.life));
    }, ms);
  }

  private isAtRest(jobs: number): boolean {
    const { jobs: rows } = this.database.rows;
    return rows.size === jobs && [...rows.values()].every(({ state }) => state === 'final') && this.openGames() === 0;
  }

  private openGames(): number {
    return [...this.chain.games.values()].filter(({ state }) => BigInt(state) !== 1n).length;
  }

  private result(jobs: number, rested: boolean): SimulationResult {
    const faults: string[] = [];
    if (!rested) faults.push(`not at rest: jobs ${JSON.stringify(this.states())}, ${this.openGames()} games open`);
    const paid = new Map<Root, number>();
    const roots = new Set<Root>();
    let [lies, liesDrawn] = [0, 0];
    for (const batch of this.chain.batches) {
      if (roots.has(batch.root)) faults.push(`batch ${batch.root} is on chain twice`);
      roots.add(batch.root);
      const claims = this.database.batches.served(batch.root).map(({ claim }) => claim);
      if (claims.length !== batch.count) faults.push(`batch ${batch.batchId} has ${claims.length} of ${batch.count} claims`);
      const digests = new Map([...this.database.rows.claims.values()].map(({ claim, digest }) => [claim, digest]));
      drawOrder(claims, (claim) => digests.get(claim)!).forEach((claim, index) => {
        if (claim.fee > 0n) paid.set(claim.jobId, (paid.get(claim.jobId) ?? 0) + 1);
        if (claim.outputRoot === listRoot(outputsOf(this.submitted.get(claim.jobId)!).map(tensorRoot))) return;
        lies++;
        const isSeen = this.people.challengers.some(({ account, fault }) => fault === 'none' && isDrawn(this.chain.mixHash(batch.committedBlock + BigInt(TERMS.beaconDelay)), account.address, { index: BigInt(index), rate: TERMS.rate }));
        if (!isSeen) return;
        liesDrawn++;
        if (!this.chain.forfeited.has(claim.executor.toLowerCase())) faults.push(`the lie about ${claim.jobId} was drawn and not caught`);
      });
    }
    for (const [jobId, times] of paid) if (times > 1) faults.push(`job ${jobId} is paid ${times} times`);
    for (const { account, fault } of this.people.executors) if (fault === 'none' && this.chain.forfeited.has(account.address.toLowerCase())) faults.push(`honest ${account.address} lost its stake`);
    return { seed: this.seed, jobs, strikes: this.strikes, lies, liesDrawn, games: this.chain.games.size, seconds: Math.round(performance.now() / 1000), fingerprint: this.random.between(0, 2 ** 31) ^ this.time.steps, faults };
  }

  private states(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { state } of this.database.rows.jobs.values()) counts[state] = (counts[state] ?? 0) + 1;
    return counts;
  }
}
