import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { PROJECT_ROOT } from '../place.js';
import { startChild } from './child.js';
import { Supervised } from './supervisor.js';

const dir = mkdtempSync(join(tmpdir(), 'assay-child-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const script = (name: string, text: string) => {
  writeFileSync(join(dir, name), text);
  return { name, command: process.execPath, args: [join(dir, name)], logFile: join(dir, `${name}.log`) };
};
const READY = `console.log(JSON.stringify({ ready: true, port: 7 }));`;

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it('waits for the ready line and keeps what the process says', async () => {
  const child = await startChild(script('ready.mjs', `console.error('a word');${READY}setInterval(() => 0, 1000);`));
  expect(child.facts).toMatchObject({ port: 7 });
  expect(alive(child.pid)).toBe(true);
  await child.stop();
  expect(alive(child.pid)).toBe(false);
  expect(readFileSync(child.logFile, 'utf8')).toContain('a word');
});

it('says why a process did not become ready', async () => {
  await expect(startChild(script('broken.mjs', `console.error('no such port');process.exit(3);`))).rejects.toMatchObject({ code: 'PEER_SILENT', message: expect.stringMatching(/exit code 3/) as string, facts: { lastLines: expect.arrayContaining(['no such port']) as string[] } });
});

it('kills what does not become ready in time', async () => {
  const started = Date.now();
  await expect(startChild({ ...script('slow.mjs', `setInterval(() => 0, 1000);`), readyWithinMs: 300 })).rejects.toMatchObject({ code: 'PEER_SILENT' });
  expect(Date.now() - started).toBeLessThan(5_000);
});

it('restarts a process that ends, and gives up on one that always does', async () => {
  const lines: string[] = [];
  const counter = join(dir, 'count');
  writeFileSync(counter, '');
  const options = script('restless.mjs', `import { appendFileSync, readFileSync } from 'node:fs';appendFileSync(${JSON.stringify(counter)}, 'x');${READY}if (readFileSync(${JSON.stringify(counter)}, 'utf8').length === 1) process.exit(1);setInterval(() => 0, 1000);`);
  const supervised = await Supervised.start({ ...options, report: (line) => lines.push(line) });
  for (let i = 0; i < 100 && !lines.some((line) => line.includes('runs again')); i++) await sleep(50);
  expect(lines.join('\n')).toMatch(/ended \(exit code 1\)[\s\S]*runs again/);
  const { pid } = supervised.current;
  await supervised.stop();
  await sleep(700);
  expect(alive(pid)).toBe(false);
  expect(readFileSync(counter, 'utf8')).toBe('xx');
}, 20_000);

it('nothing outlives a starter that is killed, not even what ignores SIGTERM', async () => {
  const stubborn = script('stubborn.mjs', `process.on('SIGTERM', () => 0);${READY}setInterval(() => 0, 1000);`);
  // WHY: the watchman itself is plain JavaScript, so a plain starter can use it as watchOver does.
  const starter = script(
    'starter.mjs',
    `import { spawn } from 'node:child_process';
     const watchman = spawn(process.execPath, [${JSON.stringify(join(PROJECT_ROOT, 'scripts/watchman.mjs'))}], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
     const child = spawn(process.execPath, [${JSON.stringify(stubborn.args[0])}], { detached: true, stdio: 'ignore' });
     watchman.stdin.write('+' + child.pid + '\\n');
     console.log(JSON.stringify({ child: child.pid, watchman: watchman.pid }));
     setInterval(() => 0, 1000);`,
  );
  const process_ = spawn(starter.command, starter.args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const { child, watchman } = JSON.parse(String(await new Promise((resolve) => process_.stdout.once('data', resolve)))) as { child: number; watchman: number };
  await sleep(300);
  expect([alive(child), alive(watchman)]).toEqual([true, true]);
  process_.kill('SIGKILL');
  for (let i = 0; i < 120 && (alive(child) || alive(watchman)); i++) await sleep(50);
  expect([alive(child), alive(watchman)]).toEqual([false, false]);
}, 20_000);
