import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AssayError } from '#core/protocol';
import { readIfThere, replaceFile } from '#platform';

/** Batches worked off that are remembered at most. */
export const MAX_DONE = 4_096;

const number = z.string().regex(/^\d{1,20}$/).transform(BigInt);
const schema = z.strictObject({ nextBlock: number, done: z.array(z.strictObject({ batchId: number, block: number, until: number })).max(MAX_DONE).default([]) });

/** Where a challenger has to go on after a restart. */
export interface Position {
  /** The block from which it looks again. */
  readonly nextBlock: bigint;
  /** What is worked off, and final, in blocks from there on: other batches of them hold the cursor back. */
  readonly done: readonly DoneBatch[];
}

export interface DoneBatch {
  readonly batchId: bigint;
  readonly block: bigint;
  /** At or above all blocks that were read and sent for it. */
  readonly until: bigint;
}

/** A challenger's position, on disk. */
export class BlockCursor {
  private written = '';
  private writing: Promise<void> = Promise.resolve();

  private constructor(private readonly file: string) {}

  static async open(dataDir: string): Promise<BlockCursor> {
    await mkdir(dataDir, { recursive: true });
    return new BlockCursor(join(dataDir, 'cursor.json'));
  }

  /** @throws AssayError FILE_UNREADABLE if the file is not a cursor: to begin anew is for a person to decide */
  async read(): Promise<Position | undefined> {
    const bytes = await readIfThere(this.file);
    if (!bytes) return undefined;
    try {
      return schema.parse(JSON.parse(new TextDecoder().decode(bytes)));
    } catch (cause) {
      throw new AssayError({ code: 'FILE_UNREADABLE', message: 'the cursor file is damaged', facts: { file: this.file }, remedy: 'Remove it to look at every batch again.', cause });
    }
  }

  /** Writes in the order of the calls; the same position again is not written. */
  write(position: Position): Promise<void> {
    const text = `${JSON.stringify(position, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))}\n`;
    if (text === this.written) return this.writing;
    this.written = text;
    const bytes = new TextEncoder().encode(text);
    this.writing = this.writing.catch(() => undefined).then(() => replaceFile(this.file, bytes));
    return this.writing;
  }
}
