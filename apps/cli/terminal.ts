import { asAssayError } from '#core/protocol';
import { describeError } from '#platform';
import { exitCodeOf } from './exit-codes.js';

type Json = unknown;

/** How a command talks: progress on standard error, its result on standard output, as text or as one JSON document. */
export class Terminal {
  constructor(
    readonly json: boolean,
    private readonly out: NodeJS.WritableStream = process.stdout,
    private readonly err: NodeJS.WritableStream = process.stderr,
  ) {}

  /** One line about what is going on; never part of the result. */
  readonly progress = (line: string): void => {
    this.err.write(`${line}\n`);
  };

  /** How far a long task is, on standard error; nothing where nobody watches. */
  bar(what: string): (done: number, total: number) => void {
    const err = this.err as NodeJS.WritableStream & { readonly isTTY?: boolean };
    let shown = -1;
    return (done, total) => {
      const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
      if (!err.isTTY || percent === shown) return;
      shown = percent;
      const full = Math.floor(percent / 5);
      err.write(`\r${what} ${'█'.repeat(full)}${'░'.repeat(20 - full)} ${String(percent).padStart(3)} %${percent === 100 ? '\n' : ''}`);
    };
  }

  /** A line of a text result; nothing with --json. */
  readonly line = (text = ''): void => {
    if (!this.json) this.out.write(`${text}\n`);
  };

  /** The result: the document with --json, else the text. Called once per command. */
  result(document: Json, text: string): void {
    this.out.write(this.json ? `${jsonText(document)}\n` : text === '' ? '' : `${text}\n`);
  }

  /** One of many results of a command that goes on: a line of JSON with --json, else the text. */
  event(document: Json, text: string): void {
    this.out.write(this.json ? `${jsonText(document, 0)}\n` : `${text}\n`);
  }

  /** Prints a failure and returns the exit code for it. */
  failure(thrown: unknown): number {
    const error = asAssayError(thrown);
    if (this.json) this.out.write(`${jsonText({ error: error.toJSON() })}\n`);
    else this.err.write(`${describeError(error)}\n`);
    if (error.kind === 'broken' && error.cause instanceof Error) this.err.write(`${error.cause.stack}\n`);
    return exitCodeOf(error.kind);
  }
}

/** JSON with bigints as decimal text and bytes as hex. */
export function jsonText(document: Json, indent = 2): string {
  return JSON.stringify(
    document,
    (_, value: unknown) => {
      if (typeof value === 'bigint') return value.toString();
      return value instanceof Uint8Array ? `0x${Buffer.from(value).toString('hex')}` : value;
    },
    indent,
  );
}

/** Columns padded to their widest cell; numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number | bigint)[])[]): string {
  const cells = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const right = head.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] !== 'string'));
  const lines = cells.map((row) => row.map((cell, i) => (right[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('  ').trimEnd());
  return [lines[0], widths.map((w) => '─'.repeat(w)).join('  '), ...lines.slice(1)].join('\n');
}
