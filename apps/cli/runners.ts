import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AssayError } from '#core/protocol';
import { PROJECT_ROOT } from '#testing';

export interface Tally {
  readonly runner: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  /** Names of what failed, and why in a line. */
  readonly failures: readonly string[];
}

export interface Runner {
  readonly name: string;
  run(): Promise<Tally>;
}

const SOLIDITY: Runner = { name: 'solidity', run: () => timed('solidity', forge) };
const TYPES: Runner = { name: 'types', run: () => timed('types', types) };
/** WHY not apart from each other: loading the libraries again for each file takes longer than most files. Each file by itself: `npx vitest run FILE`. */
const TYPESCRIPT: Runner = { name: 'typescript', run: () => timed('typescript', () => vitest(['--exclude', 'test/e2e/**', '--no-isolate'])) };
const END_TO_END: Runner = { name: 'end to end', run: () => timed('end to end', () => vitest(['test/e2e', '--passWithNoTests=false'])) };

/**
 * All of the project's tests: rows side by side, each in order. WHY: contracts compile on one core for minutes, and end-to-end files run two at
 * a time, as their processes start with both cores and then mostly wait for the chain.
 */
export const ROWS: readonly (readonly Runner[])[] = [[SOLIDITY], [TYPES, TYPESCRIPT, END_TO_END]];

type Counts = Omit<Tally, 'runner' | 'seconds'>;

async function timed(runner: string, run: () => Promise<Counts>): Promise<Tally> {
  const started = Date.now();
  const counts = await run();
  return { runner, ...counts, seconds: (Date.now() - started) / 1000 };
}

/** One check: the whole project, tests included, has no type error. */
async function types(): Promise<Counts> {
  const { code, stdout } = await run(process.execPath, [join(PROJECT_ROOT, 'node_modules/typescript/bin/tsc'), '--noEmit', '-p', '.'], true);
  const failures = stdout.split('\n').filter((line) => line.includes('error TS'));
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : Math.max(1, failures.length), skipped: 0, failures };
}

interface ForgeSuite {
  readonly test_results: Readonly<Record<string, { readonly status: 'Success' | 'Failure' | 'Skipped'; readonly reason?: string | null }>>;
}

async function forge(): Promise<Counts> {
  const { code, stdout } = await run(join(PROJECT_ROOT, 'node_modules/.bin/forge'), ['test', '--json'], true);
  const suites = parse<Record<string, ForgeSuite>>(stdout, 'forge');
  const tests = Object.entries(suites).flatMap(([suite, { test_results }]) => Object.entries(test_results).map(([name, result]) => ({ name: `${suite} ${name}`, ...result })));
  const failures = tests.filter((t) => t.status === 'Failure').map((t) => `${t.name}: ${t.reason ?? 'failed'}`);
  return withExitCode(code, { passed: tests.filter((t) => t.status === 'Success').length, failed: failures.length, skipped: tests.filter((t) => t.status === 'Skipped').length, failures });
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly { readonly name: string; readonly status: string; readonly message: string; readonly assertionResults: readonly { readonly fullName: string; readonly status: string; readonly failureMessages: readonly string[] | null }[] }[];
}

async function vitest(args: readonly string[]): Promise<Counts> {
  const dir = mkdtempSync(join(tmpdir(), 'assay-test-'));
  try {
    const file = join(dir, 'report.json');
    const entry = join(PROJECT_ROOT, 'node_modules/vitest/vitest.mjs');
    const { code } = await run(process.execPath, [entry, 'run', ...args, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`], false);
    return withExitCode(code, countsOf(parse<VitestReport>(readFileSync(file, 'utf8'), 'vitest')));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function countsOf(report: VitestReport): Counts {
  const failures = report.testResults.flatMap((file) => file.assertionResults.filter((a) => a.status === 'failed').map((a) => `${file.name} ${a.fullName}: ${(a.failureMessages?.[0] ?? '').split('\n', 1)[0]!.slice(0, 400)}`));
  // A file that does not load has no tests in it to fail.
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.every((a) => a.status !== 'failed')).map((file) => `${file.name}: ${file.message}`);
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
    failures: [...failures, ...broken],
  };
}

/** A runner that complains although every test passed counts as one failure: an error outside the tests, or no tests. */
function withExitCode(code: number, counts: Counts): Counts {
  if (code === 0 || counts.failed > 0) return counts;
  return { ...counts, failed: 1, failures: [`the runner ended with exit code ${code}`] };
}

function parse<T>(text: string, runner: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new AssayError({ code: 'INTERNAL', message: `${runner} gave no report`, facts: { runner, output: text.slice(0, 2000) }, cause });
  }
}

/** Runs in the checkout; what is for people goes to our standard error. */
function run(command: string, args: readonly string[], capture: boolean): Promise<{ code: number; stdout: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: PROJECT_ROOT, stdio: ['ignore', capture ? 'pipe' : process.stderr, process.stderr] });
    let stdout = '';
    child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.once('error', (cause) => reject(new AssayError({ code: 'TOOL_MISSING', message: `cannot run ${command}`, facts: { command: 'npm ci' }, cause })));
    child.once('close', (code) => resolve({ code: code ?? 1, stdout }));
  });
}
