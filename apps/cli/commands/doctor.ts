import { spawnSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import type { Command } from 'commander';
import { anvilProcess, findNatsServer, freePort } from '#testing';
import { describeError } from '#platform';
import { asAssayError } from '#core/protocol';
import { EXIT } from '../exit-codes.js';
import { machineSelfTest } from '../self-test.js';
import type { Perform } from '../program.js';
import type { Terminal } from '../terminal.js';

interface Finding {
  readonly what: string;
  readonly ok: boolean;
  /** What was found; if not ok, what is wrong and what to do. */
  readonly text: string;
}

export function addDoctor(program: Command, perform: Perform): void {
  program
    .command('doctor')
    .description('Check this machine: programs, and that its arithmetic gives the bits of the numeric profile.')
    .addHelpText('after', '\nExample:\n  assay doctor --json')
    .action((_: unknown, command: Command) => perform(command, doctor));
}

async function doctor(terminal: Terminal): Promise<number> {
  const checks: [string, () => Promise<string> | string][] = [
    ['node', () => process.version],
    ['machine', () => `${process.platform} ${process.arch}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`],
    ['nats-server', async () => version(await findNatsServer(process.env, terminal.progress), ['--version'])],
    ['anvil', async () => version(anvilProcess({ port: await freePort(), logFile: '' }).command, ['--version'])],
    ['arithmetic', () => machineSelfTest(terminal.progress)],
  ];
  const findings: Finding[] = [];
  for (const [what, check] of checks) findings.push(await finding(what, check));
  const ok = findings.every((f) => f.ok);
  terminal.result({ ok, findings }, findings.map((f) => `${f.ok ? '✓' : '✗'} ${f.what.padEnd(12)} ${f.text}`).join('\n'));
  return ok ? EXIT.ok : EXIT.refused;
}

async function finding(what: string, check: () => Promise<string> | string): Promise<Finding> {
  try {
    return { what, ok: true, text: await check() };
  } catch (error) {
    return { what, ok: false, text: describeError(asAssayError(error)) };
  }
}

function version(program: string, args: readonly string[]): string {
  const { stdout } = spawnSync(program, args, { encoding: 'utf8' });
  return `${stdout.split('\n')[0]!.trim()} (${program})`;
}
