import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Hex } from 'viem';
import { z } from 'zod';
import type { Root } from '#core/hashing';
import { AssayError, requestSchema, type Request } from '#core/protocol';
import { readIfThere, replaceFile } from '#platform';

/** A job that a key pays for and whose fee is not known yet. */
export interface Reservation {
  readonly jobId: Root;
  readonly request: Request;
  readonly signature: Hex;
  /** Chosen by the caller: the same again is the same job. */
  readonly idempotencyKey: string | null;
}

const decimal = z.string().regex(/^\d{1,39}$/).transform(BigInt);
const root = requestSchema.shape.modelId;
const signature = z.custom<Hex>((v) => typeof v === 'string' && /^0x[0-9a-f]{1,8192}$/i.test(v));
const { maxFee: _m, insuredValue: _i, deadline: _d, nonce: _n, ...plainFields } = requestSchema.shape;
const storedRequest = z.strictObject({ ...plainFields, maxFee: decimal, insuredValue: decimal, deadline: decimal, nonce: decimal }).pipe(requestSchema);

const reservation = { jobId: root, request: storedRequest, signature, idempotencyKey: z.string().nullable() };

const lineSchema = z.discriminatedUnion('kind', [
  /** Everything settled before the lines that follow. */
  z.strictObject({ kind: z.literal('spent'), amount: decimal }),
  z.strictObject({ kind: z.literal('reserve'), ...reservation }),
  /** A job that was paid for and that its caller may name again. */
  z.strictObject({ kind: z.literal('remember'), ...reservation }),
  /** The job's fee; 0 if it never ran. */
  z.strictObject({ kind: z.literal('settle'), jobId: root, fee: decimal }),
]);
type Line = z.output<typeof lineSchema>;

/** Jobs whose idempotency key is remembered, per API key; the oldest are forgotten first. */
export const MAX_REMEMBERED = 10_000;
/** Jobs under way at once, per API key. */
export const MAX_OPEN = 1_024;

/**
 * What one API key spent and promised, in a journal that is on disk before a job is sent.
 * INVARIANT: spent + reserved ≤ cap at every reserve; each job counts once, however often it is reserved or settled.
 */
export class KeyAccount {
  private spentSoFar = 0n;
  private readonly open = new Map<Root, Reservation>();
  private readonly remembered = new Map<string, Reservation>();
  private writing: Promise<unknown> = Promise.resolve();

  private constructor(private readonly file: FileHandle) {}

  /** Replays the journal, shortens it, and keeps it open. A line cut short by a crash was never acted on and is dropped. */
  static async load(path: string): Promise<KeyAccount> {
    const lines = parseJournal(await readIfThere(path), path);
    const shortened = linesOf(lines);
    await replaceFile(path, encode(shortened));
    const account = new KeyAccount(await open(path, 'a', 0o600));
    for (const line of shortened) account.apply(line);
    return account;
  }

  get spent(): bigint {
    return this.spentSoFar;
  }

  get reserved(): bigint {
    return [...this.open.values()].reduce((sum, { request }) => sum + request.maxFee, 0n);
  }

  /** Jobs without a known fee, oldest first. */
  get unsettled(): readonly Reservation[] {
    return [...this.open.values()];
  }

  knownAs(idempotencyKey: string): Reservation | undefined {
    return this.remembered.get(idempotencyKey);
  }

  /**
   * Sets the request's highest fee aside. Returns the reservation that stands: an earlier one of the same idempotency key
   * if there is one, for which nothing more is set aside.
   * @throws AssayError KEY_CAP_REACHED, QUEUE_FULL
   */
  async reserve(reservation: Reservation, cap: bigint): Promise<Reservation> {
    let standing = reservation;
    await this.write({ kind: 'reserve', ...reservation }, () => {
      standing = (reservation.idempotencyKey !== null && this.remembered.get(reservation.idempotencyKey)) || reservation;
      if (standing !== reservation || this.open.has(reservation.jobId)) return false;
      if (this.open.size >= MAX_OPEN) throw new AssayError({ code: 'QUEUE_FULL', message: `the key has ${MAX_OPEN} jobs under way`, facts: { limit: MAX_OPEN } });
      const { spent, reserved } = this;
      const price = reservation.request.maxFee;
      if (spent + reserved + price > cap) throw new AssayError({ code: 'KEY_CAP_REACHED', message: `the key has spent ${spent} and promised ${reserved} of ${cap}; the job may cost ${price}`, facts: { cap, spent, reserved, price } });
      return true;
    });
    return standing;
  }

  /** Counts the job's fee instead of what was set aside; 0 gives it back. Again changes nothing. */
  async settle(jobId: Root, fee: bigint): Promise<void> {
    await this.write({ kind: 'settle', jobId, fee }, () => this.open.has(jobId));
  }

