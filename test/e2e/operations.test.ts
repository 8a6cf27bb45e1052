import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromSeed } from '@nats-io/nkeys';
import { freePort, PROJECT_ROOT } from '#testing';
import { Surroundings } from '../../apps/coordinator/coordinator.fixture.js';
import { checkoutIn, run } from './examples/documents.js';

const TOKEN = 'a token of somebody who runs coordinators';
const PAGE = readFileSync(join(PROJECT_ROOT, 'docs/operations.md'), 'utf8');
/** What needs a setting that only its own test has, or is too long for this: the test, or the program that it is. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'assay executor id': 'test/e2e/joining.test.ts',
  'assay executor start': 'test/e2e/joining.test.ts',
  'assay peer admit': 'test/e2e/joining.test.ts',
  'assay stake': 'test/e2e/joining.test.ts',
  'assay monitor': 'test/e2e/joining.test.ts',
  'assay key': 'test/e2e/joining.test.ts',
  'assay backup': 'test/e2e/backup.test.ts',
  'assay restore': 'test/e2e/backup.test.ts',
  'assay doctor': 'test/e2e/command-line.test.ts',
  'assay challenger seat': 'test/e2e/checks.test.ts',
  'npm run deploy': 'test/architecture/deploy.test.ts',
  'npm run audit': 'test/architecture/audit.test.ts',
  'npm run test:hosts': 'test/e2e/hosts.test.ts',
  'npm run test:chaos': 'test/e2e/chaos.test.ts',
  'npm run soak': 'bench/soak.ts',
  'npm run bench:throughput': 'bench/throughput.ts',
};

interface Block {
  readonly language: string;
  readonly lines: readonly string[];
}

const BLOCKS: readonly Block[] = [...PAGE.matchAll(/^ *```(\w*)\n([\s\S]*?)^ *```$/gm)].map(([, language, text]) => ({ language: language!, lines: text!.split('\n').map((line) => line.replace(/\s+#.*$/, '').trim()).filter(Boolean) }));
const runHere = BLOCKS.filter(({ language }) => language === 'sh').flatMap(({ lines }) => lines);
/** In other blocks, and in the middle of sentences. */
const said = [...BLOCKS.filter(({ language }) => language === '').flatMap(({ lines }) => lines), ...[...PAGE.matchAll(/`((?:assay|npm run) [^`]+)`/g)].map(([, command]) => command!)];

let world: Surroundings;
let coordinator: Awaited<ReturnType<Surroundings['coordinator']>>;
let folder: string;
let metrics: number;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'assay-operations-'));
  checkoutIn(folder);
  world = await Surroundings.start();
  metrics = await freePort();
  coordinator = await world.coordinator('operations', { ASSAY_ADMIN_TOKEN_SHA256: createHash('sha256').update(TOKEN).digest('hex'), ASSAY_METRICS_LISTEN: `127.0.0.1:${metrics}` });
  const { account, seed, role } = world.coordinatorParty;
  writeFileSync(join(folder, 'users.json'), JSON.stringify([{ role, address: account.address, publicKey: fromSeed(new TextEncoder().encode(seed)).getPublicKey() }]));
  writeFileSync(join(folder, 'routes'), 'what servers know each other by\n');
  writeFileSync(join(folder, 'token'), `${TOKEN}\n`);
  mkdirSync(join(folder, 'secrets'));
}, 240_000);

afterAll(async () => {
  await coordinator?.stop();
  await world?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** As it is written, at the addresses that things have here. */
function here(command: string): string {
  return command.replaceAll('127.0.0.1:50051', `127.0.0.1:${coordinator.port}`).replaceAll('127.0.0.1:9464', `127.0.0.1:${metrics}`).replaceAll('0x…', world.executorAddress(0));
}

describe('docs/operations.md', () => {
  it('its commands do what it says', async () => {
    expect(runHere.length).toBeGreaterThan(6);
    const { code, said: answers } = await run(['set -euo pipefail', ...runHere.map(here)].join('\n'), folder);
    expect(code, answers).toBe(0);
    const statuses = [...answers.matchAll(/"draining": (true|false),[\s\S]*?"quarantined": \[([\s\S]*?)\]/g)].map(([, draining, quarantined]) => [draining, quarantined!.trim().toLowerCase()]);
    const executor = `"${world.executorAddress(0).toLowerCase()}"`;
    expect(statuses).toEqual([['false', ''], ['true', ''], ['false', ''], ['false', executor], ['false', '']]);
    expect(answers).toContain('"healthy":true');
    expect(answers).toContain('assay_role_held');
    expect(JSON.parse(readFileSync(join(folder, 'secrets/nats-0.conf'), 'utf8'))).toMatchObject({ server_name: 'nats-0', jetstream: {}, authorization: { users: [{ permissions: {} }] } });
  }, 240_000);

  it('every other command it names is run by a test, or is a program, that is there', () => {
    const { scripts } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    const ran = (command: string) => runHere.some((line) => line.startsWith(command.split(' ').slice(0, 3).join(' ')));
    const known = (command: string) => Object.entries(ELSEWHERE).some(([start, file]) => command.startsWith(start) && existsSync(join(PROJECT_ROOT, file)));
    expect(said.length).toBeGreaterThan(15);
    expect(said.filter((command) => !ran(command) && !known(command))).toEqual([]);
    expect(said.filter((command) => command.startsWith('npm run ') && !(command.split(' ')[2]! in scripts))).toEqual([]);
  });

  it('every variable it names is one that a process or the command line reads', () => {
    const read = ['docs/reference/configuration.md', 'apps/cli/place.ts', 'libs/platform/keystore.ts', 'libs/platform/config.ts'].map((file) => readFileSync(join(PROJECT_ROOT, file), 'utf8')).join('\n');
    const names = [...new Set([...PAGE.matchAll(/\bASSAY_[A-Z0-9_]+[A-Z0-9]/g)].map(([name]) => name))];
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((name) => !read.includes(name.replace(/_FILE$/, '')))).toEqual([]);
  });
});
