import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { asAssayError, AssayError } from '#core/protocol';
import { buildInfo } from './measures.js';
import type { Listen } from './variables.js';

export { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** A named condition of a process; text says what is wrong, undefined that all is well. */
export type HealthCheck = () => string | undefined;

export interface Monitoring {
  readonly registry: Registry;
  /** Adds a condition that /health reports. */
  check(name: string, check: HealthCheck): void;
  /** Opens /metrics, /health (or /ready) and /live; returns the address actually bound. */
  listen(listen: Listen): Promise<Listen>;
  close(): Promise<void>;
}

export function createMonitoring(processName: string): Monitoring {
  const registry = new Registry();
  registry.setDefaultLabels({ process: processName });
  collectDefaultMetrics({ register: registry });
  buildInfo(registry);
  const checks = new Map<string, HealthCheck>();
  new Gauge({
    name: 'assay_healthy',
    help: 'What /health looks at: 1 while it is well',
    labelNames: ['check'],
    registers: [registry],
    collect() {
      for (const [name, check] of checks) this.set({ check: name }, Number(check() === undefined));
    },
  });
  let server: Server | undefined;
  return {
    registry,
    check: (name, check) => void checks.set(name, check),
    listen: async (listen) => {
      server = createServer((request, response) => {
        // SAFETY: a figure that cannot be read must not end the process.
        const answer = respond(request.url ?? '/', registry, checks).catch((error: unknown) => ({ status: 500, type: 'text/plain', body: `${asAssayError(error).code}\n` }));
        void answer.then(({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body));
      });
      return bind(server, listen);
    },
    close: () => new Promise((resolve) => (server?.listening ? (server.closeAllConnections(), server.close(() => resolve())) : resolve())),
  };
}

async function respond(path: string, registry: Registry, checks: Map<string, HealthCheck>) {
  if (path === '/metrics') return { status: 200, type: registry.contentType, body: await registry.metrics() };
  // WHY apart: a broker or a chain that is away is no reason to start the process again.
  if (path === '/live') return { status: 200, type: 'text/plain', body: 'alive\n' };
  if (path !== '/health' && path !== '/ready') return { status: 404, type: 'text/plain', body: 'not found: try /health, /ready, /live or /metrics\n' };
  const faults = [...checks].flatMap(([name, check]) => {
    const problem = check();
    return problem === undefined ? [] : [{ name, problem }];
  });
  return { status: faults.length ? 503 : 200, type: 'application/json', body: `${JSON.stringify({ healthy: faults.length === 0, faults })}\n` };
}

function bind(server: Server, listen: Listen): Promise<Listen> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new AssayError({
          code: 'PORT_BUSY',
          message: `cannot listen on ${listen.host}:${listen.port}`,
          facts: { host: listen.host, port: listen.port, reason: cause.message },
          cause,
        }),
      );
    });
    server.listen(listen.port, listen.host, () => resolve({ host: listen.host, port: (server.address() as AddressInfo).port }));
  });
}
