import { privateKeyToAccount } from 'viem/accounts';
import { numberToHex } from 'viem';
import { listRoot, tensorRoot, ZERO_ROOT, type Root, type Tensor } from '#core/hashing';
import { claimDigest, drawOrder, isDrawn, jobIdOf, requestTypedData, type Request } from '#core/protocol';
import { seededRandom, type Random } from '#testing';
import { FakeChain } from './chain.js';
import { NETWORK, TERMS, type Batch } from './contracts.js';
import { FakeDatabase } from './database.js';
import { MODEL, outputsOf } from './model.js';
import { Disk, PRICE, startChallenger, startCoordinator, startExecutor, type Person, type Setting } from './nodes.js';
import { VirtualTime, type Life } from './time.js';
import { Links, type Place } from './world.js';

/** What was done to a network. */
interface Strikes {
  kills: number;
  stops: number;
  /** Nobody reached a place. */
  outages: number;
  /** One process did not reach a place. */
  partitions: number;
  reorganisations: number;
  /** Endpoints that fell behind. */
  lags: number;
}

export interface SimulationResult extends Readonly<Strikes> {
  readonly seed: number;
  readonly jobs: number;
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
const STORM_MS = 45_000;
const MAX_REORGANISED = 12;
const JOIN_EVERY_MS = 10_000;
/** WHY only these: a coordinator takes its one endpoint at its word (`ledger.view`). */
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
  private executors = 0;
  private readonly submitted = new Map<Root, readonly Tensor[]>();
  private readonly strikes: Strikes = { kills: 0, stops: 0, outages: 0, partitions: 0, reorganisations: 0, lags: 0 };

  constructor(
    private readonly seed: number,
    private readonly random: Random,
    private readonly time: VirtualTime,
  ) {
    this.links = new Links(time, random);
    this.chain = new FakeChain(this.links, random);
    this.database = new FakeDatabase(() => time.now);
    this.setting = { links: this.links, chain: this.chain, database: this.database, coordinator: COORDINATOR, coordinators: new Map(), executors: new Map() };
    this.people = { executors: [...this.cast(10, 2, 'none'), ...this.cast(15, random.between(1, 3), random.pick(['wrong-output', 'silent'] as const))], challengers: [...this.cast(20, random.between(1, 4), 'none'), ...this.cast(25, random.next() < 0.3 ? 1 : 0, 'wrong-output')] };
  }

  private cast(number: number, count: number, fault: Person['fault']): Person[] {
    return Array.from({ length: count }, (_, i) => ({ account: key(number + i), disk: new Disk(), fault }));
  }

  async run(): Promise<SimulationResult> {
    for (let i = this.random.between(0, 3); i >= 0; i--) this.add(`coordinator-${i}`, (life) => startCoordinator(this.setting, life));
    for (const person of [...this.people.executors]) this.enter(person);
    setInterval(() => this.join(), JOIN_EVERY_MS);
    this.people.challengers.forEach((person, i) => this.add(`challenger-${i}`, (life) => startChallenger(this.setting, life, person)));
    const jobs = this.random.between(4, 12);
    for (let i = 0; i < jobs; i++) this.submitLater(i);
    for (let i = this.random.between(2, 16); i > 0; i--) setTimeout(() => this.strike(), this.random.between(500, STORM_MS));
    const rested = await this.time.until(() => this.submitted.size === jobs && this.time.now > 0 && this.isAtRest(jobs), STORM_MS + REST_MS);
    for (const { life } of this.nodes) life.alive = false;
    return this.result(jobs, rested);
  }

  /** An executor, with the stake that it always had. */
  private enter(person: Person): void {
    this.chain.endow(person.account.address, STAKE);
    const number = this.executors++;
    this.add(`executor-${number}`, (life) => startExecutor(this.setting, life, person));
  }

  /** WHY somebody new: an owed job for which all the honest ones signed a claim with a fee, that nobody heard of, is none for any of them. */
  private join(): void {
    const honest = this.people.executors.filter(({ fault }) => fault === 'none');
    const isNobodys = (job: { jobId: Root; state: string; fee: bigint }) => job.fee === 0n && ['accepted', 'overturned'].includes(job.state) && honest.every(({ disk }) => (disk.claimFor(job.jobId)?.fee ?? 0n) > 0n);
    if (![...this.database.rows.jobs.values()].some(isNobodys)) return;
    const [person] = this.cast(30 + honest.length, 1, 'none');
    this.people.executors.push(person!);
    this.enter(person!);
  }

