import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { asAssayError, AssayError, ERROR_CODES, isErrorCode } from './errors.js';

const fromRoot = (path: string) => new URL(`../../../${path}`, import.meta.url);

describe('errors', () => {
  it('docs/errors.md is what the table says (else: npm run docs)', async () => {
    const script = fromRoot('scripts/generate-docs.mjs').href;
    const { errorsPage } = (await import(/* @vite-ignore */ script)) as { errorsPage(codes: typeof ERROR_CODES): string };
    expect(readFileSync(fromRoot('docs/errors.md'), 'utf8')).toBe(errorsPage(ERROR_CODES));
  });

  it('every code says what happened and what to do, in whole sentences', () => {
    for (const [code, { summary, remedy }] of Object.entries(ERROR_CODES)) {
      expect(code).toMatch(/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/);
      for (const text of [summary, remedy]) expect(text, code).toMatch(/^[A-Z“].*[.:]?$/s);
      expect(summary.endsWith('.'), code).toBe(true);
    }
  });

  it('takes the code’s summary and remedy unless told otherwise, and points to its page', () => {
    const error = new AssayError({ code: 'FEE_TOO_LOW', facts: { price: 2n ** 100n } });
    expect(error).toMatchObject({ message: ERROR_CODES.FEE_TOO_LOW.summary, remedy: ERROR_CODES.FEE_TOO_LOW.remedy, kind: 'refused', page: 'docs/errors.md#fee_too_low' });
    expect(new AssayError({ code: 'USAGE', message: 'no such command', remedy: 'Look it up.' })).toMatchObject({ message: 'no such command', remedy: 'Look it up.' });
  });

  it('survives JSON, with numbers beyond 2^53 as text', () => {
    const json = JSON.parse(JSON.stringify(new AssayError({ code: 'DEPOSIT_TOO_LOW', facts: { missing: 2n ** 100n, dims: [1, 2] } }))) as unknown;
    expect(json).toMatchObject({ code: 'DEPOSIT_TOO_LOW', facts: { missing: (2n ** 100n).toString(), dims: [1, 2] }, page: 'docs/errors.md#deposit_too_low' });
  });

  it('wraps what is not one of ours and keeps it as the cause', () => {
    const cause = new TypeError('x is not a function');
    expect(asAssayError(cause)).toMatchObject({ code: 'INTERNAL', message: 'x is not a function', cause });
    expect(asAssayError('text', 'PEER_SILENT')).toMatchObject({ code: 'PEER_SILENT', message: 'text' });
    const own = new AssayError({ code: 'USAGE' });
    expect(asAssayError(own, 'INTERNAL')).toBe(own);
    expect([isErrorCode('USAGE'), isErrorCode('toString'), isErrorCode(3)]).toEqual([true, false, false]);
  });
});
