import { createServer, connect, type AddressInfo } from 'node:net';
import { AssayError } from '#core/protocol';

const HOST = '127.0.0.1';

/** A TCP port that is free now: `wanted` if it can be had, else any. */
export async function freePort(wanted?: number): Promise<number> {
  return (wanted ? await tryListen(wanted) : undefined) ?? (await tryListen(0)) ?? unavailable(0);
}

/** `port` if it is free. @throws AssayError PORT_BUSY */
export async function requirePort(port: number): Promise<number> {
  return (await tryListen(port)) ?? unavailable(port);
}

function unavailable(port: number): never {
  throw new AssayError({ code: 'PORT_BUSY', facts: { host: HOST, port } });
}

function tryListen(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, HOST, () => {
      const bound = (server.address() as AddressInfo).port;
      server.close(() => resolve(bound));
    });
  });
}

/** True if something accepts connections on the port. */
export function answers(port: number, host = HOST): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}
