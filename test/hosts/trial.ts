import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '#testing';
import { audit, type Audit } from './audit.js';
import { startCluster } from './cluster.js';
import { faultsOf, suffer } from './faults.js';
import { Traffic } from './traffic.js';
import { HOSTS, Wire } from './wire.js';

export interface TrialOptions {
  readonly seed: number;
  /** Of four faults each. */
  readonly rounds: number;
  /** The longest a fault lasts; the shortest is two seconds. */
  readonly longestMs: number;
  readonly say: (line: string) => void;
}

export interface Outcome extends Audit {
  readonly seed: number;
  readonly hosts: number;
  readonly faults: readonly string[];
  readonly jobs: number;
  readonly answered: number;
  readonly lost: readonly string[];
  readonly repeatedCalls: Readonly<Record<string, number>>;
  readonly longestAnswerMs: number;
  readonly seconds: number;
}

const SHORTEST_MS = 2_000;
const HEAL_MS = 2_000;
/** Answered before the first fault. */
const WARM_JOBS = 6;
const WARM_MS = 60_000;

/** Jobs all the time while links are cut and processes killed on three hosts; then everything heals and is counted. */
export async function runTrial({ seed, rounds, longestMs, say }: TrialOptions): Promise<Outcome> {
  const started = performance.now();
  const random = seededRandom(seed);
  const dir = mkdtempSync(join(tmpdir(), 'assay-hosts-'));
  const wire = Wire.lay();
  try {
    const cluster = await startCluster(dir, wire);
    try {
      say(`seed ${seed}: ${HOSTS.length} hosts are up, logs in ${join(dir, 'logs')}`);
      const traffic = await Traffic.start(cluster, seededRandom(random.between(0, 2 ** 31)));
      // WHY: models are fetched and tested first, and a fault before that would strike a network without work.
      for (const until = Date.now() + WARM_MS; traffic.sent.answered.size < WARM_JOBS && Date.now() < until; ) await sleep(100);
      const faults: string[] = [];
      for (const fault of Array.from({ length: rounds }, () => faultsOf(cluster, random)).flat()) {
        const lastsMs = random.between(SHORTEST_MS, longestMs);
        await suffer(fault, { lastsMs, healsMs: HEAL_MS });
        faults.push(`${fault.name} for ${lastsMs} ms`);
        say(`${faults.at(-1)}: ${traffic.sent.answered.size} jobs answered by now`);
      }
      const sent = await traffic.stop();
      const counted = await audit(cluster);
      const outcome = { seed, hosts: HOSTS.length, faults, jobs: sent.answered.size + sent.lost.size, answered: sent.answered.size, lost: [...sent.lost].map(([jobId, code]) => `${jobId} ${code}`), ...counted };
      return { ...outcome, repeatedCalls: Object.fromEntries(sent.repeated), longestAnswerMs: sent.longestMs, seconds: Math.round((performance.now() - started) / 1000) };
    } finally {
      await cluster.stop();
    }
  } finally {
    wire.remove();
    if (!process.env['ASSAY_KEEP']) rmSync(dir, { recursive: true, force: true });
  }
}

/** What must not be; empty if all is well. */
export function wrongs({ jobs, answered, lost, states, missing, twice, overcharged, batchesTwice }: Outcome): string[] {
  const rules: [boolean, string][] = [
    [answered === 0, 'nothing was answered'],
    [lost.length > 0, `${lost.length} jobs were never answered: ${lost.slice(0, 5).join(', ')}`],
    [states['final'] !== answered, `${answered} jobs were answered, ${states['final']} are final`],
    [answered !== jobs, `of ${jobs} jobs ${answered} were answered`],
    [missing > 0, `${missing} final jobs are in no batch on chain`],
    [twice !== 0, `batches on chain hold ${twice} claims more than there are final jobs`],
    [overcharged !== 0n, `the submitter was charged ${overcharged} more than the final jobs cost`],
    [batchesTwice > 0, `${batchesTwice} batches are on chain twice`],
  ];
  return rules.flatMap(([isWrong, what]) => (isWrong ? [what] : []));
}
