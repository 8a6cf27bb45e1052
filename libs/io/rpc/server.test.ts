import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, expect, it } from 'vitest';
import { boundConnections } from './server.js';

const MOST = 3;
const server = new Server();
const sockets: Socket[] = [];

afterAll(() => {
  for (const socket of sockets) socket.destroy();
  server.forceShutdown();
});

/** A connection, and whether the server speaks on it (HTTP/2 settings) or closes it. */
async function attempt(port: number): Promise<{ socket: Socket; taken: boolean }> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  sockets.push(socket);
  const taken = await Promise.race([once(socket, 'data').then(() => true), once(socket, 'close').then(() => false)]);
  return { socket, taken };
}

it('a gRPC server takes so many connections at once, and another when one ends', async () => {
  const port = await new Promise<number>((resolve, reject) => server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))));
  boundConnections(port, MOST);
  const found = [await attempt(port), await attempt(port), await attempt(port), await attempt(port)];
  expect(found.map(({ taken }) => taken)).toEqual([true, true, true, false]);
  found[0]!.socket.end();
  await expect.poll(async () => (await attempt(port)).taken).toBe(true);
});
