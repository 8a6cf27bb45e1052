import { once } from 'node:events';
import { connect } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import { from, interval } from 'rxjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pacedBy, readAtLeast } from './callers.js';
import { toStatus } from './status.js';

const bytes = (value: Buffer) => value;
const method = (name: string) => ({ path: `/test.Test/${name}`, requestStream: false, responseStream: true, requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes });
const service = { Flood: method('Flood'), File: method('File') };
const CHUNK = Buffer.alloc(64 * 1024);
const CHUNKS = 1_000;
const server = new Server();
let port: number;
let made = 0;
let read = 0;
let patienceMs = 60_000;
let over: () => void;
const ended = new Promise<void>((resolve) => (over = resolve));

beforeAll(async () => {
  server.addService(service, {
    Flood: (call: ServerWritableStream<Buffer, Buffer>) => {
      interval(0).pipe(readAtLeast(call)).subscribe({ next: () => (made++, call.write(Buffer.alloc(16 * 1024))), error: (error: unknown) => (call.emit('error', toStatus(error)), over()) });
    },
    // As Nest writes what an Observable gives: whatever comes, whether there is room for it or not.
    File: (call: ServerWritableStream<Buffer, Buffer>) => {
      from(pacedBy(call, chunks(), patienceMs)).subscribe({ next: (chunk) => void call.write(chunk), error: (error: unknown) => void call.emit('error', toStatus(error)), complete: () => call.end() });
    },
  });
  port = await new Promise<number>((resolve, reject) => server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))));
});
afterAll(() => server.forceShutdown());

it('a stream whose reader takes nothing ends by itself, with a code, before much was kept for it', async () => {
  // WHY not a gRPC client: the one we have takes everything off the wire, whether it is read or not.
  const session = connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ':method': 'POST', ':path': '/test.Test/Flood', 'content-type': 'application/grpc', te: 'trailers' });
  stream.end(Buffer.alloc(5));
  await ended;
  expect(made).toBeLessThan(1_000);
  const trailers = new Promise<Record<string, unknown>>((resolve) => stream.on('trailers', resolve));
  stream.resume();
  expect(await trailers).toMatchObject({ 'grpc-status': '8', 'assay-error-code': 'QUEUE_FULL' });
  session.close();
}, 60_000);

async function* chunks(): AsyncGenerator<Buffer, void, void> {
  for (read = 0; read < CHUNKS; read++) yield CHUNK;
}

it('a file is read no faster than it is taken, and comes whole to a slow reader', async () => {
  const session = connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ':method': 'POST', ':path': '/test.Test/File', 'content-type': 'application/grpc', te: 'trailers' });
  stream.end(Buffer.alloc(5));
  await once(stream, 'response');
  for (let before = -1; before < read; ) {
    before = read;
    await sleep(300);
  }
  expect(read).toBeLessThan(CHUNKS / 10);
  let taken = 0;
  stream.on('data', (data: Buffer) => (taken += data.length));
  await once(stream, 'end');
  expect(taken).toBe(CHUNKS * (CHUNK.length + 5));
  session.close();
}, 60_000);

it('a reader that takes nothing of it for too long is told so, and nothing is kept for it', async () => {
  patienceMs = 200;
  const session = connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ':method': 'POST', ':path': '/test.Test/File', 'content-type': 'application/grpc', te: 'trailers' });
  stream.end(Buffer.alloc(5));
  await once(stream, 'response');
  await sleep(1_000);
  const trailers = once(stream, 'trailers');
  stream.resume();
  expect((await trailers)[0]).toMatchObject({ 'grpc-status': '8', 'assay-error-code': 'QUEUE_FULL' });
  expect(read).toBeLessThan(CHUNKS / 10);
  session.close();
}, 60_000);
