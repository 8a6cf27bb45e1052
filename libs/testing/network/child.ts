import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AssayError } from '#core/protocol';
import { watchOver } from './watchman.js';

export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Everything the process says is appended here. */
  readonly logFile: string;
  /** Resolves once the process is usable; asked again until it does. Without it, the line {"ready":true,…} on its output counts. */
  readonly probe?: () => Promise<boolean>;
  readonly readyWithinMs?: number;
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** What the ready line said; empty if a probe was used. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Exit code or signal, once it ended. */
  readonly ended: Promise<string>;
  /** SIGTERM, SIGKILL after a grace period; resolves when the process is gone. */
  stop(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

/** A loaded machine takes its time; a process that fails says so by ending. */
const READY_WITHIN_MS = 120_000;
/** More than a process of ours takes at the most. */
/** Characters of a log's last line in a message. */
const MAX_SAID = 500;
const STOP_GRACE_MS = 25_000;
const PROBE_EVERY_MS = 20;
const TAIL_LINES = 12;
const MAX_LINE = 64 * 1024;

/** Starts a process, waits until it is ready. @throws AssayError PEER_SILENT with the end of its log if it never is */
export async function startChild(options: ChildOptions): Promise<Child> {
  mkdirSync(dirname(options.logFile), { recursive: true });
  // WHY: detached, so that Ctrl-C in the terminal reaches only us and we end them in order.
  const log = openSync(options.logFile, 'a');
  const child = spawn(options.command, options.args, { env: { ...inherited(), ...options.env }, stdio: ['ignore', 'pipe', log], detached: true });
  watchOver(child);
  const ended = endOf(child);
  const readyLine = readyLineOf(child, log);
  const ready = options.probe ? probing(options.probe, ended) : readyLine;
  const facts = await Promise.race([ready, ended.then((how) => fail(options, how)), sleep(options.readyWithinMs ?? READY_WITHIN_MS, undefined, { ref: false })]);
  if (!facts) {
    child.kill('SIGKILL');
    return fail(options, `nothing after ${(options.readyWithinMs ?? READY_WITHIN_MS) / 1000} s`);
  }
  return {
    name: options.name,
    pid: child.pid!,
    logFile: options.logFile,
    facts,
    ended,
    stop: () => stop(child, ended),
    kill: (signal) => void child.kill(signal),
  };
}

/** WHY: a process gets its configuration from its starter only, never what happens to be set in the user's shell. */
function inherited(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).filter(([name, value]) => value !== undefined && !/^(ASSAY_|DATABASE_URL|VITEST|NODE_OPTIONS)/.test(name))) as Record<string, string>;
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

/** Copies standard output to the log, where standard error goes by itself; resolves with the line that is JSON and says ready. */
function readyLineOf(child: ChildProcess, log: number): Promise<Record<string, unknown>> {
  return new Promise((resolve) => {
    let pending = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      writeSync(log, chunk);
      const lines = (pending + chunk.toString()).split('\n');
      pending = lines.pop()!.slice(-MAX_LINE);
      for (const line of lines) if (line.startsWith('{"ready":true')) resolve(JSON.parse(line) as Record<string, unknown>);
    });
    child.once('close', () => closeSync(log));
  });
}

async function probing(probe: () => Promise<boolean>, ended: Promise<string>): Promise<Record<string, unknown>> {
  let over = false;
  void ended.then(() => (over = true));
  while (!over && !(await probe())) await sleep(PROBE_EVERY_MS);
  return {};
}

function fail(options: ChildOptions, how: string): never {
  const said = lastLines(options.logFile);
  throw new AssayError({
    code: 'PEER_SILENT',
    message: `${options.name} did not become ready: ${how}; it last said: ${(said.at(-1) ?? '').slice(0, MAX_SAID)}`,
    facts: { process: options.name, command: [options.command, ...options.args].join(' '), log: options.logFile, lastLines: said },
    remedy: `Read ${options.logFile}.`,
  });
}

/** The end of a log. */
export function lastLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES);
  } catch {
    return [];
  }
}

async function stop(child: ChildProcess, ended: Promise<string>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
  await ended;
  clearTimeout(timer);
}
