import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { PROJECT_ROOT } from '#testing';

it('every dependency is pinned by its hash and explained, and no install script is unknown', () => {
  const { stdout, status } = spawnSync(process.execPath, ['scripts/audit.mjs', '--offline', '--json'], { cwd: PROJECT_ROOT, encoding: 'utf8' });
  expect(JSON.parse(stdout)).toMatchObject({ ok: true, faults: [] });
  expect(status).toBe(0);
});
