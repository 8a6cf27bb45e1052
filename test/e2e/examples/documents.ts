import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_ROOT } from '#testing';

/** Pages whose commands are run: `sh` blocks here, one after the other; `console` blocks by the test that is named below. */
export const PAGES = ['docs/quick-start.md', ...readdirSync(join(PROJECT_ROOT, 'docs/how-to')).sort().map((name) => `docs/how-to/${name}`)];

/** Commands that start or stop networks, or need what only their own test has. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  './assay up': 'test/e2e/up.test.ts',
  './assay demo': 'test/e2e/demo.test.ts',
  './assay test': '.ci/run',
  'npm run test:examples': 'test/e2e/examples.test.ts',
  'npm run docs': 'scripts/generate-docs.mjs',
  'node dist/examples/solidity/reader.js': 'test/e2e/examples.test.ts',
  'assay relay': 'test/e2e/examples.test.ts',
  'assay executor': 'test/e2e/joining.test.ts',
  'assay challenger': 'test/e2e/joining.test.ts',
  'assay challenger seat': 'apps/cli/money-commands.test.ts',
  'ASSAY_PAID_CHECKS=true assay challenger start': 'test/e2e/checks.test.ts',
  'assay peer': 'test/e2e/joining.test.ts',
  'assay dispute show': 'test/e2e/command-line.test.ts',
  'assay backup': 'test/e2e/backup.test.ts',
  'assay restore': 'test/e2e/backup.test.ts',
};

const pageText = (page: string) => readFileSync(join(PROJECT_ROOT, page), 'utf8');

function blocks(page: string, language: string): string[] {
  return [...pageText(page).matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].filter(([, found]) => found === language).map(([, , text]) => text!);
}

/** What a page says to run elsewhere and no test does. */
export function unrun(page: string): string[] {
  const commands = blocks(page, 'console').flatMap((text) => text.split('\n')).filter((line) => line.startsWith('$ ')).map((line) => line.slice(2));
  return commands.filter((command) => !Object.entries(ELSEWHERE).some(([start, test]) => command.startsWith(start) && existsSync(join(PROJECT_ROOT, test))));
}

/** A folder that looks like the checkout, with a network of its own in .assay and `assay` on the path. */
export function checkoutIn(folder: string): string {
  for (const name of ['contracts', 'data', 'dist', 'examples', 'libs', 'models', 'node_modules', 'package.json', 'vitest.config.ts']) symlinkSync(join(PROJECT_ROOT, name), join(folder, name));
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'assay'), `#!/bin/sh\nexec "${process.execPath}" "${join(PROJECT_ROOT, 'dist/apps/cli/main.js')}" "$@"\n`);
  chmodSync(join(bin, 'assay'), 0o755);
  return join(folder, '.assay');
}

/** Runs a page's commands as somebody would who follows it from top to bottom. */
export function follow(page: string, folder: string): Promise<{ code: number | null; said: string }> {
  return run(['set -euo pipefail', ...blocks(page, 'sh')].join('\n'), folder);
}

/** A script in such a folder. */
export function run(script: string, folder: string): Promise<{ code: number | null; said: string }> {
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(ASSAY_|DATABASE_URL|VITEST|NODE_OPTIONS)/.test(name)));
  const child = spawn('bash', ['-c', script], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], env: { ...environment, PATH: `${join(folder, 'bin')}:${process.env['PATH']}` } });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, said })));
}
