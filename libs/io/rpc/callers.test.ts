import { credentials, makeGenericClientConstructor, Server, ServerCredentials, type ClientReadableStream, type ServerWritableStream, type ServiceError } from '@grpc/grpc-js';
import { interval } from 'rxjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readAtLeast } from './callers.js';
import { fromStatus, toStatus } from './status.js';

const bytes = (value: Buffer) => value;
const service = { Flood: { path: '/test.Test/Flood', requestStream: false, responseStream: true, requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes } };
const server = new Server();
let port: number;
let made = 0;

beforeAll(async () => {
  server.addService(service, {
    Flood: (call: ServerWritableStream<Buffer, Buffer>) => {
      const flood = interval(0).pipe(readAtLeast(call)).subscribe({ next: () => (made++, call.write(Buffer.alloc(16 * 1024))), error: (error: unknown) => call.emit('error', toStatus(error)) });
      call.on('cancelled', () => flood.unsubscribe());
    },
  });
  port = await new Promise<number>((resolve, reject) => server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))));
});
afterAll(() => server.forceShutdown());

it('a stream whose reader takes nothing ends by itself, with a code, before much was kept for it', async () => {
  const Client = makeGenericClientConstructor(service, 'Test');
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure()) as unknown as { Flood(message: Buffer): ClientReadableStream<Buffer>; close(): void };
  const call = client.Flood(Buffer.alloc(0));
  const ended = new Promise<ServiceError>((resolve) => call.on('error', (error) => resolve(error as ServiceError)));
  // Nobody listens to data: the client's window fills, then the server's buffer.
  const before = await still(() => made);
  call.resume();
  expect(fromStatus(await ended, 'test')).toMatchObject({ code: 'QUEUE_FULL' });
  expect(before).toBeLessThan(2_000);
  client.close();
}, 60_000);

/** Waits until the number no longer grows. */
async function still(look: () => number): Promise<number> {
  for (let last = -1; ; await new Promise((resolve) => setTimeout(resolve, 500))) {
    if (look() === last && last > 0) return last;
    last = look();
  }
}
