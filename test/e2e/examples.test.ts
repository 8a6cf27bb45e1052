import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerSamples } from '../../apps/cli/sample-models.js';
import { PROJECT_ROOT, startNetwork, type Network } from '#testing';
import { assay } from './command.js';
import { pythonRules } from './open-inference/python-rules.js';
import { browserReport, chromium, NO_BROWSER } from './examples/browser.js';
import { checkoutIn, follow, PAGES, unrun } from './examples/documents.js';

// Each example as its page says to run it, against one network in a folder of its own.
const folder = mkdtempSync(join(tmpdir(), 'assay-examples-'));
const dir = checkoutIn(folder);
const GREEDY = JSON.parse(readFileSync(join(PROJECT_ROOT, 'models/stories260K/greedy200.json'), 'utf8')) as number[];
const TOKENS = 16;
let network: Network;
let key: string;

beforeAll(async () => {
  network = await startNetwork({ dir, gateway: true, executors: 2, challengers: 1 });
  await registerSamples(network, ['mnist'], () => undefined);
  ({ key } = JSON.parse((await assay('key', 'create', '--dir', dir, '--json')).stdout) as { key: string });
}, 240_000);
afterAll(async () => {
  await network?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** Runs a program in the checkout and reads the JSON it prints. */
async function run(program: string, ...args: string[]): Promise<any> {
  const child = spawn(process.execPath, [join(PROJECT_ROOT, program), ...args], { cwd: PROJECT_ROOT });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect({ program, code, stderr }).toEqual({ program, code: 0, stderr: '' });
  return JSON.parse(stdout);
}

const example = (name: string, ...args: string[]) => run(`dist/examples/${name}.js`, '--dir', dir, ...args);

describe('examples', () => {
  pythonRules(() => ({ network, key }));

  it('typescript/digit: a digit, final, the same bytes on this machine', async () => {
    expect(await example('typescript/digit')).toMatchObject({ digit: 7, onChain: 'challengeable', final: 'final', replaced: false, sameBytesHere: true });
  }, 600_000);

  it('typescript/photo: a cat', async () => {
    expect(await example('typescript/photo')).toMatchObject({ class: 281, name: expect.stringContaining('tabby') });
  }, 600_000);

  it('typescript/story: the tokens of the greedy reference, one job each', async () => {
    expect(await example('typescript/story', '--tokens', String(TOKENS))).toEqual({ tokens: GREEDY.slice(0, TOKENS + 1), jobs: TOKENS });
  }, 600_000);

  it('solidity/reader: a contract asks, is called back with the final digit, and the answer is a proof', async () => {
    expect(await example('solidity/reader')).toMatchObject({ state: 'read', digit: 7, carriedTwice: false, retracted: [], proven: true, forged: false });
  }, 600_000);

  it('reflection/call: every service by its own description', async () => {
    const call = (...args: string[]) => run('examples/reflection/call.mjs', network.urls.grpc, ...args);
    expect(await call()).toEqual(expect.arrayContaining(['assay.v1.Jobs', 'assay.v1.Models', 'assay.v1.Network', 'grpc.health.v1.Health']));
    expect(await call('assay.v1.Network/Status', '{}')).toMatchObject({ chainId: expect.anything() });
    expect(await call('assay.v1.Models/Get', '{"name": "mnist"}')).toMatchObject({ names: ['mnist'] });
  }, 60_000);

  it('browser: a page in Chromium classifies a digit and checks what was signed', async (context) => {
    const browser = chromium();
    if (!browser) return context.skip(NO_BROWSER);
    expect(await browserReport(browser, { gateway: network.urls.inference!.http, key })).toMatchObject({ digit: 7, signedTheseOutputs: true });
  }, 180_000);

  it('relay: nothing to carry for a contract that asked for nothing', async () => {
    const { code, stdout } = await assay('relay', network.deployment.vault, '--once', '--dir', dir, '--json');
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, delivered: [], failed: [] });
  }, 60_000);
});

describe('documents', () => {
  it.each(PAGES)('%s: its commands do what it says', async (page) => {
    expect(unrun(page)).toEqual([]);
    const { code, said } = await follow(page, folder);
    expect(code, said).toBe(0);
  }, 900_000);
});
