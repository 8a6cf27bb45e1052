import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { PROJECT_ROOT } from '#testing';
import { EXIT_HELP } from './exit-codes.js';
import { buildProgram } from './program.js';

interface Pages {
  messagesPage(): string;
  configurationPage(): string;
  commandsPage(program: Command, exitHelp: string): string;
}

const pages = (await import(/* @vite-ignore */ pathToFileURL(join(PROJECT_ROOT, 'scripts/reference-pages.mjs')).href)) as Pages;
const program = await buildProgram([], async () => undefined);

// Stale? `npm run docs`, and commit.
it.each([
  ['messages', () => pages.messagesPage()],
  ['configuration', () => pages.configurationPage()],
  ['commands', () => pages.commandsPage(program, EXIT_HELP)],
])('docs/reference/%s.md is what the code says', (name, page) => {
  expect(readFileSync(join(PROJECT_ROOT, `docs/reference/${name}.md`), 'utf8')).toBe(page());
});

it('shows the help of every command, with an example', () => {
  const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
  const without: string[] = [];
  for (const command of all(program)) {
    let help = '';
    command.configureOutput({ writeOut: (text) => void (help += text) }).outputHelp();
    expect(help).toContain('Usage: assay');
    if (command.commands.length === 0 && !/Examples?:\n {2}assay /.test(help)) without.push(command.name());
  }
  expect(without).toEqual([]);
});

it('lists every message, and every variable that a process reads', () => {
  const messages = pages.messagesPage();
  for (const name of ['Submit', 'SubmitStream', 'Register', 'Quarantine', 'Parameters']) expect(messages).toContain(`**${name}**`);
  const configuration = pages.configurationPage();
  for (const name of ['ASSAY_RPC_URL', 'ASSAY_MODEL_MEMORY_MB', 'ASSAY_WEB_ORIGINS', 'ASSAY_JOB_PRICE', 'DATABASE_URL']) expect(configuration).toContain(`\`${name}\``);
});
