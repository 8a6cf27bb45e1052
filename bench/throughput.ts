import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { privateKeyToAccount } from 'viem/accounts';
import { elementCount, type Dtype, type Tensor } from '#core/hashing';
import { connect } from '#sdk';
import { PROJECT_ROOT, startNetwork, startPostgres, type Network } from '#testing';

/** Jobs a second through a whole network: gRPC in, PostgreSQL, broker, two executors, answers checked by the submitter. */
const JOBS = number('--jobs', 1_000);
const AT_ONCE = number('--at-once', 32);
const json = process.argv.includes('--json');

function number(flag: string, otherwise: number): number {
  const at = process.argv.indexOf(flag);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
}

const dir = mkdtempSync(join(tmpdir(), 'assay-throughput-'));
const postgres = await startPostgres();
let network: Network | undefined;
try {
  network = await startNetwork({ dir, executors: 2, challengers: 1, databaseUrl: postgres.url, logLevel: 'warn', environment: capacity(['executor-1', 'executor-2'], 16) });
  const assay = await connect({ url: network.urls.grpc, deployment: network.deployment, account: privateKeyToAccount(network.keys.privateKey('submitter')) });
  await assay.register({ name: 'mnist', file: new Uint8Array(readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx'))) });
  const { dtype, dims } = (await assay.model({ name: 'mnist' })).inputs[0]!;
  const input = (n: number): Tensor => ({ dtype: dtype as Dtype, dims, data: new Uint8Array(new Float32Array(elementCount(dims)).fill(n % 256).buffer) });
  const submit = (n: number) => assay.submit({ model: { name: 'mnist' }, inputs: [input(n)] });
  await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => submit(i)));

  const times: number[] = [];
  let next = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let n = next++; n < JOBS; n = next++) {
        const at = performance.now();
        await submit(n);
        times.push(performance.now() - at);
      }
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  times.sort((a, b) => a - b);
  const at = (share: number) => Number(times[Math.min(times.length - 1, Math.floor(share * times.length))]!.toFixed(1));
  const report = { database: 'PostgreSQL', model: 'mnist', jobs: JOBS, atOnce: AT_ONCE, executors: 2, cores: cpus().length, seconds: Number(seconds.toFixed(2)), jobsPerSecond: Number((JOBS / seconds).toFixed(1)), medianMs: at(0.5), p99Ms: at(0.99) };
  if (json) console.log(JSON.stringify(report));
  else console.log(`${report.jobs} jobs in ${report.seconds} s: ${report.jobsPerSecond} a second, median ${report.medianMs} ms, 99 % below ${report.p99Ms} ms, ${AT_ONCE} at once on ${report.cores} cores`);
  assay.close();
} finally {
  await network?.stop();
  await postgres.stop();
  rmSync(dir, { recursive: true, force: true });
}

function capacity(names: readonly string[], jobs: number): Record<string, Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, { ASSAY_CAPACITY: String(jobs) }]));
}