  private add(name: string, begin: (life: Life) => void): void {
    const node = { name, begin, life: this.born(name, 0) };
    this.nodes.push(node);
    this.time.start(node.life, () => begin(node.life));
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
        const back = this.time.own(resolve);
        if (life && coordinator) this.time.start(life, () => void coordinator.submit({ request, signature, inputs: [input] }).then(() => back(true), () => back(false)));
      });
      if (taken) return;
    }
  }

  private strike(): void {
    const node = this.random.pick(this.nodes);
    const ms = this.random.between(200, 6_000);
    switch (this.random.between(0, 11)) {
      case 0:
        return this.cut('database', ms);
      case 1:
        return this.cut('chain', ms);
      case 2:
        return this.cut('broker', ms);
      case 3:
        return this.cut(this.random.pick(['database', 'chain', 'broker'] as const), ms, node.life);
      case 4:
        return this.note('stops', () => (node.life.stoppedUntil = this.time.now + ms));
      case 5:
      case 6:
        return this.note('reorganisations', () => this.chain.reorganise(this.random.between(1, MAX_REORGANISED)));
      case 7:
        return this.note('lags', () => this.chain.lag(node.life, { blocks: this.random.between(1, 6), ms, wavers: this.random.next() < 0.5 }));
      default:
        return this.note('kills', () => this.kill(node, ms));
    }
  }

  private cut(place: Place, ms: number, life?: Life): void {
    this.note(life ? 'partitions' : 'outages', () => this.links.cut(place, ms, life));
  }

  private note(kind: keyof Strikes, strike: () => void): void {
    this.strikes[kind]++;
    strike();
  }

  /** Everything the process was about to do is gone; what it had stored or sent is not. */
  private kill(node: Node, ms: number): void {
    if (!node.life.alive) return;
    node.life.alive = false;
    const { name, begin } = node;
    const count = Number(node.life.name.split('/')[1]) + 1;
    setTimeout(() => {
      node.life = this.born(name, count);
      this.time.start(node.life, () => begin(node.life));
    }, ms);
  }

  private isAtRest(jobs: number): boolean {
    const { jobs: rows } = this.database.rows;
    return rows.size === jobs && [...rows.values()].every(({ state }) => state === 'final') && this.openGames() === 0;
  }

  private openGames(): number {
    return [...this.chain.contracts.games.values()].filter(({ state }) => BigInt(state) !== 1n).length;
  }

  private result(jobs: number, rested: boolean): SimulationResult {
    const { batches, games, forfeited } = this.chain.contracts;
    const faults: string[] = [];
    if (!rested) faults.push(`not at rest: jobs ${JSON.stringify(this.states())}, ${this.openGames()} games open`);
    const roots = new Set(batches.map(({ root }) => root));
    if (roots.size !== batches.length) faults.push('a batch is on chain twice');
    const paid = new Map<Root, number>();
    const lies = batches.map((batch) => this.audit(batch, { paid, faults }));
    for (const [jobId, times] of paid) if (times > 1) faults.push(`job ${jobId} is paid ${times} times`);
    for (const { jobId, claimDigest, state } of this.database.rows.jobs.values()) {
      const { batchSeq } = this.database.rows.claims.get(claimDigest!) ?? {};
      if (state === 'final' && !roots.has(this.database.rows.batches.get(batchSeq!)?.root ?? ZERO_ROOT)) faults.push(`job ${jobId} is final, its claim not on chain`);
    }
    for (const { account, fault } of this.people.executors) if (fault === 'none' && forfeited.has(account.address.toLowerCase())) faults.push(`honest ${account.address} lost its stake`);
    const sum = (of: 'told' | 'drawn') => lies.reduce((total, counts) => total + counts[of], 0);
    return { seed: this.seed, jobs, ...this.strikes, lies: sum('told'), liesDrawn: sum('drawn'), games: games.size, seconds: Math.round(performance.now() / 1000), fingerprint: this.random.between(0, 2 ** 31) ^ this.time.steps, faults };
  }

  /** Every claim of a batch against what the operators give. @returns lies told, and drawn by an honest challenger */
  private audit(batch: Batch, { paid, faults }: { paid: Map<Root, number>; faults: string[] }): { told: number; drawn: number } {
    const counts = { told: 0, drawn: 0 };
    const claims = this.database.batches.served(batch.root).map(({ claim }) => claim);
    if (claims.length !== batch.count) faults.push(`batch ${batch.batchId} has ${claims.length} of ${batch.count} claims`);
    const beacon = this.chain.mixHash(batch.committedBlock + BigInt(TERMS.beaconDelay));
    const honest = this.people.challengers.filter(({ fault }) => fault === 'none').map(({ account }) => account.address);
    drawOrder(claims, (claim) => claimDigest(NETWORK, claim)).forEach((claim, index) => {
      if (claim.fee > 0n) paid.set(claim.jobId, (paid.get(claim.jobId) ?? 0) + 1);
      if (claim.outputRoot === listRoot(outputsOf(this.submitted.get(claim.jobId)!).map(tensorRoot))) return;
      counts.told++;
      if (!honest.some((address) => isDrawn(beacon, address, { index: BigInt(index), rate: TERMS.rate }))) return;
      counts.drawn++;
      if (!this.chain.contracts.forfeited.has(claim.executor.toLowerCase())) faults.push(`the lie about ${claim.jobId} was drawn and not caught`);
    });
    return counts;
  }

  private states(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { state } of this.database.rows.jobs.values()) counts[state] = (counts[state] ?? 0) + 1;
    return counts;
  }
}
