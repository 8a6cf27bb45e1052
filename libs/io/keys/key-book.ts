import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AssayError } from '#core/protocol';
import { createFile, readIfThere, replaceFile } from '#platform';

const decimal = z.string().regex(/^\d{1,39}$/).transform(BigInt);
const instant = z.int().min(0);

const keySchema = z.strictObject({
  version: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{16}$/),
  name: z.string().max(128),
  /** SHA-256 of the secret. WHY no slow hash: the secret is 32 random bytes, there is nothing to guess. */
  secretHash: z.string().regex(/^[0-9a-f]{64}$/),
  /** What the key may spend in all, in the token's smallest unit. */
  cap: decimal,
  /** Milliseconds since 1970; null: never, or not. */
  createdAt: instant,
  expiresAt: instant.nullable(),
  revokedAt: instant.nullable(),
});

/** An API key as it is kept: everything but the secret. */
export type ApiKey = z.output<typeof keySchema>;

export interface NewKey {
  readonly name: string;
  readonly cap: bigint;
  readonly expiresAt: number | null;
  readonly now: number;
}

const TEXT = /^assay_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;
export const MAX_KEYS = 10_000;

/** The API keys of a gateway, one file each in a folder. Read anew at every use, so that a revoked key stops working at once. */
export class KeyBook {
  constructor(private readonly dir: string) {}

  /** Makes a key; its text is nowhere afterwards but with the caller. */
  async create({ name, cap, expiresAt, now }: NewKey): Promise<{ readonly key: ApiKey; readonly text: string }> {
    if ((await this.ids()).length >= MAX_KEYS) throw new AssayError({ code: 'QUEUE_FULL', message: `the gateway keeps at most ${MAX_KEYS} keys`, facts: { dir: this.dir }, remedy: 'Remove the files of keys that are no longer used.' });
    const secret = randomBytes(32);
    const id = randomBytes(8).toString('hex');
    const key: ApiKey = { version: 1, id, name, secretHash: hashOf(secret), cap, createdAt: now, expiresAt, revokedAt: null };
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    if (!(await createFile(this.fileOf(id), bytesOf(key)))) throw new AssayError({ code: 'STATE_CONFLICT', facts: { id } });
    return { key, text: `assay_${id}_${secret.toString('base64url')}` };
  }

  /** Oldest first. */
  async list(): Promise<ApiKey[]> {
    const keys = await Promise.all((await this.ids()).map((id) => this.find(id)));
    return keys.filter((key) => key !== undefined).sort((a, b) => a.createdAt - b.createdAt || a.id.localeCompare(b.id));
  }

  /** Again changes nothing. @throws AssayError KEY_UNKNOWN */
  async revoke(id: string, now: number): Promise<ApiKey> {
    const key = await this.find(id);
    if (!key) throw new AssayError({ code: 'KEY_UNKNOWN', message: `there is no key ${id}`, facts: { id, dir: this.dir }, remedy: 'See `assay key list`.' });
    if (key.revokedAt !== null) return key;
    const revoked = { ...key, revokedAt: now };
    await replaceFile(this.fileOf(id), bytesOf(revoked));
    return revoked;
  }

  /** Whose key this text is. @throws AssayError KEY_UNKNOWN, KEY_REVOKED, KEY_EXPIRED */
  async authenticate(text: string, now: number): Promise<ApiKey> {
    const [, id, secret] = TEXT.exec(text) ?? [];
    const key = id === undefined ? undefined : await this.find(id);
    // SAFETY: the same answer whether id or secret is wrong; a caller learns nothing about which keys there are.
    if (!key || !sameHash(key.secretHash, hashOf(Buffer.from(secret!, 'base64url')))) throw new AssayError({ code: 'KEY_UNKNOWN' });
    if (key.revokedAt !== null) throw new AssayError({ code: 'KEY_REVOKED', facts: { id: key.id, revokedAt: new Date(key.revokedAt).toISOString() } });
    if (key.expiresAt !== null && now >= key.expiresAt) throw new AssayError({ code: 'KEY_EXPIRED', facts: { id: key.id, expiredAt: new Date(key.expiresAt).toISOString() } });
    return key;
  }

  private async find(id: string): Promise<ApiKey | undefined> {
    if (!/^[0-9a-f]{16}$/.test(id)) return undefined;
    const bytes = await readIfThere(this.fileOf(id));
    return bytes && parseKey(bytes, this.fileOf(id));
  }

  private async ids(): Promise<string[]> {
    const names = await readdir(this.dir).catch(() => [] as string[]);
    return names.flatMap((name) => /^([0-9a-f]{16})\.json$/.exec(name)?.[1] ?? []);
  }

  private fileOf(id: string): string {
    return join(this.dir, `${id}.json`);
  }
}

function parseKey(bytes: Uint8Array, file: string): ApiKey {
  try {
    return keySchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new AssayError({ code: 'FILE_UNREADABLE', message: `${file} does not hold an API key`, facts: { file }, cause });
  }
}

function bytesOf(key: ApiKey): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(key, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value), 2)}\n`);
}

function hashOf(secret: Uint8Array): string {
  return createHash('sha256').update(secret).digest('hex');
}

function sameHash(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(a, 'hex'), Buffer.from(b, 'hex'));
}
