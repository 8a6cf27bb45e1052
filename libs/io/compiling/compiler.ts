import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Root } from '#core/hashing';
import { AssayError } from '#core/protocol';
import { startLimited } from '#platform';
import type { Compiled, Question, Reply } from './calls.js';

export type { Compiled } from './calls.js';

/** How a file that need not be canonical becomes so. */
export type Source = NonNullable<Question['source']>;

export interface CompilerLimits {
  /** Of a file. */
  readonly maxBytes: number;
  /** Bytes that compiling may take. */
  readonly memoryBytes: number;
  /** Milliseconds that it may take. */
  readonly callMs: number;
}

/** Files in work at once, and those that wait. */
const AT_ONCE = 2;
const MAX_WAITING = 16;
const MAX_HEAP_MB = 2_048;
const MAX_COMPLAINT = 2_048;
const PROGRAM = 'libs/io/compiling/child.js';

/**
 * Compiles and reads model files that strangers made, each in a process of its own with bounded memory and time: what a hostile file
 * can fill, keep busy or crash is that process.
 */
export class Compiler {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly limits: CompilerLimits) {}

  /** @throws AssayError as compileModel; MODEL_TOO_LARGE if the process ran out of memory or time, or crashed; QUEUE_FULL */
  compile(file: Uint8Array, source: Source): Promise<Compiled> {
    return this.inPlace({ file, source, maxBytes: this.limits.maxBytes });
  }

  /** The id of a canonical file. @throws AssayError as loadCanonical, and as compile */
  async idOf(file: Uint8Array): Promise<Root> {
    return (await this.inPlace({ file, maxBytes: this.limits.maxBytes })).modelId;
  }

  private async inPlace(question: Question): Promise<Compiled> {
    if (this.running >= AT_ONCE) await this.turn();
    else this.running++;
    try {
      return await answer(question, this.limits);
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    }
  }

  private turn(): Promise<void> {
    if (this.waiting.length >= MAX_WAITING) throw new AssayError({ code: 'QUEUE_FULL', message: 'too many models are being read at once', facts: { waiting: this.waiting.length, limit: MAX_WAITING } });
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}

async function answer(question: Question, { memoryBytes, callMs }: CompilerLimits): Promise<Compiled> {
  const child = startLimited([program()], { memoryBytes, heapMb: Math.min(MAX_HEAP_MB, Math.ceil(memoryBytes / 2 ** 20)) });
  let complaint = '';
  let overtime = false;
  const timer = setTimeout(() => {
    overtime = true;
    child.kill('SIGKILL');
  }, callMs);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  child.stderr!.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-MAX_COMPLAINT)));
  const replied = new Promise<Reply>((resolve) => child.once('message', (reply: Reply) => resolve(reply)));
  child.send(question, () => undefined);
  const outcome = await Promise.race([replied, ended]);
  child.kill('SIGKILL');
  await ended;
  clearTimeout(timer);
  if (typeof outcome === 'string') throw gaveOut(overtime ? { limit: 'milliseconds', allowed: callMs } : { limit: 'memory', allowed: memoryBytes, ended: outcome, said: complaint.trim() });
  if (outcome.kind === 'compiled') return outcome.model;
  if (outcome.kind === 'refused') throw new AssayError(outcome);
  throw gaveOut({ limit: 'memory', allowed: memoryBytes, said: outcome.reason });
}

function gaveOut(facts: Readonly<Record<string, unknown>>): AssayError {
  const message = facts['limit'] === 'memory' ? 'reading the model took more memory than it may, or crashed' : 'reading the model took longer than it may';
  return new AssayError({ code: 'MODEL_TOO_LARGE', message, facts, remedy: 'Use a smaller model, or raise ASSAY_MODEL_MEMORY_MB or ASSAY_MODEL_TIME_LIMIT_MS where it is read.' });
}

/** The built program: a process without our loader cannot run sources. @throws AssayError INVARIANT_BROKEN without a build */
function program(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) {
    const found = [join(folder, PROGRAM), join(folder, 'dist', PROGRAM)].find((file) => existsSync(file));
    if (found) return found;
  }
  throw new AssayError({ code: 'INVARIANT_BROKEN', message: 'the program that compiles models is not there', remedy: 'Run npm run build.' });
}
