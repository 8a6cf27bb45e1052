import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { privateKeyToAccount } from 'viem/accounts';
import type { Tensor } from '#core/hashing';
import { KeyBook } from '#io/keys';
import { describeError } from '#platform';
import { connect, type Assay } from '#sdk';
import { freePort, PROJECT_ROOT, startNetwork, startPostgres, type Network } from '#testing';
import { collecting, heldBy, judged, round, sampleOf, WARM_UP, type Sample } from './flatness.js';

/**
 * A network under 80 % of the load that it first shows it can take, and what its processes hold on to meanwhile.
 *
 *   npm run soak -- [--minutes 30] [--capacity-seconds 30] [--json] [--save]
 */
const number = (name: string, otherwise: number) => (process.argv.includes(name) ? Number(process.argv[process.argv.indexOf(name) + 1]) : otherwise);
const MINUTES = number('--minutes', 30);
const CAPACITY_SECONDS = number('--capacity-seconds', 30);
const SHARE = 0.8;
const AT_ONCE = 24;
/** Of all jobs; more means that the network took fewer at the end of the run than it had shown it can. */
const MAX_LEFT_OUT = 0.05;
/** Beyond this the network was slower than when its capacity was measured, and jobs are left out rather than heaped up. */
const MAX_OPEN = 200;
/** One of so many goes through the gateway. */
const BY_GATEWAY = 10;
const SAMPLES = 120;
/** At one of so many samples a process collects its garbage. WHY not at each: what is resident should be what it is without being asked. */
const COLLECT_EVERY = 10;
/** Processes of ours, which collect when asked. */
const OURS = ['coordinator', 'gateway', 'executor-1', 'executor-2', 'challenger-1'] as const;
/** What is not ours to judge. WHY: the test chain keeps its whole past in memory. */
const NOT_JUDGED = new Set(['chain']);

/** Jobs, as many at once or as many a second as told. */
class Load {
  answered = 0;
  failed = 0;
  leftOut = 0;
  private open = 0;
  private count = 0;

  constructor(
    private readonly assay: Assay,
    private readonly model: `0x${string}`,
    private readonly gateway: { readonly url: string; readonly key: string },
  ) {}

  reset(): void {
    [this.answered, this.failed, this.leftOut] = [0, 0, 0];
  }

