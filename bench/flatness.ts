import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { PROJECT_ROOT } from '#testing';

/** Of the run, for caches to fill and pools to open. */
export const WARM_UP = 1 / 3;
/** What may be more at the end than after the warm-up: connections that come and go. */
const SPARE = { files: 12, sockets: 12, sessions: 1, threads: 8 } as const;
/** Growth of the memory held from warm-up to end by the fitted line, in MB, of which the larger counts. */
const MAX_GROWTH_MB = 40;
const MAX_GROWTH_SHARE = 0.15;
const COLLECT_WITHIN_MS = 10_000;

/** What a process holds at a moment of a run. */
export interface Sample {
  readonly minute: number;
  /** Resident, with its model processes. */
  readonly megabytes: number;
  /** The same right after the process collected its garbage, if it was asked to: what it holds on to. */
  readonly held?: number;
  readonly files: number;
  readonly sockets: number;
  readonly threads: number;
  /** Model sessions: each is a process of its own. */
  readonly sessions: number;
}

/** First and last values after the warm-up, the line fitted to the memory held, and what grew. */
export function judged(taken: readonly Sample[]) {
  const warm = taken.slice(Math.floor(taken.length * WARM_UP));
  const collected = warm.flatMap(({ minute, held }) => (held === undefined ? [] : [[minute, held] as const]));
  const held = collected.length > 0 ? collected : warm.map(({ minute, megabytes }) => [minute, megabytes] as const);
  const slope = slopeOf(held);
  const span = warm.at(-1)!.minute - warm[0]!.minute;
  const leaks: string[] = [];
  if (slope * span > Math.max(MAX_GROWTH_MB, MAX_GROWTH_SHARE * median(held.map(([, megabytes]) => megabytes)))) leaks.push(`memory grows by ${round(slope)} MB a minute`);
  for (const key of Object.keys(SPARE) as (keyof typeof SPARE)[]) {
    const [before, after] = [warm.slice(0, 10), warm.slice(-10)].map((some) => Math.min(...some.map((sample) => sample[key]))) as [number, number];
    if (after > before + SPARE[key]) leaks.push(`${key} from ${before} to ${after}`);
  }
  const [heldFirst, heldLast] = [held[0]![1], held.at(-1)![1]].map(round);
  return { first: rounded(warm[0]!), last: rounded(warm.at(-1)!), medianMb: round(median(warm.map(({ megabytes }) => megabytes))), heldFirst, heldLast, slopeMbPerMinute: round(slope), leaks };
}

function rounded({ held: _, ...sample }: Sample): Sample {
  return { ...sample, minute: round(sample.minute), megabytes: round(sample.megabytes) };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** Least squares. */
function slopeOf(points: readonly (readonly [number, number])[]): number {
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [mx, my] = [mean(0), mean(1)];
  const variance = points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  return variance === 0 ? 0 : points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / variance;
}

/** Of a process of this machine, by Linux' own account. */
export function sampleOf(pid: number, minute: number): Sample {
  const links = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => unlessGone(() => [readlinkSync(`/proc/${pid}/fd/${fd}`)], []));
  const models = childrenOf(pid);
  return { minute, megabytes: residentOf([pid, ...models]), files: links.length, sockets: links.filter((link) => link.startsWith('socket:')).length, threads: Number(statusOf(pid, 'Threads')), sessions: models.length };
}

/** Environment of a Node process that is to collect its garbage when asked, and to say so by making the file `collected`. */
export function collecting(collected: string): Record<string, string> {
  return { NODE_OPTIONS: `--import=${pathToFileURL(join(PROJECT_ROOT, 'bench/collect.mjs')).href}`, COLLECTED: collected };
}

/** Megabytes resident in such a process and its model processes after it collected its garbage. @throws Error if it does not within ten seconds */
export async function heldBy(pid: number, collected: string): Promise<number> {
  rmSync(collected, { force: true });
  process.kill(pid, 'SIGUSR2');
  for (const deadline = Date.now() + COLLECT_WITHIN_MS; !existsSync(collected); await sleep(20)) {
    if (Date.now() > deadline) throw new Error(`process ${pid} has not collected its garbage within ${COLLECT_WITHIN_MS} ms`);
  }
  return residentOf([pid, ...childrenOf(pid)]);
}

function residentOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + unlessGone(() => Number.parseInt(statusOf(pid, 'VmRSS')), 0) / 1024, 0);
}

function statusOf(pid: number, key: string): string {
  return new RegExp(`${key}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
}

function childrenOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) => unlessGone(() => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number), []));
}

/** WHY: files, threads and model processes end between being listed and being looked at. */
function unlessGone<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}

export function round(value: number): number {
  return Number(value.toFixed(2));
}
