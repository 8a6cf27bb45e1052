import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Root } from '#core/hashing';
import { KeyBook } from './key-book.js';
import { SpendingBook, type Reservation } from './spending.js';

const dir = mkdtempSync(join(tmpdir(), 'assay-keys-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const root = (n: number) => `0x${n.toString(16).padStart(64, '0')}` as Root;
const job = (n: number, price = 10n, idempotencyKey: string | null = null): Reservation => ({
  jobId: root(n),
  request: { submitter: `0x${'11'.repeat(20)}`, modelId: root(1), inputRoot: root(2), maxFee: price, insuredValue: 0n, deadline: 1n, nonce: BigInt(n), verification: 0, redundancy: 1 },
  signature: '0x12',
  idempotencyKey,
});

describe('an account of spending', () => {
  it('never lets spent and reserved pass the cap, also at once', async () => {
    const book = new SpendingBook(dir);
    const account = await book.of('a');
    const outcomes = await Promise.allSettled([1, 2, 3, 4].map((n) => account.reserve(job(n), 25n)));
    expect(outcomes.map((o) => o.status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
    await account.settle(root(1), 4n);
    await account.reserve(job(5), 25n);
    expect([account.spent, account.reserved]).toEqual([4n, 20n]);
    await book.close();
  });

  it('counts a job once, however often it is reserved and settled', async () => {
    const book = new SpendingBook(dir);
    const account = await book.of('b');
    for (let i = 0; i < 2; i++) await account.reserve(job(1), 100n);
    for (let i = 0; i < 2; i++) await account.settle(root(1), 7n);
    expect([account.spent, account.reserved]).toEqual([7n, 0n]);
    await book.close();
  });

  it('outlives its process, and a line cut short', async () => {
    const first = new SpendingBook(dir);
    const account = await first.of('c');
    await account.reserve(job(1, 10n, 'mine'), 100n);
    await account.reserve(job(2, 10n, 'free'), 100n);
    await account.reserve(job(3), 100n);
    await account.settle(root(1), 7n);
    await account.settle(root(2), 0n);
    await first.close();
    appendFileSync(join(dir, 'c.spending'), '{"kind":"settle","jobId":"0x');
    for (let i = 0; i < 2; i++) {
      const book = new SpendingBook(dir);
      const again = await book.of('c');
      expect([again.spent, again.reserved, again.unsettled.map((open) => open.jobId)]).toEqual([7n, 10n, [root(3)]]);
      expect([again.knownAs('mine')?.jobId, again.knownAs('free')]).toEqual([root(1), undefined]);
      await book.close();
    }
    expect(await SpendingBook.totals(dir, 'c')).toEqual({ spent: 7n, reserved: 10n });
  });
});

describe('a book of keys', () => {
  const book = new KeyBook(join(dir, 'keys'));

  it('knows a key by its text, and keeps no secret', async () => {
    const { key, text } = await book.create({ name: 'shop', cap: 5n, expiresAt: 1_000, now: 1 });
    expect(await book.authenticate(text, 999)).toEqual(key);
    const secret = text.slice(`assay_${key.id}_`.length);
    expect(secret).toHaveLength(43);
    expect(readFileSync(join(dir, 'keys', `${key.id}.json`), 'utf8')).not.toContain(secret);
    await expect(book.authenticate(text, 1_000)).rejects.toMatchObject({ code: 'KEY_EXPIRED' });
    await expect(book.authenticate(`${text.slice(0, -3)}AAA`, 1)).rejects.toMatchObject({ code: 'KEY_UNKNOWN' });
    await book.revoke(key.id, 5);
    await expect(book.authenticate(text, 6)).rejects.toMatchObject({ code: 'KEY_REVOKED' });
    expect((await book.list()).map(({ id, revokedAt }) => [id, revokedAt])).toEqual([[key.id, 5]]);
  });
});
