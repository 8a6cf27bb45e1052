import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { AssayError } from '#core/protocol';
import { connectWithRetry, Counter, createLogger, createMonitoring, describeError, Drain, Gauge, Rounds, Shutdown, VERSION, type Clock, type Monitoring } from './index.js';

function capture() {
  const lines: Record<string, unknown>[] = [];
  return { lines, log: createLogger({ name: 'test', level: 'info', destination: { write: (line: string) => void lines.push(JSON.parse(line)) } }) };
}

function steppingClock(): Clock & { waits: number[] } {
  const waits: number[] = [];
  return { waits, now: () => 0, sleep: async (ms) => void waits.push(ms) };
}

describe('logger', () => {
  it('writes bigints and hides secrets at the top and one level down', () => {
    const { lines, log } = capture();
    log.info({ event: 'x', gas: 5n, nested: { block: 7n, privateKey: '0xsecret1' }, ASSAY_NATS_SEED: 'secret2' }, 'text');
    expect(lines[0]).toMatchObject({ level: 'info', name: 'test', event: 'x', gas: '5', nested: { block: '7' }, msg: 'text' });
    expect(JSON.stringify(lines)).not.toContain('secret1');
    expect(JSON.stringify(lines)).not.toContain('secret2');
  });
});

describe('connectWithRetry', () => {
  const options = (clock: Clock) => ({ what: 'broker', code: 'BROKER_UNREACHABLE' as const, attempts: 4, firstDelayMs: 10, maxDelayMs: 25, clock });

  it('doubles its delay up to the bound and gives up with facts', async () => {
    const clock = steppingClock();
    const failing = connectWithRetry(() => Promise.reject(new Error('refused')), options(clock));
    await expect(failing).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE', facts: { what: 'broker', attempts: 4, reason: 'refused' } });
    expect(clock.waits).toEqual([10, 20, 25]);
  });

  it('stops at once on a final error and returns what a later attempt gives', async () => {
    const clock = steppingClock();
    const refused = new AssayError({ code: 'BROKER_REFUSED' });
    await expect(connectWithRetry(() => Promise.reject(refused), options(clock))).rejects.toBe(refused);
    let left = 2;
    expect(await connectWithRetry(async () => (left-- ? Promise.reject(new Error('no')) : 'yes'), options(clock))).toBe('yes');
    expect(clock.waits).toEqual([10, 20]);
  });
});

describe('Rounds', () => {
  it('follow one another, at once when woken, and end with the one under way', async () => {
    const ended: number[] = [];
    let began = 0;
    const rounds = new Rounds(async () => {
      const number = ++began;
      await Promise.resolve();
      ended.push(number);
      return number === 1 ? 0 : 3_600_000;
    });
    rounds.start();
    await expect.poll(() => ended).toEqual([1, 2]);
    rounds.wake();
    await expect.poll(() => began).toBe(3);
    await rounds.stop();
    expect([rounds.isStopping, ended]).toEqual([true, [1, 2, 3]]);
    rounds.wake();
    await Promise.resolve();
    expect(began).toBe(3);
  });
});

describe('Shutdown', () => {
  it('runs steps in reverse, survives one that fails, exits once with the code', async () => {
    const { lines, log } = capture();
    const order: string[] = [];
    const shutdown = new Shutdown(log, 1_000, (code) => void order.push(`exit ${code}`));
    shutdown.onShutdown('first', () => void order.push('first'));
    shutdown.onShutdown('second', () => Promise.reject(new Error('stuck')));
    shutdown.onShutdown('third', async () => void order.push('third'));
    await Promise.all([shutdown.shutdown(3), shutdown.shutdown(4)]);
    expect(order).toEqual(['third', 'first', 'exit 3']);
    expect(lines.map((l) => l['event'])).toEqual(['stop.failed']);
  });

  it('leaves a step that has a time of its own as it is, and ends well', async () => {
    const { lines, log } = capture();
    const code = await new Promise((resolve) => {
      const shutdown = new Shutdown(log, 30_000, resolve);
      shutdown.onShutdown('hangs', () => new Promise(() => {}), 20);
      void shutdown.shutdown(0);
      expect(shutdown.isStopping).toBe(true);
    });
    expect([code, lines.map((l) => [l['event'], l['step']])]).toEqual([0, [['stop.left', 'hangs']]]);
  });

  it('exits after its bound even if a step hangs', async () => {
    const { log } = capture();
    const code = await new Promise((resolve) => {
      const shutdown = new Shutdown(log, 20, resolve);
      shutdown.onShutdown('hangs', () => new Promise(() => {}));
      void shutdown.shutdown(0);
    });
    expect(code).toBe(1);
  });
});

