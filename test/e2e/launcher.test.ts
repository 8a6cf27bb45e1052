import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { findNatsServer, PROJECT_ROOT } from '#testing';

const dir = mkdtempSync(join(tmpdir(), 'assay-launch-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it('says what is missing on a machine without Node', () => {
  const { status, stderr } = spawnSync('/bin/sh', [join(PROJECT_ROOT, 'assay'), 'demo'], { env: { PATH: '/nowhere' }, encoding: 'utf8' });
  expect(stderr).toMatch(/needs Node\.js 20\.19 or newer/);
  expect(status).toBe(69);
});

it('says so on a machine with an old Node', () => {
  const pretend = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.4' } })`;
  const { status, stderr } = spawnSync(process.execPath, ['--import', pretend, join(PROJECT_ROOT, 'scripts/launch.mjs'), '--version'], { encoding: 'utf8' });
  expect(stderr).toBe('assay needs Node.js 20.19 or newer, this is 18.20.4: install a newer one from https://nodejs.org\n');
  expect(status).toBe(69);
});

it('starts through a symbolic link and from another folder, quietly and quickly once built', () => {
  symlinkSync(join(PROJECT_ROOT, 'assay'), join(dir, 'linked'));
  const launch = () => spawnSync(join(dir, 'linked'), ['--version'], { cwd: dir, encoding: 'utf8' });
  expect(launch().status).toBe(0);
  const { status, stdout, stderr } = launch();
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(status).toBe(0);
}, 180_000);

it('two launchers do not prepare at once, and a lock left behind by a dead one does not stop the next', async () => {
  const log = join(dir, 'log');
  writeFileSync(log, '');
  const state = join(dir, 'state');
  const script = `
    import { appendFileSync } from 'node:fs';
    const { withLock } = await import(${JSON.stringify(join(PROJECT_ROOT, 'scripts/launch/lock.mjs'))});
    await withLock(async () => {
      appendFileSync(${JSON.stringify(log)}, 'in ');
      await new Promise((resolve) => setTimeout(resolve, 300));
      appendFileSync(${JSON.stringify(log)}, 'out ');
    }, ${JSON.stringify(state)});`;
  const file = join(dir, 'prepare.mjs');
  writeFileSync(file, script);
  const run = () => new Promise<number | null>((resolve) => spawn(process.execPath, [file], { stdio: 'ignore' }).once('close', resolve));
  expect(await Promise.all([run(), run(), run()])).toEqual([0, 0, 0]);
  expect(readFileSync(log, 'utf8')).toBe('in out in out in out ');
  writeFileSync(join(state, 'lock'), '999999999');
  expect(await run()).toBe(0);
}, 30_000);

it('names the command that brings nats-server where the one given does not run', async () => {
  await expect(findNatsServer({ NATS_SERVER_BIN: join(dir, 'absent') }, () => undefined)).rejects.toMatchObject({ code: 'TOOL_MISSING', facts: { command: expect.stringMatching(/install nats-server$/) as string } });
});
