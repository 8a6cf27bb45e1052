import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PROJECT_ROOT } from '#testing';
import { Surroundings, type TestExecutor } from './coordinator.fixture.js';

const folder = mkdtempSync(join(tmpdir(), 'assay-sdk-'));
let world: Surroundings;
let coordinator: Awaited<ReturnType<Surroundings['coordinator']>>;
let executor: TestExecutor;

/** The packed SDK where somebody else's program would have it, with nothing beside it but the dependencies it names. */
beforeAll(async () => {
  const built = join(folder, 'dist-sdk');
  execFileSync(process.execPath, [join(PROJECT_ROOT, 'scripts/build-sdk.mjs'), built]);
  const [{ filename }] = JSON.parse(execFileSync('npm', ['pack', '--json', '--silent', '--pack-destination', folder], { cwd: built, encoding: 'utf8' })) as [{ filename: string }];
  const place = join(folder, 'node_modules/@assay/sdk');
  mkdirSync(place, { recursive: true });
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', place, '--strip-components=1']);
  const { dependencies } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(folder, 'node_modules', name)), { recursive: true });
    symlinkSync(join(PROJECT_ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  }
  world = await Surroundings.start();
  coordinator = await world.coordinator('sdkpackage');
  executor = await world.executor(0);
  await coordinator.client.registerModel({ name: 'mnist', file: world.model.onnx });
}, 300_000);

afterAll(async () => {
  await executor?.stop();
  await coordinator?.stop();
  await world?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const BODY = `
(async () => {
  const [grpc, rpcUrl, deploymentFile, key] = process.argv.slice(2);
  const deployment = await readDeployment(deploymentFile);
  const chain = await connectChain({ rpcUrl, deployment, pollMs: 50 });
  const assay = await connect({ url: grpc, deployment, chain, account: privateKeyToAccount(key) });
  const pixels = new Float32Array(784).fill(0.5);
  const answer = await assay.submit({ model: { name: 'mnist' }, inputs: [tensorOf(pixels, [1, 1, 28, 28])], insuredValue: 1000n });
  const verified = await answer.verified({ timeoutMs: 60000 });
  const replay = await assay.replay(verified.receipt);
  const streamed = [];
  for await (const one of assay.stream([{ tag: 'a', model: { name: 'mnist' }, inputs: answer.inputs, insuredValue: 1000n }])) streamed.push(one.tag, one.answer.claim.outputRoot === answer.claim.outputRoot);
  const final = await answer.final({ timeoutMs: 120000 });
  const refused = await assay.submit({ model: { name: 'absent' }, inputs: [] }).catch((error) => ({ typed: error instanceof AssayError, code: error.code }));
  assay.close();
  console.log(JSON.stringify({ scores: valuesOf(answer.outputs[0]).length, verified: verified.verdict.ok, final: final.verdict.finality, replay: replay.ok, streamed, refused }));
  process.exit(0);
})().catch((error) => { console.error(error); process.exit(1); });
`;
const NAMES = '{ AssayError, connect, connectChain, readDeployment, tensorOf, valuesOf }';

it.each([
  ['import', 'program.mjs', `import ${NAMES} from '@assay/sdk';\nimport { privateKeyToAccount } from 'viem/accounts';\n${BODY}`],
  ['require', 'program.cjs', `const ${NAMES} = require('@assay/sdk');\nconst { privateKeyToAccount } = require('viem/accounts');\n${BODY}`],
])('installed in a fresh folder, a program that uses %s submits, verifies, replays and streams', async (_, name, text) => {
  writeFileSync(join(folder, name), text);
  const child = spawn(process.execPath, [join(folder, name), `127.0.0.1:${coordinator.port}`, world.anvil.rpcUrl, join(world.dir, 'deployment.json'), world.submitter.privateKey], { cwd: folder });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(JSON.parse(out)).toEqual({ scores: 10, verified: true, final: 'final', replay: true, streamed: ['a', true], refused: { typed: true, code: 'MODEL_UNKNOWN' } });
}, 180_000);

it('has types for both', () => {
  const uses = `import { connect, tensorOf, type Answered, type Receipt } from '@assay/sdk';\nexport const ask = async (url: string): Promise<Answered> => (await connect({ url })).submit({ model: { name: 'mnist' }, inputs: [tensorOf(new Float32Array(1), [1])] });\nexport const id = (receipt: Receipt): string => receipt.claim.message.jobId;\nexport const wrong: number = id(undefined as never);\n`;
  for (const name of ['uses.mts', 'uses.cts']) writeFileSync(join(folder, name), uses);
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2022', 'uses.mts', 'uses.cts'];
  const found = (() => {
    try {
      return execFileSync(process.execPath, [join(PROJECT_ROOT, 'node_modules/typescript/bin/tsc'), ...options], { cwd: folder, encoding: 'utf8' });
    } catch (error) {
      return String((error as { stdout: string }).stdout);
    }
  })();
  // Exactly the mistake that is in there, once for each.
  expect(found.match(/error TS\d+/g)).toEqual(['error TS2322', 'error TS2322']);
}, 120_000);
