import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { commonVariables, createLogger, decryptKey, encryptKey, readConfig } from './index.js';

const key = `0x${'7a'.repeat(32)}` as const;
const dir = mkdtempSync(join(tmpdir(), 'assay-keystore-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The form of the Web3 secret storage definition's scrypt vector: r = 1 with so large an n is beyond OpenSSL's bound n < 2^(16 r). */
const VECTOR = {
  crypto: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: '83dbcc02d8ccb40e466191a123791e0e' },
    ciphertext: 'd172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c',
    kdf: 'scrypt',
    kdfparams: { dklen: 32, n: 262144, p: 8, r: 1, salt: 'ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19' },
    mac: '2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097',
  },
  id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
  version: 3,
};

const PBKDF2_VECTOR = {
  crypto: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
    ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
    kdf: 'pbkdf2',
    kdfparams: { c: 262144, dklen: 32, prf: 'hmac-sha256', salt: 'ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd' },
    mac: '517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2',
  },
  version: 3,
};

describe('a keystore', () => {
  it('with parameters that OpenSSL does not compute is refused with them named', () => {
    expect(() => decryptKey(JSON.stringify(VECTOR), 'testpassword')).toThrow(expect.objectContaining({ code: 'KEYSTORE_UNUSABLE', facts: { n: 262144, r: 1, p: 8 } }));
  });

  it('of the definition’s pbkdf2 vector opens', () => {
    expect(decryptKey(JSON.stringify(PBKDF2_VECTOR), 'testpassword')).toBe('0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d');
  });

  it('with the work factor that wallets use opens, 256 MiB or not', () => {
    expect(decryptKey(encryptKey(key, { password: 'x', n: 262_144 }), 'x')).toBe(key);
  }, 60_000);

  it('gives its key back to the right password and to no other; it does not hold the key in the clear', () => {
    const text = encryptKey(key, { password: 'correct horse', n: 2 ** 12 });
    expect(text).not.toContain(key.slice(2));
    expect(decryptKey(text, 'correct horse')).toBe(key);
    expect(() => decryptKey(text, 'wrong horse')).toThrow(expect.objectContaining({ code: 'KEYSTORE_UNUSABLE' }));
  });

  it.each(['', '{}', '{"version":3}', 'null', JSON.stringify({ ...VECTOR, crypto: { ...VECTOR.crypto, kdfparams: { ...VECTOR.crypto.kdfparams, n: 2 ** 30 } } })])('that is none is refused: %s', (text) => {
    expect(() => decryptKey(text, 'x')).toThrow(expect.objectContaining({ code: 'KEYSTORE_UNUSABLE' }));
  });

  it('stands in for ASSAY_PRIVATE_KEY, and no log line shows key or password', () => {
    const [file, passwordFile] = [join(dir, 'key.json'), join(dir, 'password')];
    writeFileSync(file, encryptKey(key, { password: 'correct horse', n: 2 ** 12 }));
    writeFileSync(passwordFile, 'correct horse\n');
    const config = readConfig(z.object({ ASSAY_PRIVATE_KEY: commonVariables.ASSAY_PRIVATE_KEY }), { ASSAY_KEYSTORE: file, ASSAY_KEYSTORE_PASSWORD_FILE: passwordFile });
    expect(config.ASSAY_PRIVATE_KEY).toBe(key);
    const lines: string[] = [];
    const log = createLogger({ name: 'test', level: 'info', destination: { write: (line: string) => void lines.push(line) } });
    log.info({ config, options: { privateKey: key, password: 'correct horse' } }, 'started');
    expect(lines.join('')).not.toContain(key.slice(2));
    expect(lines.join('')).not.toContain('correct horse');
  });
});
