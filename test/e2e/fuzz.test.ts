import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PROJECT_ROOT } from '#testing';

it('mutated files, replies, logs, endpoints, calls and messages are refused with a code; nothing crashes, hangs or grows', () => {
  const seed = process.env['TEST_SEED'] ?? String(Date.now() % 2 ** 31);
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(PROJECT_ROOT, 'dist/test/fuzz/main.js'), '--seed', seed, '--cases', '100'], { encoding: 'utf8', timeout: 540_000 });
  console.log(stderr, stdout);
  expect({ status, ...(JSON.parse(stdout || '{}') as object) }).toMatchObject({ status: 0, faults: 0 });
}, 600_000);
