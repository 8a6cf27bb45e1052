import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PROJECT_ROOT } from '#testing';

function run(...args: string[]) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(PROJECT_ROOT, 'dist/test/network/main.js'), ...args], { encoding: 'utf8', timeout: 800_000 });
  return { status, stderr, report: JSON.parse(stdout || '{}') as { seeds: number; failed: number[]; lies: number; games: number } };
}

it('a thousand simulated networks come to rest with nothing lost, paid twice or wrongly slashed', () => {
  const first = Number(process.env['TEST_SEED'] ?? 1);
  const { stderr, report } = run('--seed', String(first), '--seeds', '1000', '--seconds', '600');
  console.log(stderr, report);
  expect(report.failed).toEqual([]);
  // WHY fewer: on a machine that does ten other things the time is up before.
  expect(report.seeds).toBeGreaterThanOrEqual(100);
}, 900_000);

it('a seed plays the same every time, whatever was played before it in its thread or beside it', () => {
  const fingerprints = (stderr: string) => stderr.split('\n').filter((line) => line.startsWith('{'));
  const together = fingerprints(run('--seed', '3', '--seeds', '4', '--workers', '2', '--verbose').stderr);
  expect(together).toHaveLength(4);
  expect(fingerprints(run('--seed', '6', '--seeds', '1', '--verbose').stderr)).toEqual(together.slice(3));
}, 300_000);

it('faults put in on purpose make networks fail', () => {
  const { status, stderr } = run('--mutants', '--seeds', '300');
  console.log(stderr);
  expect(status).toBe(0);
}, 600_000);
