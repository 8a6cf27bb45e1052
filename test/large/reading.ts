import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT_ROOT } from '#testing';
import type { Outcome } from './reader.js';

/** Compiles files in a process of their own; its memory before the first is in `base`. Needs a build. */
export function readInChild(files: readonly string[]): { base: number; outcomes: Outcome[] } {
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, [join(PROJECT_ROOT, 'dist/test/large/reader.js'), '/dev/null', ...files], { encoding: 'utf8', maxBuffer: 2 ** 24, timeout: 600_000, cwd: PROJECT_ROOT });
  if (status !== 0) throw new Error(`the reading process ended with ${status ?? signal}: ${stderr.slice(-2000)}`);
  const [base, ...outcomes] = stdout.trim().split('\n').map((line) => JSON.parse(line) as Outcome);
  return { base: base!.peak, outcomes };
}
