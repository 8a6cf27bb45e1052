import { join } from 'node:path';
import { Client, credentials, loadPackageDefinition, Metadata, status as Status, type MethodDefinition, type ServiceClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { isErrorCode } from '#core/protocol';
import { INFERENCE_FILES, LOADER_OPTIONS } from '#io/rpc';
import { PROJECT_ROOT, seededRandom, type Random } from '#testing';
import { mutated, withOddLeaf } from './mutation.js';
import { Counter, type Tally } from './tally.js';

type Method = MethodDefinition<object, object>;

export interface Target {
  readonly name: 'coordinator' | 'gateway';
  readonly address: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Messages that are right, by method name. */
  readonly right: Readonly<Record<string, object>>;
}

/** WHY so long: a machine that does ten other things. What is answered later than this hangs. */
const DEADLINE_MS = 60_000;
const SERVER_ENDS_MS = 1_500;
const AT_ONCE = 8;

/** Calls whose messages have something wrong, to every method of a server. */
export async function fuzzCalls(seed: number, cases: number, target: Target): Promise<Tally> {
  const counter = new Counter(DEADLINE_MS);
  const methods = methodsOf(target.name);
  const client = new Client(target.address, credentials.createInsecure());
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let i = next++; i < cases; i = next++) {
        const random = seededRandom(seed * 65_537 + i);
        const method = random.pick(methods);
        const bytes = messageFor(method, target, random);
        const what = `${target.name} case ${i} (seed ${seed}, ${method.path})`;
        const started = performance.now();
        const outcome = await call(client, { method, bytes, metadata: target.metadata });
        counter.note(outcome.code, performance.now() - started, what);
        if (outcome.fault) counter.fault(`${what}: ${outcome.fault}`);
      }
    }),
  );
  client.close();
  return counter.tally;
}

function methodsOf(name: Target['name']): Method[] {
  const files = name === 'gateway' ? [...INFERENCE_FILES] : ['admin', 'jobs', 'models', 'network'].map((file) => join(PROJECT_ROOT, 'proto/assay/v1', `${file}.proto`));
  const found: Method[] = [];
  const visit = (tree: object): void => {
    for (const entry of Object.values(tree)) {
      if (typeof entry === 'function') found.push(...(Object.values((entry as ServiceClientConstructor).service) as Method[]));
      else if (entry && typeof entry === 'object' && !('format' in entry)) visit(entry as object);
    }
  };
  visit(loadPackageDefinition(loadSync(files, { ...LOADER_OPTIONS, includeDirs: [...LOADER_OPTIONS.includeDirs] })));
  return found;
}

function messageFor(method: Method, { right }: Target, random: Random): Uint8Array {
  const name = method.path.split('/').at(-1)!;
  const whole = right[name];
  if (!whole || random.next() < 0.05) return random.bytes(random.between(0, 200));
  // WHY mostly the content: a message that the transport cannot read never reaches us.
  return random.next() < 0.25 ? mutated(method.requestSerialize(whole), random) : method.requestSerialize(withOddLeaf(whole, random));
}

interface Outcome {
  readonly code: string;
  readonly fault?: string;
}

/** One message, and what the server makes of it. A stream of answers is cut off after a moment. */
function call(client: Client, { method, bytes, metadata }: { method: Method; bytes: Uint8Array; metadata: Target['metadata'] }): Promise<Outcome> {
  return new Promise((resolve) => {
    const [encode, decode] = [(message: Uint8Array) => Buffer.from(message), (reply: Buffer) => reply];
    const headers = new Metadata();
    for (const [key, value] of Object.entries(metadata)) headers.set(key, value);
    const ends = method.responseStream ? SERVER_ENDS_MS : DEADLINE_MS;
    const options = { deadline: Date.now() + ends };
    const done = (error: ServiceError | null) => resolve(outcomeOf(error, method.responseStream));
    if (!method.responseStream) {
      if (!method.requestStream) return void client.makeUnaryRequest(method.path, encode, decode, bytes, headers, options, done);
      const upload = client.makeClientStreamRequest(method.path, encode, decode, headers, options, done);
      upload.on('error', () => undefined);
      upload.write(bytes);
      return upload.end();
    }
    const duplex = method.requestStream ? client.makeBidiStreamRequest(method.path, encode, decode, headers, options) : undefined;
    const stream = duplex ?? client.makeServerStreamRequest(method.path, encode, decode, bytes, headers, options);
    stream.on('data', () => undefined).on('end', () => done(null)).on('error', (error: ServiceError) => done(error));
    duplex?.write(bytes);
    duplex?.end();
  });
}

/** Every refusal has one of our codes in front, or is the transport's own about bytes that are no message. */
function outcomeOf(error: ServiceError | null, streams: boolean): Outcome {
  if (!error) return { code: 'taken' };
  const [, code] = /^([A-Z][A-Z_]+)\b/.exec(error.details) ?? [];
  if (code && isErrorCode(code)) return code === 'INTERNAL' ? { code, fault: error.details } : { code };
  if (error.code === Status.DEADLINE_EXCEEDED) return streams ? { code: 'stream' } : { code: 'silence', fault: 'no answer' };
  if (/deserializ|illegal|invalid wire type|index out of range|Error decoding/i.test(error.details)) return { code: 'UNREADABLE' };
  return { code: Status[error.code] as string, fault: `${Status[error.code]}: ${error.details}` };
}
