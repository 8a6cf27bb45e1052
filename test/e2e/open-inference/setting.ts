import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, loadPackageDefinition, Metadata, status as Status, type Client, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { KeyBook } from '#io/keys';
import { INFERENCE_FILES, LOADER_OPTIONS } from '#io/rpc';
import { connect } from '#sdk';
import { startNetwork, type Network } from '#testing';
import { sourceModel } from '../../models/building.js';
import { eventually } from '../world.js';

type Reply = Record<string, any>;
type Method = (message: unknown, metadata: Metadata, done: (error: ServiceError | null, reply: Reply) => void) => void;

/** One network with a gateway, two small models, and callers that know nothing but the protocol. */
export interface Setting {
  readonly network: Network;
  readonly keys: KeyBook;
  /** A key that may spend a lot. */
  readonly key: string;
  /** A call by plain grpc-js. Rejects with the ServiceError. */
  readonly grpc: (method: string, message?: object, key?: string) => Promise<Reply>;
  readonly stream: () => ClientDuplexStream<unknown, Reply>;
  /** A call of the REST form. */
  readonly rest: (path: string, init?: RequestInit & { key?: string }) => Promise<Response>;
  end(): Promise<void>;
}

export const UNIT = 10n ** 18n;

/** Every element type once, each input transposed to its output: what order and bytes went in can be seen in what comes out. */
const TYPES = { f: 'float32', u: 'uint8', s: 'int8', i: 'int32', l: 'int64', b: 'bool' } as const;
const typesModel = () =>
  sourceModel({
    nodes: Object.keys(TYPES).map((name) => ({ op: 'Transpose', inputs: [name], output: `${name}_t`, attributes: { perm: [1, 0] } })),
    inputs: Object.fromEntries(Object.keys(TYPES).map((name) => [name, [2, 3]])),
    outputs: Object.fromEntries(Object.keys(TYPES).map((name) => [`${name}_t`, [3, 2]])),
    dtypes: Object.fromEntries(Object.entries(TYPES).flatMap(([name, dtype]) => [[name, dtype], [`${name}_t`, dtype]])),
  });

/** x + number, so that versions can be told apart. */
const plusModel = (number: number) =>
  sourceModel({
    nodes: [{ op: 'Add', inputs: ['x', 'c'], output: 'y' }],
    inputs: { x: [4] },
    outputs: { y: [4] },
    constants: { c: { dtype: 'float32', dims: [1], data: new Uint8Array(Float32Array.of(number).buffer) } },
  });

