import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PROJECT_ROOT } from '#testing';

function run(...args: string[]) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(PROJECT_ROOT, 'dist/test/network/main.js'), ...args], { encoding: 'utf8', timeout: 300_000 });
  return { status, stderr, report: JSON.parse(stdout || '{}') as { seeds: number; failed: number[]; lies: number; games: number } };
}

it('simulated networks come to rest with nothing lost, paid twice or wrongly slashed, whatever the seed', () => {
  const first = Number(process.env['TEST_SEED'] ?? 500);
  const { status, stderr, report } = run('--seed', String(first), '--seeds', '12', '--seconds', '40');
  console.log(stderr, report);
  expect({ status, failed: report.failed }).toEqual({ status: 0, failed: [] });
  expect(report.seeds).toBeGreaterThan(0);
}, 300_000);

it.each([[257, 'the chain was silent when a beacon was due, and the batch was never looked at again']])('seed %d stays mended: %s', (seed) => {
  expect(run('--seed', String(seed), '--seeds', '1').report.failed).toEqual([]);
}, 300_000);

it('a seed plays the same every time', () => {
  const [one, other] = [run('--seed', '3', '--seeds', '2', '--verbose'), run('--seed', '3', '--seeds', '2', '--verbose')];
  expect(one.stderr).toContain('fingerprint');
  expect(other.stderr).toBe(one.stderr);
}, 300_000);
