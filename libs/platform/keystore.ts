import { createCipheriv, createDecipheriv, pbkdf2Sync, randomBytes, randomUUID, scryptSync, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { bytesToHex, hexToBytes, keccak256, type Hex } from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { z } from 'zod';
import { AssayError } from '#core/protocol';
import type { Environment } from './config.js';

const hex = z.string().regex(/^[0-9a-f]{2,512}$/i);
const kdfSchema = z.discriminatedUnion('kdf', [
  z.object({ kdf: z.literal('scrypt'), kdfparams: z.object({ dklen: z.literal(32), n: z.int().min(2).max(2 ** 20), p: z.int().min(1).max(16), r: z.int().min(1).max(16), salt: hex }) }),
  z.object({ kdf: z.literal('pbkdf2'), kdfparams: z.object({ dklen: z.literal(32), c: z.int().min(1).max(10_000_000), prf: z.literal('hmac-sha256'), salt: hex }) }),
]);
type Kdf = z.infer<typeof kdfSchema>;

/** Web3 Secret Storage, version 3 (ethereum.org, Web3 secret storage definition), within bounds that no file can exceed. */
const keystoreSchema = z.object({
  version: z.literal(3),
  crypto: z.object({ cipher: z.literal('aes-128-ctr'), ciphertext: hex, cipherparams: z.object({ iv: z.string().regex(/^[0-9a-f]{32}$/i) }), mac: hex }).and(kdfSchema),
});

const MAX_MEMORY = 2 ** 31 - 1;
const COST = { n: 2 ** 17, r: 8, p: 1 };

export interface KeystoreOptions {
  readonly password: string;
  /** scrypt's work factor, a power of two. */
  readonly n?: number;
}

/** The private key as an encrypted keystore file's text, which other Ethereum programs read too. */
export function encryptKey(privateKey: Hex, { password, n = COST.n }: KeystoreOptions): string {
  const [salt, iv] = [randomBytes(32), randomBytes(16)];
  const derived = scryptSync(password, salt, 32, { N: n, r: COST.r, p: COST.p, maxmem: MAX_MEMORY });
  const cipher = createCipheriv('aes-128-ctr', derived.subarray(0, 16), iv);
  const ciphertext = Buffer.concat([cipher.update(hexToBytes(privateKey)), cipher.final()]);
  const crypto = {
    ...{ cipher: 'aes-128-ctr', ciphertext: ciphertext.toString('hex'), cipherparams: { iv: iv.toString('hex') } },
    ...{ kdf: 'scrypt', kdfparams: { dklen: 32, n, p: COST.p, r: COST.r, salt: salt.toString('hex') }, mac: macOf(derived, ciphertext).toString('hex') },
  };
  return `${JSON.stringify({ version: 3, id: randomUUID(), address: privateKeyToAddress(privateKey).slice(2).toLowerCase(), crypto }, null, 2)}\n`;
}

/** @throws AssayError KEYSTORE_UNUSABLE if the text is no keystore or the password is not its */
export function decryptKey(text: string, password: string): Hex {
  const { crypto } = parsed(text);
  const ciphertext = Buffer.from(crypto.ciphertext, 'hex');
  const derived = derive(password, crypto);
  const mac = Buffer.from(crypto.mac, 'hex');
  const expected = macOf(derived, ciphertext);
  if (mac.length !== expected.length || !timingSafeEqual(mac, expected)) throw new AssayError({ code: 'KEYSTORE_UNUSABLE', message: 'the password is not that of the keystore' });
  const decipher = createDecipheriv('aes-128-ctr', derived.subarray(0, 16), Buffer.from(crypto.cipherparams.iv, 'hex'));
  return bytesToHex(Buffer.concat([decipher.update(ciphertext), decipher.final()]));
}

/** The environment with ASSAY_PRIVATE_KEY from the encrypted file that ASSAY_KEYSTORE names, if it does. */
export function unlocked(env: Environment): Environment {
  const { ASSAY_KEYSTORE: file, ASSAY_KEYSTORE_PASSWORD_FILE: passwordFile } = env;
  if (!file || env['ASSAY_PRIVATE_KEY']) return env;
  if (!passwordFile) throw new AssayError({ code: 'CONFIG_INVALID', message: 'ASSAY_KEYSTORE without ASSAY_KEYSTORE_PASSWORD_FILE', facts: { file } });
  return { ...env, ASSAY_PRIVATE_KEY: decryptKey(readText(file), readText(passwordFile).replace(/\r?\n$/, '')) };
}

/** WHY a refusal is possible: OpenSSL computes scrypt only for n < 2^(16 r) and within 2 GiB. */
function derive(password: string, { kdf, kdfparams }: Kdf): Buffer {
  const { salt, dklen, ...cost } = kdfparams;
  const bytes = Buffer.from(salt, 'hex');
  try {
    if (kdf === 'pbkdf2') return pbkdf2Sync(password, bytes, kdfparams.c, dklen, 'sha256');
    const { n, r, p } = kdfparams;
    return scryptSync(password, bytes, dklen, { N: n, r, p, maxmem: MAX_MEMORY });
  } catch (cause) {
    throw new AssayError({ code: 'KEYSTORE_UNUSABLE', message: 'the keystore’s parameters cannot be used', facts: cost, cause });
  }
}

function macOf(derived: Buffer, ciphertext: Buffer): Buffer {
  return Buffer.from(keccak256(Buffer.concat([derived.subarray(16, 32), ciphertext]), 'bytes'));
}

/** SAFETY: neither the text nor what is wrong in it goes into the error. */
function parsed(text: string): z.infer<typeof keystoreSchema> {
  try {
    const raw = JSON.parse(text) as Record<string, unknown>;
    return keystoreSchema.parse({ ...raw, crypto: raw['crypto'] ?? raw['Crypto'] });
  } catch {
    throw new AssayError({ code: 'KEYSTORE_UNUSABLE', message: 'this is no keystore of version 3' });
  }
}

/** @throws AssayError FILE_UNREADABLE */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AssayError({ code: 'FILE_UNREADABLE', message: `cannot read ${file}`, facts: { file }, cause });
  }
}
