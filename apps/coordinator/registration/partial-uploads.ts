import { createHash } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Root } from '#core/hashing';
import { AssayError } from '#core/protocol';

/** Uploads that may lie about half done; the oldest goes when another begins. */
const MAX_KEPT = 16;
const KEPT_MS = 24 * 3_600_000;
const ENDING = '.partial';

/** What has arrived of uploads that can be resumed, one file each, named by the SHA-256 that the whole will have. */
export class PartialUploads {
  /** WHY: two uploads of one file at once would mix their chunks. */
  private readonly busy = new Set<Root>();

  constructor(
    private readonly folder: string,
    private readonly now: () => number,
  ) {}

  async received(sha256: Root): Promise<number> {
    return stat(this.fileOf(sha256)).then(({ size }) => size, () => 0);
  }

  /**
   * Takes the chunks that follow `offset` and returns the whole file once it is complete. What arrived stays when `chunks` throws.
   * @throws AssayError UPLOAD_OFFSET_MISMATCH, UPLOAD_CORRUPT
   */
  async take(chunks: AsyncIterable<Uint8Array>, { sha256, offset, total }: { readonly sha256: Root; readonly offset: number; readonly total: number }): Promise<Uint8Array> {
    if (this.busy.has(sha256)) throw new AssayError({ code: 'UPLOAD_OFFSET_MISMATCH', message: 'this file is being uploaded by another call', facts: { sha256 }, remedy: 'Wait for the other call, or try again in a moment.' });
    this.busy.add(sha256);
    try {
      const received = await this.received(sha256);
      if (offset !== received) throw new AssayError({ code: 'UPLOAD_OFFSET_MISMATCH', facts: { sha256, offset, received } });
      if (received === 0) await this.makeRoom();
      await this.append(chunks, sha256, total - received);
      return await this.whole(sha256, total);
    } finally {
      this.busy.delete(sha256);
    }
  }

  private async append(chunks: AsyncIterable<Uint8Array>, sha256: Root, missing: number): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    let left = missing;
    for await (const chunk of chunks) {
      left -= chunk.length;
      if (left < 0) throw await this.corrupt(sha256, 'more bytes arrived than announced');
      await appendFile(this.fileOf(sha256), chunk);
    }
    if (left > 0) throw new AssayError({ code: 'UPLOAD_OFFSET_MISMATCH', message: 'the upload broke off', facts: { sha256, missing: left } });
  }

  private async whole(sha256: Root, total: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(await readFile(this.fileOf(sha256)));
    if (bytes.length !== total || `0x${createHash('sha256').update(bytes).digest('hex')}` !== sha256) throw await this.corrupt(sha256, 'the whole has another SHA-256');
    await rm(this.fileOf(sha256), { force: true });
    return bytes;
  }

  private async corrupt(sha256: Root, reason: string): Promise<AssayError> {
    await rm(this.fileOf(sha256), { force: true });
    return new AssayError({ code: 'UPLOAD_CORRUPT', message: reason, facts: { sha256 } });
  }

  private async makeRoom(): Promise<void> {
    const names = (await readdir(this.folder).catch(() => [])).filter((name) => name.endsWith(ENDING) && !this.busy.has(name.slice(0, -ENDING.length) as Root));
    const files = await Promise.all(names.map(async (name) => ({ name, at: (await stat(join(this.folder, name))).mtimeMs })));
    const oldest = files.sort((a, b) => b.at - a.at);
    for (const [i, { name, at }] of oldest.entries()) if (i >= MAX_KEPT - 1 || this.now() - at > KEPT_MS) await rm(join(this.folder, name), { force: true });
  }

  private fileOf(sha256: Root): string {
    return join(this.folder, `${sha256}${ENDING}`);
  }
}
