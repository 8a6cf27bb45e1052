import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Root } from '#core/hashing';
import { AssayError } from '#core/protocol';
import { SpendingBook, type Reservation } from '#io/keys';
import type { RemoteJob } from '#io/rpc';
import { settleLate } from './payment.js';

const dir = mkdtempSync(join(tmpdir(), 'assay-payment-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const DEADLINE = 1_000n;
const [BEFORE, AFTER] = [999_000, 1_001_000];
const jobId = `0x${'01'.repeat(32)}` as Root;
const reservation: Reservation = {
  ...{ jobId, signature: '0x12', idempotencyKey: null },
  request: { submitter: `0x${'11'.repeat(20)}`, modelId: jobId, inputRoot: jobId, maxFee: 10n, insuredValue: 0n, deadline: DEADLINE, nonce: 1n, verification: 0, redundancy: 1 },
};
const unknown = () => Promise.reject(new AssayError({ code: 'JOB_UNKNOWN' }));
const found = (job: object) => () => Promise.resolve(job as RemoteJob);

it.each<[string, () => Promise<RemoteJob>, number, readonly [spent: bigint, reserved: bigint]]>([
  ['that nobody knows may still arrive before its deadline', unknown, BEFORE, [0n, 10n]],
  ['that nobody knows is free after it', unknown, AFTER, [0n, 0n]],
  ['that was called off may be asked for again before its deadline', found({ state: 'cancelled' }), BEFORE, [0n, 10n]],
  ['that was called off is free after it', found({ state: 'cancelled' }), AFTER, [0n, 0n]],
  ['in work is open', found({ state: 'assigned' }), AFTER, [0n, 10n]],
  ['that failed is free at once', found({ state: 'failed' }), BEFORE, [0n, 0n]],
  ['that was answered costs its fee', found({ state: 'answered', claim: { fee: 7n } }), BEFORE, [7n, 0n]],
])('a job %s', async (what, job, now, totals) => {
  const book = new SpendingBook(join(dir, what.replaceAll(' ', '-')));
  const account = await book.of('a');
  await account.reserve(reservation, 100n);
  for (let times = 0; times < 2; times++) await settleLate(account, reservation, { source: { job }, now });
  expect([account.spent, account.reserved]).toEqual(totals);
  await book.close();
});
