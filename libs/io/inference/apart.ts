import type { ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import type { InferenceSession } from 'onnxruntime-node';
import type { Root } from '#core/hashing';
import { AssayError } from '#core/protocol';
import { startLimited } from '#platform';
import type { Quarantine } from './quarantine.js';
import type { Fetched, Feeds, Runner } from './runner.js';

/** Bounds of a model's own process. */
export interface Apart {
  readonly quarantine: Quarantine;
  /** Bytes its data may take, beyond what the program itself needs; held by the kernel where prlimit is there. */
  readonly memoryBytes: number;
  /** Milliseconds that loading, or one call, may take. */
  readonly callMs: number;
}

interface Program {
  readonly modelId: Root;
  readonly onnx: Uint8Array;
  readonly options: InferenceSession.SessionOptions;
}

type Call = { readonly kind: 'load'; readonly runtime: string; readonly onnx: Uint8Array; readonly options: InferenceSession.SessionOptions } | { readonly kind: 'run'; readonly feeds: Feeds; readonly names: readonly string[] };
type Reply = { readonly results: Fetched } | { readonly error: string };

/** JavaScript objects in the model's process. */
const HEAP_MB = 256;
const MAX_COMPLAINT = 2_048;

/**
 * Runs in a process of its own, which a hostile model may fill or crash without harm to this one: it sees no key of ours, has bounded
 * memory and time, and is started again when it ended.
 * @throws AssayError MODEL_QUARANTINED, EXECUTION_FAILED
 */
export async function runApart(program: Program, apart: Apart): Promise<Runner> {
  const runner = new ApartRunner(program, apart);
  await runner.ready();
  return runner;
}

class ApartRunner implements Runner {
  private loaded: ModelProcess | undefined;
  /** WHY one after the other: the time limit is for one call. */
  private turn: Promise<unknown> = Promise.resolve();
  private closed = false;

  constructor(
    private readonly program: Program,
    private readonly apart: Apart,
  ) {}

  ready(): Promise<unknown> {
    return this.inTurn(() => this.process());
  }

  run(feeds: Feeds, names: readonly string[], stop?: AbortSignal): Promise<Fetched> {
    return this.inTurn(async () => {
      stop?.throwIfAborted();
      const process = await this.process();
      const end = () => void process.end();
      stop?.addEventListener('abort', end, { once: true });
      try {
        return await process.call({ kind: 'run', feeds, names });
      } finally {
        stop?.removeEventListener('abort', end);
      }
    });
  }

  /** A run under way ends with EXECUTION_FAILED. */
  async close(): Promise<void> {
    this.closed = true;
    await this.loaded?.end();
    await this.turn;
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => undefined);
    return result;
  }

  private async process(): Promise<ModelProcess> {
    const { program, apart } = this;
    if (this.closed) throw new AssayError({ code: 'EXECUTION_FAILED', message: 'the session is closed', facts: { modelId: program.modelId } });
    if (this.loaded?.alive) return this.loaded;
    apart.quarantine.requireFree(program.modelId);
    const started = new ModelProcess(program.modelId, apart);
    this.loaded = started;
    const { onnx, options } = program;
    try {
      await started.call({ kind: 'load', runtime: createRequire(import.meta.url).resolve('onnxruntime-node'), onnx, options });
      return started;
    } catch (error) {
      await started.end();
      throw error;
    }
  }
}

/** One life of a model's process. */
class ModelProcess {
  alive = true;
  private readonly child: ChildProcess;
  private readonly gone: Promise<void>;
  private waiting: { resolve(results: Fetched): void; reject(error: Error): void } | undefined;
  private complaint = '';
  private ending = false;
  private overtime = false;

  constructor(
    private readonly modelId: Root,
    private readonly apart: Apart,
  ) {
    this.child = start(apart.memoryBytes);
    this.child.stderr!.on('data', (chunk: Buffer) => (this.complaint = (this.complaint + chunk.toString()).slice(-MAX_COMPLAINT)));
    this.child.on('message', (reply: Reply) => this.settle(reply));
    this.child.on('error', (error) => this.ended(error.message));
    this.gone = new Promise((resolve) => this.child.once('close', (code, signal) => (this.ended(signal ?? `exit code ${code}`), resolve())));
  }

  async call(call: Call): Promise<Fetched> {
    const timer = setTimeout(() => {
      this.overtime = true;
      this.child.kill('SIGKILL');
    }, this.apart.callMs);
    try {
      return await new Promise<Fetched>((resolve, reject) => {
        this.waiting = { resolve, reject };
        // WHY no error of its own: a process that cannot be written to has ended, which is told above.
        this.child.send(call, () => undefined);
      });
    } finally {
      clearTimeout(timer);
    }
  }

  async end(): Promise<void> {
    this.ending = true;
    if (this.alive) this.child.kill('SIGKILL');
    await this.gone;
  }

  private settle(reply: Reply): void {
    const waiting = this.waiting;
    this.waiting = undefined;
    if ('error' in reply) waiting?.reject(new AssayError({ code: 'EXECUTION_FAILED', message: `the runtime refused: ${reply.error}`, facts: { modelId: this.modelId } }));
    else waiting?.resolve(reply.results);
  }

  private ended(how: string): void {
    if (!this.alive) return;
    this.alive = false;
    if (!this.ending) this.apart.quarantine.note(this.modelId);
    const message = this.overtime ? `the model took longer than ${this.apart.callMs} ms` : `the model’s process ended: ${how}`;
    this.waiting?.reject(new AssayError({ code: 'EXECUTION_FAILED', message, facts: { modelId: this.modelId, ended: how, said: this.complaint.trim() } }));
    this.waiting = undefined;
  }
}

/** The process ends when its channel to us does. */
function start(memoryBytes: number): ChildProcess {
  return startLimited(['-e', `(${processMain.toString()})(process, require)`], { memoryBytes, heapMb: HEAP_MB });
}

/**
 * The process's whole program; it sees only its parameters.
 * WHY the source text: it needs nothing but the runtime, and a file of its own would have to be found both beside the sources and in the build.
 */
function processMain(self: NodeJS.Process, requireModule: (path: string) => unknown): void {
  let ort: typeof import('onnxruntime-node');
  let session: InferenceSession;
  const handle = async (call: Call): Promise<Fetched> => {
    if (call.kind === 'load') {
      ort = requireModule(call.runtime) as typeof import('onnxruntime-node');
      session = await ort.InferenceSession.create(call.onnx, call.options);
      return {};
    }
    const tensors = Object.fromEntries(Object.entries(call.feeds).map(([name, { dtype, data, dims }]) => [name, new ort.Tensor(dtype, data, dims)]));
    const results = await session.run(tensors, [...call.names]);
    return Object.fromEntries(call.names.map((name) => [name, results[name]!.data as ArrayBufferView]));
  };
  // WHY: whoever stops a group of processes stops ours, which decides what becomes of a run under way.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) self.on(signal, () => undefined);
  self.on('disconnect', () => self.exit(0));
  self.on('message', (call: Call) => {
    handle(call).then(
      (results) => self.send!({ results }),
      (error: unknown) => self.send!({ error: error instanceof Error ? error.message : String(error) }),
    );
  });
}
