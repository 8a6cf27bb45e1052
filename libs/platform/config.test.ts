import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AssayError } from '#core/protocol';
import { commonVariables, hostPort, readConfig, switchOf, variable, wholeNumber } from './index.js';

const good = {
  ASSAY_RPC_URL: 'http://127.0.0.1:8545',
  ASSAY_NATS_URL: 'nats://127.0.0.1:4222',
  ASSAY_NATS_SEED: `SU${'A'.repeat(56)}`,
  ASSAY_DEPLOYMENT: './deployment.json',
  ASSAY_PRIVATE_KEY: `0x${'1'.repeat(64)}`,
  ASSAY_DATA_DIR: './data',
};
const schema = z.object({ ...commonVariables, CAPACITY: variable(wholeNumber(1, 64).default(1), '2'), LIE: variable(switchOf.default(false), 'false') });

function faultsOf(env: Record<string, string | undefined>): Record<string, unknown> {
  try {
    readConfig(schema, env);
  } catch (error) {
    expect(error).toBeInstanceOf(AssayError);
    expect((error as AssayError).code).toBe('CONFIG_INVALID');
    return (error as AssayError).facts as Record<string, unknown>;
  }
  throw new Error('accepted');
}

describe('readConfig', () => {
  it('reads values and defaults', () => {
    expect(readConfig(schema, { ...good, CAPACITY: '7', LIE: 'true' })).toMatchObject({ CAPACITY: 7, LIE: true, ASSAY_LOG_LEVEL: 'info', ASSAY_METRICS_LISTEN: undefined });
  });

  it('reports every fault at once, each with problem and example', () => {
    const faults = faultsOf({ ...good, ASSAY_RPC_URL: 'localhost', ASSAY_NATS_SEED: undefined, CAPACITY: '0', LIE: 'yes' });
    expect(Object.keys(faults).sort()).toEqual(['ASSAY_NATS_SEED', 'ASSAY_RPC_URL', 'CAPACITY', 'LIE']);
    expect(faults['ASSAY_NATS_SEED']).toMatch(/^is not set; for example ASSAY_NATS_SEED=SUAM/);
    expect(faults['CAPACITY']).toBe('is not between 1 and 64; for example CAPACITY=2');
    expect(faults['LIE']).toMatch(/^is neither true nor false/);
  });

  it('takes an empty string as not set and never quotes a secret', () => {
    const faults = faultsOf({ ...good, ASSAY_DATA_DIR: '', ASSAY_PRIVATE_KEY: '0xdeadbeef' });
    expect(faults['ASSAY_DATA_DIR']).toMatch(/^is not set/);
    expect(JSON.stringify(faults)).not.toContain('deadbeef');
  });
});

describe('hostPort', () => {
  it.each([['127.0.0.1:0', { host: '127.0.0.1', port: 0 }], ['localhost:65535', { host: 'localhost', port: 65535 }]])('%s', (text, listen) => {
    expect(hostPort.parse(text)).toEqual(listen);
  });
  it.each(['127.0.0.1', ':1', 'a:70000', 'a b:1', 'a:-1'])('refuses %s', (text) => {
    expect(hostPort.safeParse(text).success).toBe(false);
  });
});
