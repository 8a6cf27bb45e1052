import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { assay, finished, startCommand, type Finished } from './command.js';
import { eventually } from './world.js';

const dir = mkdtempSync(join(tmpdir(), 'assay-up-'));
const inDir = (...args: string[]) => assay(...args, '--dir', dir, '--json');

interface Up {
  readonly child: ChildProcess;
  readonly done: Promise<Finished>;
  readonly document: { deployment: { disputes: string }; submitter: string; models: { modelId: string }[]; processes: { name: string; pid: number }[]; urls: { grpc: string } };
}

let running: Up | undefined;
afterAll(() => {
  running?.child.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

/** Starts `assay up` and waits for its document. */
async function up(): Promise<Up> {
  const child = startCommand(['up', '--dir', dir, '--json']);
  const done = finished(child);
  let text = '';
  child.stdout!.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await eventually('the network is up', () => text.trimEnd().endsWith('}') || child.exitCode !== null, 90_000);
  if (child.exitCode !== null) throw new Error((await done).stderr);
  running = { child, done, document: JSON.parse(text) as Up['document'] };
  return running;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const living = ({ document }: Up) => document.processes.filter(({ pid }) => alive(pid)).map(({ name }) => name);

describe('assay up', () => {
  let jobId: string;
  let first: Up['document'];

  it('starts the whole network as processes of their own and answers a job', async () => {
    const network = await up();
    first = network.document;
    expect(living(network).sort()).toEqual(['chain', 'challenger-1', 'challenger-2', 'coordinator', 'executor-1', 'executor-2', 'gateway', 'nats']);
    const { code, stdout } = await inDir('run', 'mnist', '--digit', '0', '--save', join(dir, 'job'));
    const answer = JSON.parse(stdout) as { jobId: string; label: string };
    expect(code).toBe(0);
    expect(answer.label).toBe('a 7');
    jobId = answer.jobId;
  }, 180_000);

  it('refuses a second one in the same folder', async () => {
    const { code, stdout } = await inDir('up');
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'NETWORK_RUNNING', facts: { pid: running!.child.pid } } });
  }, 60_000);

  it('refuses a port that is taken', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'assay-up-'));
    const port = first.urls.grpc.split(':')[1]!;
    const { code, stdout } = await assay('up', '--dir', elsewhere, '--grpc-port', port, '--json');
    rmSync(elsewhere, { recursive: true, force: true });
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'PORT_BUSY', facts: { port: Number(port) } } });
  }, 60_000);

  it('gives receipts that verify and replay, and refuses forged ones', async () => {
    const file = join(dir, 'job', 'receipt.json');
    await eventually('the job is in a batch', async () => ((await inDir('receipt', 'get', jobId, '--out', file)).stdout.includes('"proof"') ? true : false), 30_000);
    const verified = await inDir('receipt', 'verify', file);
    expect(verified.code).toBe(0);
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true });
    const replayed = await inDir('receipt', 'replay', file);
    expect(replayed.code).toBe(0);
    expect(JSON.parse(replayed.stdout)).toMatchObject({ ok: true, jobId });
    const receipt = JSON.parse((await inDir('receipt', 'get', jobId)).stdout) as { claim: { message: { outputRoot: string } } };
    receipt.claim.message.outputRoot = `0x${'00'.repeat(32)}`;
    writeFileSync(file, JSON.stringify(receipt));
    const forged = await inDir('receipt', 'verify', file);
    expect(forged.code).toBe(1);
    expect(JSON.parse(forged.stdout)).toMatchObject({ ok: false });
  }, 90_000);

  it('leaves no process behind after Ctrl-C', async () => {
    running!.child.kill('SIGINT');
    expect((await running!.done).code).toBe(0);
    expect(living(running!)).toEqual([]);
  }, 60_000);

  it('resumes: same contracts, same accounts, same jobs', async () => {
    const { document } = await up();
    expect(document.deployment).toEqual(first.deployment);
    expect(document.submitter).toBe(first.submitter);
    expect(document.models).toEqual(first.models);
    const { stdout } = await inDir('job', 'get', jobId);
    expect(JSON.parse(stdout)).toMatchObject({ jobId, modelId: first.models[0]!.modelId });
    expect((await inDir('run', 'mnist', '--digit', '1')).code).toBe(0);
  }, 180_000);

  it('leaves no process behind when it is killed, and starts again after that', async () => {
    running!.child.kill('SIGKILL');
    await eventually('every process is gone', () => living(running!).length === 0, 15_000);
    const again = await up();
    expect(again.document.deployment).toEqual(first.deployment);
    expect((await inDir('run', 'mnist', '--digit', '2')).code).toBe(0);
    again.child.kill('SIGTERM');
    expect((await again.done).code).toBe(0);
    expect(living(again)).toEqual([]);
  }, 240_000);
});
