import { join } from 'node:path';
import { Client, credentials, loadPackageDefinition, Metadata, status as Status, type MethodDefinition, type ServiceClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { isErrorCode } from '#core/protocol';
import { INFERENCE_FILES, LOADER_OPTIONS } from '#io/rpc';
import { PROJECT_ROOT, seededRandom, type Random } from '#testing';
import { mutated, withOddLeaf } from './mutation.js';
import { hostileMessage } from './protobuf.js';
import type { Wrong } from './requests.js';
import { Counter, type Tally } from './tally.js';

type Method = MethodDefinition<object, object>;

export interface Target {
  readonly name: 'coordinator' | 'gateway';
  readonly address: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Messages that are right, by method name; what another method asks for is among what they say. */
  readonly right: Readonly<Record<string, object>>;
  /** For a method, by service and name, a message that its reader takes and that the rules must refuse. */
  readonly wrong: Readonly<Record<string, (random: Random) => Promise<Wrong>>>;
}

/** WHY so long: a machine that does ten other things. What is answered later than this hangs. */
const DEADLINE_MS = 60_000;
const SERVER_ENDS_MS = 1_000;
const AT_ONCE = 8;
const OVERLOAD = ['RATE_LIMITED', 'QUEUE_FULL', 'stream'];
/** Methods that take the most apart. */
const OFTEN = /Submit|Register$|Infer$/;
/** Share of the calls that say something wrong in a message that is well formed, where there are such. */
const WRONG = 0.6;

/** Calls whose messages have something wrong, to every method of a server. */
export async function fuzzCalls(seed: number, cases: number, target: Target): Promise<Tally> {
  const counter = new Counter(DEADLINE_MS);
  const methods = methodsOf(target.name).flatMap((method) => Array<Method>(OFTEN.test(method.path) ? 5 : 1).fill(method));
  const client = new Client(target.address, credentials.createInsecure());
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let i = next++; i < cases; i = next++) {
        const random = seededRandom(seed * 65_537 + i);
        const method = methods[i % methods.length]!;
        const { bytes, wrong } = await messageFor(method, target, random);
        const what = `${target.name} case ${i} (seed ${seed}, ${method.path}${wrong ? `, ${wrong.what}` : ''})`;
        const started = performance.now();
        const outcome = await call(client, { method, bytes, metadata: target.metadata });
        counter.note(outcome.code, performance.now() - started, what);
        if (outcome.fault) counter.fault(`${what}: ${outcome.fault}`);
        else if (wrong && ![...wrong.expected, ...OVERLOAD].includes(outcome.code)) counter.fault(`${what}: answered ${outcome.code} instead of ${wrong.expected}`);
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

async function messageFor(method: Method, { right, wrong }: Target, random: Random): Promise<{ bytes: Uint8Array; wrong?: Wrong }> {
  const name = method.path.split('/').at(-1)!;
  const made = random.next() < WRONG ? await wrong[method.path.split('.').at(-1)!]?.(random) : undefined;
  if (made) return { bytes: method.requestSerialize(made.message), wrong: made };
  const whole = right[name] ?? right['any']!;
  const kind = random.next();
  if (kind < 0.03) return { bytes: random.bytes(random.between(0, 200)) };
  // WHY mostly the content: a message that the transport cannot read never reaches us.
  if (kind < 0.1) return { bytes: mutated(method.requestSerialize(whole), random) };
  if (kind < 0.6) return { bytes: hostileMessage(method.requestSerialize(whole), random) };
  return { bytes: method.requestSerialize(withOddLeaf(whole, random)) };
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
    const told = (reply: Buffer) => codeIn(method.responseDeserialize(reply)) ?? 'taken';
    let code = 'taken';
    stream.on('data', (reply: Buffer) => (code = told(reply))).on('end', () => resolve({ code })).on('error', (error: ServiceError) => done(error));
    duplex?.write(bytes);
    duplex?.end();
  });
}

/** The code of a failure that a stream tells of in a message. */
function codeIn(reply: object): string | undefined {
  const { fault, errorMessage } = reply as { fault?: { code?: string } | null; errorMessage?: string };
  return fault?.code ?? /^([A-Z][A-Z_]+)\b/.exec(errorMessage ?? '')?.[1];
}

/** Every refusal has one of our codes in front, that of bytes which are no message too. */
function outcomeOf(error: ServiceError | null, streams: boolean): Outcome {
  if (!error) return { code: 'taken' };
  const [, code] = /^([A-Z][A-Z_]+)\b/.exec(error.details) ?? [];
  if (code && isErrorCode(code)) return code === 'INTERNAL' ? { code, fault: error.details } : { code };
  if (error.code === Status.DEADLINE_EXCEEDED) return streams ? { code: 'stream' } : { code: 'silence', fault: 'no answer' };
  return { code: Status[error.code] as string, fault: `${Status[error.code]}: ${error.details}` };
}