  async close(): Promise<void> {
    await this.writing.catch(() => undefined);
    await this.file.close();
  }

  /** One after the other: what is allowed is decided on what all earlier ones left behind. */
  private write(line: Line, allowed: () => boolean): Promise<void> {
    const done = this.writing.catch(() => undefined).then(async () => {
      if (!allowed()) return;
      await this.file.appendFile(encode([line]));
      await this.file.datasync();
      this.apply(line);
    });
    this.writing = done;
    return done;
  }

  private apply(line: Line): void {
    if (line.kind === 'spent') this.spentSoFar += line.amount;
    else if (line.kind === 'settle') this.applySettle(line.jobId, line.fee);
    else {
      const job = withoutKind(line);
      if (line.kind === 'reserve') this.open.set(line.jobId, job);
      this.remember(job);
    }
  }

  private applySettle(jobId: Root, fee: bigint): void {
    const { idempotencyKey } = this.open.get(jobId) ?? {};
    if (!this.open.delete(jobId)) return;
    this.spentSoFar += fee;
    // WHY: a job that never ran may be asked for again, as a new one with money of its own.
    if (fee === 0n && idempotencyKey) this.remembered.delete(idempotencyKey);
  }

  private remember(reservation: Reservation): void {
    if (reservation.idempotencyKey === null) return;
    this.remembered.set(reservation.idempotencyKey, reservation);
    if (this.remembered.size > MAX_REMEMBERED) this.remembered.delete(this.remembered.keys().next().value!);
  }
}

/** The accounts of a gateway's keys. One process at a time may have a folder open. */
export class SpendingBook {
  private readonly accounts = new Map<string, Promise<KeyAccount>>();

  constructor(private readonly dir: string) {}

  async of(keyId: string): Promise<KeyAccount> {
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    const loaded = this.accounts.get(keyId) ?? KeyAccount.load(join(this.dir, `${keyId}.spending`));
    this.accounts.set(keyId, loaded);
    loaded.catch(() => this.accounts.delete(keyId));
    return loaded;
  }

  /** What a key spent and promised, without opening its account. */
  static async totals(dir: string, keyId: string): Promise<{ readonly spent: bigint; readonly reserved: bigint }> {
    const path = join(dir, `${keyId}.spending`);
    const { spent, open } = totalsOf(parseJournal(await readIfThere(path), path));
    return { spent, reserved: [...open.values()].reduce((sum, { request }) => sum + request.maxFee, 0n) };
  }

  async close(): Promise<void> {
    await Promise.all([...this.accounts.values()].map((account) => account.then((a) => a.close(), () => undefined)));
  }
}

interface Totals {
  readonly spent: bigint;
  readonly open: ReadonlyMap<Root, Reservation>;
  /** Paid for, and with a name of the caller's. */
  readonly named: readonly Reservation[];
}

function totalsOf(lines: readonly Line[]): Totals {
  let spent = 0n;
  const open = new Map<Root, Reservation>();
  const named: Reservation[] = [];
  for (const line of lines) {
    if (line.kind === 'spent') spent += line.amount;
    else if (line.kind === 'reserve') open.set(line.jobId, withoutKind(line));
    else if (line.kind === 'remember') named.push(withoutKind(line));
    else {
      const settled = open.get(line.jobId);
      if (!settled) continue;
      open.delete(line.jobId);
      spent += line.fee;
      if (line.fee > 0n && settled.idempotencyKey !== null) named.push(settled);
    }
  }
  return { spent, open, named: named.slice(-MAX_REMEMBERED) };
}

function withoutKind({ kind: _, ...reservation }: Extract<Line, { kind: 'reserve' | 'remember' }>): Reservation {
  return reservation;
}

/** The same account in fewer lines: the sum, the jobs that callers may name again, and what is open. */
function linesOf(lines: readonly Line[]): Line[] {
  const { spent, open, named } = totalsOf(lines);
  return [{ kind: 'spent', amount: spent }, ...named.map((job): Line => ({ kind: 'remember', ...job })), ...[...open.values()].map((job): Line => ({ kind: 'reserve', ...job }))];
}

function parseJournal(bytes: Uint8Array | undefined, file: string): Line[] {
  const text = bytes ? new TextDecoder().decode(bytes) : '';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole.split('\n').filter((line) => line !== '').map((line) => parseLine(line, file));
}

function parseLine(line: string, file: string): Line {
  try {
    return lineSchema.parse(JSON.parse(line));
  } catch (cause) {
    throw new AssayError({ code: 'FILE_UNREADABLE', message: `${file} is not a journal of spending`, facts: { file }, cause });
  }
}

function encode(lines: readonly Line[]): Uint8Array {
  return new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v))}\n`).join(''));
}
