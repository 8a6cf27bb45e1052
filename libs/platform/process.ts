import { writeSync } from 'node:fs';
import { AssayError } from '#core/protocol';
import { reasonOf } from './retry.js';

/** Tells whoever started this process that it is ready: one JSON line on standard output, the only one. */
export function announceReady(facts: Record<string, unknown> = {}): void {
  writeSync(1, `${JSON.stringify({ ready: true, ...facts })}\n`);
}

/** What a person sees of an error: code, facts, remedy, causes. */
export function describeError(error: unknown): string {
  if (!(error instanceof AssayError)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  const facts = Object.entries(error.facts).map(([name, value]) => `  ${name}: ${typeof value === 'object' ? jsonOf(value) : String(value)}`);
  const cause = error.cause === undefined ? [] : [`  cause: ${reasonOf(error.cause)}`];
  return [`${error.code}: ${error.message}`, ...facts, ...cause, error.remedy].join('\n');
}

function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? item.toString() : item)) ?? String(value);
}

/** Runs a process's main function. A failed start says why on standard error and exits with 1; so does whatever nobody caught. */
export async function runProcess(main: () => Promise<void>): Promise<void> {
  const fail = (error: unknown): never => {
    writeSync(2, `${describeError(error)}\n`);
    process.exit(1);
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  await main().catch(fail);
}