  /** Jobs a second with always as many on their way. */
  async capacity(seconds: number): Promise<number> {
    const end = performance.now() + seconds * 1000;
    let done = 0;
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (; performance.now() < end; done++) await this.submit();
      }),
    );
    return done / seconds;
  }

  /** So many a second until `end`, whether answers come or not, up to a bound. */
  async run(perSecond: number, end: number): Promise<void> {
    const started = performance.now();
    for (let due = 0; performance.now() < end; await sleep(10)) {
      for (; due < ((performance.now() - started) / 1000) * perSecond; due++) this.start();
    }
    while (this.open > 0) await sleep(50);
  }

  private start(): void {
    if (this.open >= MAX_OPEN) return void this.leftOut++;
    this.open++;
    void this.submit().then(
      () => this.answered++,
      (error: unknown) => (this.failed++, say(describeError(error))),
    ).finally(() => this.open--);
  }

  private async submit(): Promise<void> {
    const number = this.count++;
    const pixels = new Float32Array(784).fill(number % 100_000);
    if (number % BY_GATEWAY === 0) return this.infer(pixels);
    const input: Tensor = { dtype: 'float32', dims: [1, 1, 28, 28], data: new Uint8Array(pixels.buffer) };
    await this.assay.submit({ model: this.model, inputs: [input] });
  }

  private async infer(pixels: Float32Array): Promise<void> {
    const { url, key } = this.gateway;
    const body = JSON.stringify({ inputs: [{ name: 'Input3', datatype: 'FP32', shape: [1, 1, 28, 28], data: [...pixels] }] });
    const response = await fetch(`${url}/v2/models/mnist/infer`, { method: 'POST', body, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' } });
    const text = await response.text();
    if (!response.ok) throw new Error(`gateway ${response.status}: ${text.slice(0, 200)}`);
  }
}

const say = (line: string) => process.stderr.write(`${line}\n`);
const dir = mkdtempSync(join(tmpdir(), 'assay-soak-'));
const monitor = await freePort();
const postgres = await startPostgres();
let network: Network | undefined;
try {
  const environment = Object.fromEntries(OURS.map((name) => [name, { ...collecting(collectedBy(name)), ...(name.startsWith('executor') ? { ASSAY_CAPACITY: '16' } : {}) }]));
  network = await startNetwork({ dir, executors: 2, challengers: 1, gateway: true, databaseUrl: postgres.url, logLevel: 'warn', brokerMonitorPort: monitor, environment });
  const assay = await connect({ url: network.urls.grpc, deployment: network.deployment, account: privateKeyToAccount(network.keys.privateKey('submitter')) });
  const { modelId } = await assay.register({ name: 'mnist', file: new Uint8Array(readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx'))) });
  const { text: key } = await new KeyBook(network.folder.path('gateway', 'keys')).create({ name: 'soak', cap: 10n ** 21n, expiresAt: null, now: Date.now() });
  const load = new Load(assay, modelId, { url: network.urls.inference!.http, key });
  await load.capacity(10);
  const capacity = await load.capacity(CAPACITY_SECONDS);
  say(`capacity: ${capacity.toFixed(1)} jobs a second; ${MINUTES} minutes at ${SHARE * 100} %`);
  const { samples, broker, database, seconds } = await soak(network, load, capacity * SHARE);
  const processes = Object.fromEntries([...samples].map(([name, taken]) => [name, judged(taken)]));
  const leaks = Object.entries(processes).flatMap(([name, { leaks }]) => (NOT_JUDGED.has(name) ? [] : leaks.map((leak) => `${name}: ${leak}`)));
  if (broker.last > broker.first + 4) leaks.push(`broker: subscriptions from ${broker.first} to ${broker.last}`);
  if (database.last > database.first + 4) leaks.push(`database: connections from ${database.first} to ${database.last}`);
  if (load.leftOut > MAX_LEFT_OUT * (load.answered + load.leftOut)) leaks.push(`slower than when its capacity was measured: ${load.leftOut} jobs left out`);
  const report = { minutes: Number((seconds / 60).toFixed(1)), model: 'mnist', capacityJobsPerSecond: round(capacity), share: SHARE, jobs: load.answered, jobsPerSecond: round(load.answered / seconds), failed: load.failed, leftOut: load.leftOut, cores: cpus().length, subscriptions: broker, databaseConnections: database, processes, leaks };
  if (process.argv.includes('--json')) console.log(JSON.stringify(report));
  else console.log(JSON.stringify(report, null, 2));
  if (process.argv.includes('--save')) {
    mkdirSync(join(PROJECT_ROOT, 'bench/results'), { recursive: true });
    writeFileSync(join(PROJECT_ROOT, 'bench/results/soak.json'), `${JSON.stringify(report, null, 2)}\n`);
    writeFileSync(join(PROJECT_ROOT, 'bench/results/soak.md'), page(report));
  }
  process.exitCode = leaks.length > 0 || load.failed > 0 ? 1 : 0;
  assay.close();
} finally {
  await network?.stop();
  await postgres.stop();
  rmSync(dir, { recursive: true, force: true });
}

/** Where a process says that it collected its garbage. */
function collectedBy(name: string): string {
  return join(dir, `${name}.collected`);
}

interface Report {
  readonly minutes: number;
  readonly capacityJobsPerSecond: number;
  readonly jobsPerSecond: number;
  readonly jobs: number;
  readonly failed: number;
  readonly leftOut: number;
  readonly subscriptions: Ends;
  readonly databaseConnections: Ends;
  readonly processes: Readonly<Record<string, ReturnType<typeof judged>>>;
  readonly leaks: readonly string[];
}

/** bench/results/soak.md */
function page({ minutes, capacityJobsPerSecond, jobsPerSecond, jobs, failed, leftOut, subscriptions, databaseConnections, processes, leaks }: Report): string {
  const rows = Object.entries(processes).map(([name, { first, last, medianMb, heldFirst, heldLast, slopeMbPerMinute }]) => {
    const both = (['files', 'sockets', 'threads', 'sessions'] as const).map((key) => `${first[key]} → ${last[key]}`);
    return `| ${[name, first.megabytes, last.megabytes, medianMb, heldFirst, heldLast, slopeMbPerMinute, ...both].join(' | ')} |`;
  });
  return `# Soak

\`npm run soak -- --minutes ${MINUTES} --json --save\`, ${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}.

${minutes} minutes at ${SHARE * 100} % of ${capacityJobsPerSecond} jobs a second: ${jobs} jobs answered (${jobsPerSecond} a second), ${failed} failed, ${leftOut} left out because the network was slower just then than when its capacity was measured. MNIST, one of ${BY_GATEWAY} jobs through the gateway.

From the end of the warm-up (a third of the time) to the end; MB are resident, model processes included. Held is what is resident half a second after a process collected its garbage, at one of ${COLLECT_EVERY} samples; the slope is of the line fitted to that (for broker and chain to what is resident). The test chain keeps its past in memory and is not judged.

| process | MB first | MB last | median | held first | held last | MB held a minute | files | sockets | threads | model sessions |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

Subscriptions at the broker: ${subscriptions.first} → ${subscriptions.last}. Connections to the database: ${databaseConnections.first} → ${databaseConnections.last}.

Leaks: ${leaks.join('; ') || 'none'}.
`;
}

interface Ends {
  readonly first: number;
  readonly last: number;
}

async function soak({ processes }: Network, load: Load, perSecond: number): Promise<{ samples: Map<string, Sample[]>; broker: Ends; database: Ends; seconds: number }> {
  const samples = new Map<string, Sample[]>();
  const shared: { subscriptions: number; connections: number }[] = [];
  const started = performance.now();
  const end = started + MINUTES * 60_000;
  load.reset();
  const running = load.run(perSecond, end);
  for (let i = 0; performance.now() < end; i++) {
    await sleep((MINUTES * 60_000) / SAMPLES);
    for (const { name, current } of processes) {
      const sample = sampleOf(current.pid, (performance.now() - started) / 60_000);
      const held = i % COLLECT_EVERY === 0 && OURS.some((ours) => ours === name) ? { held: await heldBy(current.pid, collectedBy(name)) } : {};
      samples.set(name, [...(samples.get(name) ?? []), { ...sample, ...held }]);
    }
    shared.push({ subscriptions: await subscriptions(), connections: await connections() });
    if (i % 10 === 9) say(`minute ${((performance.now() - started) / 60_000).toFixed(1)}: ${load.answered} jobs, ${load.failed} failed`);
  }
  await running;
  const ends = (key: 'subscriptions' | 'connections') => ({ first: shared[Math.floor(shared.length * WARM_UP)]![key], last: shared.at(-1)![key] });
  return { samples, broker: ends('subscriptions'), database: ends('connections'), seconds: (performance.now() - started) / 1000 };
}

async function subscriptions(): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${monitor}/varz`);
  return ((await response.json()) as { subscriptions: number }).subscriptions;
}

async function connections(): Promise<number> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
    return Number(rows[0]!.count);
  } finally {
    await client.end();
  }
}