describe('Drain', () => {
  it('lets finish what is under way, refuses what comes after, and ends what takes too long', async () => {
    const drain = new Drain();
    let finish: (word: string) => void = () => {};
    const finishing = drain.run(() => new Promise((resolve) => (finish = resolve)));
    const hanging = drain.run(() => new Promise(() => {})).catch((error: unknown) => error);
    const closed = drain.close(50);
    await expect(drain.run(async () => 'late')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    finish('done');
    expect(await finishing).toBe('done');
    expect(await hanging).toMatchObject({ code: 'SHUTTING_DOWN' });
    await closed;
    expect([drain.isClosing, drain.ended.aborted]).toEqual([true, true]);
  });
});

describe('monitoring', () => {
  let monitoring: Monitoring;
  afterEach(() => monitoring.close());

  it('serves metrics and health over HTTP', async () => {
    monitoring = createMonitoring('test');
    new Counter({ name: 'jobs_total', help: 'jobs', registers: [monitoring.registry] }).inc(3);
    let problem: string | undefined;
    monitoring.check('broker', () => problem);
    const { host, port } = await monitoring.listen({ host: '127.0.0.1', port: 0 });
    const get = (path: string) => fetch(`http://${host}:${port}${path}`);
    expect(await (await get('/metrics')).text()).toContain('jobs_total{process="test"} 3');
    expect((await get('/health')).status).toBe(200);
    problem = 'gone';
    const unhealthy = await get('/health');
    expect([unhealthy.status, await unhealthy.json()]).toEqual([503, { healthy: false, faults: [{ name: 'broker', problem: 'gone' }] }]);
    expect((await get('/etc')).status).toBe(404);
  });

  it('outlives a figure that cannot be read', async () => {
    monitoring = createMonitoring('test');
    new Gauge({ name: 'rows', help: 'rows', registers: [monitoring.registry], collect: () => Promise.reject(new AssayError({ code: 'DATABASE_UNREACHABLE' })) });
    const { host, port } = await monitoring.listen({ host: '127.0.0.1', port: 0 });
    const scrape = await fetch(`http://${host}:${port}/metrics`, { signal: AbortSignal.timeout(5_000) });
    expect([scrape.status, await scrape.text()]).toEqual([500, 'DATABASE_UNREACHABLE\n']);
    expect((await fetch(`http://${host}:${port}/live`)).status).toBe(200);
  });

  it('says which port is taken', async () => {
    monitoring = createMonitoring('test');
    const other = createServer();
    const port = await new Promise<number>((resolve) => other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port)));
    await expect(monitoring.listen({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'PORT_BUSY', facts: { port } });
    other.close();
  });
});

describe('describeError', () => {
  it('prints code, facts, cause and remedy', () => {
    const error = new AssayError({ code: 'INTERNAL', message: 'no luck', facts: { gas: 5n, list: [1] }, remedy: 'Try again.', cause: new Error('deep') });
    expect(describeError(error)).toBe('INTERNAL: no luck\n  gas: 5\n  list: [1]\n  cause: deep\nTry again.');
  });
});

it('states the version of package.json', () => {
  expect((JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version).toBe(VERSION);
});
