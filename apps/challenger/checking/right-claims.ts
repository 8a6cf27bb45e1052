import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Root } from '#core/hashing';
import { readIfThere, replaceFile } from '#platform';

/** Claims remembered at most: half of them are forgotten then. A line of 67 bytes each. */
const MAX_CLAIMS = 65_536;

/**
 * Digests of the claims that this challenger found right, on disk: who is ended often would otherwise compute the same ones after each start,
 * and never come to the end of a batch. WHY right ones alone: a digest says all that a run depends on, so no reorganisation changes that; what
 * is wrong must be disputed, and what is unknown asked for again.
 */
export class RightClaims {
  private writing: Promise<void> = Promise.resolve();

  private constructor(
    private readonly file: string,
    private known: Set<string>,
  ) {}

  static async open(dataDir: string): Promise<RightClaims> {
    await mkdir(dataDir, { recursive: true });
    const file = join(dataDir, 'right-claims');
    // WHY no complaint: a line that a crash cut short is a claim to look at again.
    const lines = new TextDecoder().decode(await readIfThere(file)).split('\n').filter((line) => /^0x[0-9a-f]{64}$/.test(line));
    return new RightClaims(file, new Set(lines));
  }

  has(digest: Root): boolean {
    return this.known.has(digest);
  }

  /** In the order of the calls. @throws if the disk does not take it: known then until the end of this process */
  add(digest: Root): Promise<void> {
    this.known.add(digest);
    const isFull = this.known.size > MAX_CLAIMS;
    if (isFull) this.known = new Set([...this.known].slice(MAX_CLAIMS / 2));
    const kept = isFull ? [...this.known] : undefined;
    this.writing = this.writing.catch(() => undefined).then(() => (kept ? replaceFile(this.file, new TextEncoder().encode(lines(kept))) : appendFile(this.file, lines([digest]), { mode: 0o600 })));
    return this.writing;
  }
}

const lines = (digests: readonly string[]) => digests.map((digest) => `${digest}\n`).join('');
