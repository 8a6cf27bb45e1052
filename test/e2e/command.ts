import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT_ROOT } from '#testing';

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const MAIN = join(PROJECT_ROOT, 'dist/apps/cli/main.js');

/** `cwd` and variables of its own, if not the checkout's; standard input, if there is one. */
export interface Surroundings {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: Uint8Array | string;
}

export function startCommand(args: readonly string[], { cwd = PROJECT_ROOT, env = {}, input }: Surroundings = {}): ChildProcess {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'], cwd, env: { ...cleanEnvironment(), ...env } });
  child.stdin?.end(input);
  return child;
}

export function finished(child: ChildProcess): Promise<Finished> {
  let stdout = '';
  let stderr = '';
  child.stdout!.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}

/** The built command line tool, as a person runs it. */
export function assay(...args: string[]): Promise<Finished> {
  return finished(startCommand(args));
}

function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(ASSAY_|DATABASE_URL|VITEST|NODE_OPTIONS)/.test(name)));
}
