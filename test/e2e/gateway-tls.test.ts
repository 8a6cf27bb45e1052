import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { credentials, loadPackageDefinition, type Client } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KeyBook } from '#io/keys';
import { CoordinatorClient, INFERENCE_FILES, LOADER_OPTIONS } from '#io/rpc';
import { createLogger, Shutdown } from '#platform';
import { freePort, TestAuthority, type Certificate } from '#testing';
import { Surroundings, UNIT, type TestExecutor } from '../../apps/coordinator/coordinator.fixture.js';
import { gatewayConfig } from '../../apps/gateway/config.js';
import { startGateway } from '../../apps/gateway/gateway.js';

let world: Surroundings;
let executor: TestExecutor;
let authority: TestAuthority;
let caller: Certificate;
let ports: { grpc: number; http: number };
let key: string;
const ends: (() => Promise<unknown>)[] = [];

/** A coordinator that asks for certificates, and before it a gateway that has one and asks for them too. */
beforeAll(async () => {
  world = await Surroundings.start();
  authority = new TestAuthority(join(world.dir, 'tls'));
  const [server, gateway] = [authority.issue('coordinator'), authority.issue('gateway')];
  caller = authority.issue('caller');
  executor = await world.executor(0);
  const coordinator = await world.coordinator('gateway', { ASSAY_GRPC_TLS_CERT: server.cert, ASSAY_GRPC_TLS_KEY: server.key, ASSAY_GRPC_TLS_CLIENT_CA: authority.ca.cert });
  const client = new CoordinatorClient(`127.0.0.1:${coordinator.port}`, { ca: authority.ca.cert, ...gateway });
  await client.registerModel({ name: 'mnist', file: world.model.onnx });
  client.close();
  ports = { grpc: await freePort(), http: await freePort() };
  const data = join(world.dir, 'gateway');
  const config = gatewayConfig({
    ...{ ASSAY_DEPLOYMENT: join(world.dir, 'deployment.json'), ASSAY_PRIVATE_KEY: world.submitter.privateKey, ASSAY_DATA_DIR: data, ASSAY_LOG_LEVEL: 'error' },
    ...{ ASSAY_GRPC_URL: `127.0.0.1:${coordinator.port}`, ASSAY_GRPC_TLS_CA: authority.ca.cert, ASSAY_GRPC_TLS_CLIENT_CERT: gateway.cert, ASSAY_GRPC_TLS_CLIENT_KEY: gateway.key },
    ...{ ASSAY_INFERENCE_GRPC_LISTEN: `127.0.0.1:${ports.grpc}`, ASSAY_INFERENCE_HTTP_LISTEN: `127.0.0.1:${ports.http}` },
    ...{ ASSAY_INFERENCE_TLS_CERT: gateway.cert, ASSAY_INFERENCE_TLS_KEY: gateway.key, ASSAY_INFERENCE_TLS_CLIENT_CA: authority.ca.cert },
  });
  const log = createLogger({ name: 'gateway', level: 'silent' });
  const shutdown = new Shutdown(log, 20_000, () => {});
  ends.push(() => shutdown.shutdown(0), () => executor.stop(), coordinator.stop, () => world.stop());
  await startGateway({ config, log, shutdown });
  key = (await new KeyBook(join(data, 'keys')).create({ name: 'tls', cap: UNIT, expiresAt: null, now: Date.now() })).text;
}, 180_000);
afterAll(async () => {
  for (const end of ends) await end();
}, 60_000);

function rest(path: string, { body, own }: { body?: object; own?: Certificate } = {}): Promise<{ status: number; text: string }> {
  const tls = { ca: readFileSync(authority.ca.cert), ...(own && { cert: readFileSync(own.cert), key: readFileSync(own.key) }) };
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port: ports.http, path, method: body ? 'POST' : 'GET', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, ...tls }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => resolve({ status: response.statusCode!, text }));
    });
    call.on('error', reject);
    call.end(body && JSON.stringify(body));
  });
}

function live(own?: Certificate): Promise<unknown> {
  const { inference } = loadPackageDefinition(loadSync([...INFERENCE_FILES], { ...LOADER_OPTIONS, includeDirs: [...LOADER_OPTIONS.includeDirs] })) as unknown as { inference: { GRPCInferenceService: new (target: string, credentials: unknown) => Client & Record<'ServerLive', (message: object, options: object, done: (error: Error | null, reply: unknown) => void) => void> } };
  const client = new inference.GRPCInferenceService(`127.0.0.1:${ports.grpc}`, own ? credentials.createSsl(readFileSync(authority.ca.cert), readFileSync(own.key), readFileSync(own.cert)) : credentials.createSsl(readFileSync(authority.ca.cert)));
  return new Promise((resolve, reject) => client.ServerLive({}, { deadline: Date.now() + 15_000 }, (error, reply) => (client.close(), error ? reject(error) : resolve(reply))));
}

it('an inference over HTTPS, through mutual TLS on both sides of the gateway', async () => {
  const body = { inputs: [{ name: world.model.manifest.signature.inputs[0]!.name, datatype: 'FP32', shape: [1, 1, 28, 28], data: new Array(784).fill(0.5) as number[] }] };
  const { status, text } = await rest('/v2/models/mnist/infer', { body, own: caller });
  expect({ status, answer: JSON.parse(text) as unknown }).toMatchObject({ status: 200, answer: { outputs: [{ shape: [1, 10] }] } });
}, 60_000);

it('both forms know callers by certificates of the authority, and nobody else', async () => {
  expect(await live(caller)).toMatchObject({ live: true });
  expect((await rest('/v2/health/live', { own: caller })).status).toBe(200);
  const forged = new TestAuthority(join(world.dir, 'tls'), 'stranger').issue('forged');
  for (const own of [undefined, forged]) {
    await expect(live(own)).rejects.toMatchObject({ code: 14 });
    await expect(rest('/v2/health/live', own ? { own } : {})).rejects.toThrow(/certificate|ECONNRESET|socket hang up|alert|EPIPE/);
  }
  await expect(fetch(`http://127.0.0.1:${ports.http}/v2/health/live`)).rejects.toThrow();
}, 60_000);

it('half of a configuration is refused', () => {
  const whole = { ASSAY_DEPLOYMENT: 'd', ASSAY_PRIVATE_KEY: world.submitter.privateKey, ASSAY_DATA_DIR: 'd', ASSAY_GRPC_URL: 'h:1', ASSAY_INFERENCE_GRPC_LISTEN: 'h:1', ASSAY_INFERENCE_HTTP_LISTEN: 'h:2' };
  expect(() => gatewayConfig({ ...whole, ASSAY_INFERENCE_TLS_CERT: 'cert.pem' })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  expect(() => gatewayConfig({ ...whole, ASSAY_INFERENCE_TLS_CLIENT_CA: 'ca.pem' })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});
