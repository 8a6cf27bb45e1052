import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Of the run, for caches to fill and pools to open. */
export const WARM_UP = 1 / 3;
/** What may be more at the end than after the warm-up: connections that come and go. */
const SPARE = { files: 12, sockets: 12, sessions: 1, threads: 8 } as const;
/** Growth of resident memory from warm-up to end by the fitted line, in MB, of which the larger counts. */
const MAX_GROWTH_MB = 40;
const MAX_GROWTH_SHARE = 0.15;

/** What a process holds at a moment of a run. */
export interface Sample {
  readonly minute: number;
  readonly megabytes: number;
  readonly files: number;
  readonly sockets: number;
  readonly threads: number;
  /** Model sessions: each is a process of its own. */
  readonly sessions: number;
}

/** First and last values after the warm-up, the line fitted to the memory, and what grew. */
export function judged(taken: readonly Sample[]) {
  const warm = taken.slice(Math.floor(taken.length * WARM_UP));
  const slope = slopeOf(warm.map(({ minute, megabytes }) => [minute, megabytes]));
  const span = warm.at(-1)!.minute - warm[0]!.minute;
  const median = [...warm].sort((a, b) => a.megabytes - b.megabytes)[Math.floor(warm.length / 2)]!.megabytes;
  const leaks: string[] = [];
  if (slope * span > Math.max(MAX_GROWTH_MB, MAX_GROWTH_SHARE * median)) leaks.push(`memory grows by ${round(slope)} MB a minute`);
  for (const key of Object.keys(SPARE) as (keyof typeof SPARE)[]) {
    const [before, after] = [warm.slice(0, 10), warm.slice(-10)].map((some) => Math.min(...some.map((sample) => sample[key]))) as [number, number];
    if (after > before + SPARE[key]) leaks.push(`${key} from ${before} to ${after}`);
  }
  return { first: rounded(warm[0]!), last: rounded(warm.at(-1)!), medianMb: round(median), slopeMbPerMinute: round(slope), leaks };
}

function rounded(sample: Sample): Sample {
  return { ...sample, minute: round(sample.minute), megabytes: round(sample.megabytes) };
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
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (key: string) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1]);
  const links = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return [];
    }
  });
  const sessions = readdirSync(`/proc/${pid}/task`).reduce((sum, task) => {
    try {
      return sum + readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).length;
    } catch {
      return sum;
    }
  }, 0);
  return { minute, megabytes: of('VmRSS') / 1024, files: links.length, sockets: links.filter((link) => link.startsWith('socket:')).length, threads: of('Threads'), sessions };
}

export function round(value: number): number {
  return Number(value.toFixed(2));
}
