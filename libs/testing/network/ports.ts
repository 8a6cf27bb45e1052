import { randomInt } from 'node:crypto';
import { createServer, connect, type AddressInfo } from 'node:net';
import { AssayError } from '#core/protocol';

const HOST = '127.0.0.1';
/** WHY below 32768: from there on Linux gives ports to connections (ip_local_port_range), one of them between our look and the listening. */
const [LOWEST, END] = [10_000, 32_768];
const TRIES = 64;
/** WHY one after the other: none is given twice before somebody listens to it. */
let next = randomInt(LOWEST, END);

/** A TCP port that is free now: `wanted` if it can be had, else any. */
export async function freePort(wanted?: number): Promise<number> {
  if (wanted && (await tryListen(wanted))) return wanted;
  for (let tries = 0; tries < TRIES; tries++) {
    const port = next;
    next = port + 1 < END ? port + 1 : LOWEST;
    if (await tryListen(port)) return port;
  }
  return unavailable(next);
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