export async function startSetting(): Promise<Setting> {
  const dir = mkdtempSync(join(tmpdir(), 'assay-inference-'));
  const network = await startNetwork({ dir, executors: 1, challengers: 0, gateway: true });
  const assay = await connect({ url: network.urls.grpc, deployment: network.deployment });
  for (const [name, file] of [['types', typesModel()], ['plus:one', plusModel(1)], ['plus:two', plusModel(2)]] as const) await assay.register({ name, file });
  await eventually('the executor is present', async () => (await assay.status()).peers.length === 1, 60_000);
  assay.close();
  const keys = new KeyBook(network.folder.path('gateway', 'keys'));
  const { text: key } = await keys.create({ name: 'tests', cap: 100n * UNIT, expiresAt: null, now: Date.now() });
  const client = plainClient(network.urls.inference!.grpc);
  const authorized = (given: string) => {
    const metadata = new Metadata();
    if (given) metadata.set('authorization', `Bearer ${given}`);
    return metadata;
  };
  return {
    network,
    keys,
    key,
    grpc: (method, message = {}, given = key) =>
      new Promise((resolve, reject) => (client[method] as unknown as Method).call(client, message, authorized(given), (error, reply) => (error ? reject(error) : resolve(reply)))),
    stream: () => (client['ModelStreamInfer'] as unknown as (metadata: Metadata) => ClientDuplexStream<unknown, Reply>).call(client, authorized(key)),
    rest: (path, { key: given = key, ...init } = {}) => fetch(`${network.urls.inference!.http}/${path}`, { ...init, headers: { ...(given ? { authorization: `Bearer ${given}` } : {}), ...init.headers } }),
    end: async () => {
      client.close();
      await network.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function plainClient(target: string): Client & Record<string, unknown> {
  const { inference } = loadPackageDefinition(loadSync([...INFERENCE_FILES], { ...LOADER_OPTIONS, includeDirs: [...LOADER_OPTIONS.includeDirs] })) as unknown as {
    inference: { GRPCInferenceService: new (target: string, credentials: unknown) => Client & Record<string, unknown> };
  };
  return new inference.GRPCInferenceService(target, credentials.createInsecure());
}

/** The status a call fails with, and its text. */
export async function failure(call: Promise<unknown>): Promise<{ status: string; details: string }> {
  const error = await call.then(() => undefined, (thrown: ServiceError) => thrown);
  return error ? { status: Status[error.code] as string, details: error.details } : { status: 'OK', details: '' };
}

export const floatBytes = (...numbers: number[]) => Buffer.from(Float32Array.from(numbers).buffer);
export const floatsOf = (bytes: Uint8Array) => [...new Float32Array(new Uint8Array(bytes).buffer)];

export const SIX: Record<keyof typeof TYPES, { datatype: string; contents: Record<string, unknown>; raw: Uint8Array; turned: unknown[] }> = {
  f: { datatype: 'FP32', contents: { fp32Contents: [0.5, -1, 2, 3, 4, 5] }, raw: floatBytes(0.5, -1, 2, 3, 4, 5), turned: [0.5, 3, -1, 4, 2, 5] },
  u: { datatype: 'UINT8', contents: { uintContents: [1, 2, 3, 4, 5, 255] }, raw: Uint8Array.of(1, 2, 3, 4, 5, 255), turned: [1, 4, 2, 5, 3, 255] },
  s: { datatype: 'INT8', contents: { intContents: [1, 2, 3, 4, 5, -128] }, raw: Uint8Array.of(1, 2, 3, 4, 5, 128), turned: [1, 4, 2, 5, 3, -128] },
  i: { datatype: 'INT32', contents: { intContents: [1, 2, 3, 4, 5, -70000] }, raw: new Uint8Array(Int32Array.of(1, 2, 3, 4, 5, -70000).buffer), turned: [1, 4, 2, 5, 3, -70000] },
  l: { datatype: 'INT64', contents: { int64Contents: ['1', '2', '3', '4', '5', '9007199254740993'] }, raw: new Uint8Array(BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 9007199254740993n).buffer), turned: ['1', '4', '2', '5', '3', '9007199254740993'] },
  b: { datatype: 'BOOL', contents: { boolContents: [true, false, false, true, true, true] }, raw: Uint8Array.of(1, 0, 0, 1, 1, 1), turned: [true, true, false, true, false, true] },
};

/** A request to the model `types`, by typed contents or raw; `change` replaces single inputs. */
export function typesRequest(way: 'typed' | 'raw', change: Record<string, object> = {}) {
  const inputs = Object.entries(SIX).map(([name, { datatype, contents }]) => ({ name, datatype, shape: ['2', '3'], ...(way === 'typed' ? { contents } : {}), ...change[name] }));
  return { modelName: 'types', inputs, ...(way === 'raw' ? { rawInputContents: Object.values(SIX).map(({ raw }) => raw) } : {}) };
}

export function plusRequest(more: object = {}, numbers = [1, 2, 3, 4]) {
  return { modelName: 'plus', inputs: [{ name: 'x', datatype: 'FP32', shape: ['4'] }], rawInputContents: [floatBytes(...numbers)], ...more };
}

export function plusJson(more: object = {}) {
  return { inputs: [{ name: 'x', datatype: 'FP32', shape: [4], data: [1, 2, 3, 4] }], ...more };
}
