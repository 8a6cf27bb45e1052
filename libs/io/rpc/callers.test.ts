import { connect } from 'node:http2';
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import { interval } from 'rxjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readAtLeast } from './callers.js';
import { toStatus } from './status.js';

const bytes = (value: Buffer) => value;
const service = { Flood: { path: '/test.Test/Flood', requestStream: false, responseStream: true, requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes } };
const server = new Server();
let port: number;
let made = 0;
let over: () => void;
const ended = new Promise<void>((resolve) => (over = resolve));

beforeAll(async () => {
  server.addService(service, {
    Flood: (call: ServerWritableStream<Buffer, Buffer>) => {
      interval(0).pipe(readAtLeast(call)).subscribe({ next: () => (made++, call.write(Buffer.alloc(16 * 1024))), error: (error: unknown) => (call.emit('error', toStatus(error)), over()) });
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
