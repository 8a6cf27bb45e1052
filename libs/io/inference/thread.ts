import { createRequire } from 'node:module';
import { Worker, type MessagePort } from 'node:worker_threads';
import type { InferenceSession } from 'onnxruntime-node';
import type { Fetched, Feeds, Runner } from './runner.js';

type Call = { readonly id: number } & ({ readonly kind: 'run'; readonly feeds: Feeds; readonly names: readonly string[] } | { readonly kind: 'close' });
type Reply = { readonly id: number } & ({ readonly results: Fetched } | { readonly error: string });

interface WorkerData {
  readonly runtime: string;
  readonly onnx: Uint8Array;
  readonly options: InferenceSession.SessionOptions;
}

/**
 * Runs on a thread of its own, so that a big model does not stop the process from answering messages.
 * WHY the source text: the thread needs nothing but the runtime, and a file of its own would have to be found
 * both beside the TypeScript sources and in the build.
 */
export async function runOnThread(onnx: Uint8Array, options: InferenceSession.SessionOptions): Promise<Runner> {
  const runtime = createRequire(import.meta.url).resolve('onnxruntime-node');
  const workerData: WorkerData = { runtime, onnx, options };
  const worker = new Worker(`(${threadMain.toString()})(require('node:worker_threads'), require)`, { eval: true, workerData });
  const thread = new ThreadRunner(worker);
  await thread.ready;
  return thread;
}

class ThreadRunner implements Runner {
  readonly ready: Promise<unknown>;
  private nextId = 1;
  private readonly waiting = new Map<number, { resolve: (results: Fetched) => void; reject: (error: Error) => void }>();
  private dead: Error | undefined;

  constructor(private readonly worker: Worker) {
    this.ready = this.expect(0);
    worker.on('message', (reply: Reply) => this.settle(reply));
    worker.on('error', (error) => this.fail(error as Error));
    worker.on('exit', (code) => this.fail(new Error(`the inference thread ended with code ${code}`)));
  }

  async run(feeds: Feeds, names: readonly string[]): Promise<Fetched> {
    const id = this.nextId++;
    const transfer = Object.values(feeds).map(({ data }) => data.buffer as ArrayBuffer);
    return this.call({ id, kind: 'run', feeds, names }, transfer);
  }

  async close(): Promise<void> {
    if (this.dead) return;
    const exited = new Promise((resolve) => this.worker.once('exit', resolve));
    await this.call({ id: this.nextId++, kind: 'close' }, []);
    await exited;
  }

  private call(call: Call, transfer: readonly ArrayBuffer[]): Promise<Fetched> {
    if (this.dead) return Promise.reject(this.dead);
    const answer = this.expect(call.id);
    this.worker.postMessage(call, transfer);
    return answer;
  }

  private expect(id: number): Promise<Fetched> {
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  private settle(reply: Reply): void {
    const waiter = this.waiting.get(reply.id);
    this.waiting.delete(reply.id);
    if ('error' in reply) waiter?.reject(new Error(reply.error));
    else waiter?.resolve(reply.results);
  }

  private fail(error: Error): void {
    this.dead ??= error;
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}

/** The thread's whole program; it sees only its parameters. */
function threadMain(threads: typeof import('node:worker_threads'), requireModule: (path: string) => unknown): void {
  const port = threads.parentPort as MessagePort;
  const { runtime, onnx, options } = threads.workerData as WorkerData;
  const ort = requireModule(runtime) as typeof import('onnxruntime-node');
  const answer = async (id: number, work: () => Promise<Fetched>): Promise<void> => {
    try {
      const results = await work();
      port.postMessage({ id, results }, Object.values(results).map(({ buffer }) => buffer as ArrayBuffer));
    } catch (error) {
      port.postMessage({ id, error: error instanceof Error ? error.message : String(error) });
    }
  };
  const loading = ort.InferenceSession.create(onnx, options);
  const run = async (feeds: Feeds, names: readonly string[]): Promise<Fetched> => {
    const tensors = Object.fromEntries(Object.entries(feeds).map(([name, { dtype, data, dims }]) => [name, new ort.Tensor(dtype, data, dims)]));
    const results = await (await loading).run(tensors, [...names]);
    return Object.fromEntries(names.map((name) => [name, results[name]!.data as ArrayBufferView]));
  };
  const ready = async (): Promise<Fetched> => {
    await loading;
    return {};
  };
  const release = async (): Promise<Fetched> => {
    await (await loading).release();
    return {};
  };
  void answer(0, ready);
  port.on('message', (call: Call) => {
    if (call.kind === 'run') void answer(call.id, () => run(call.feeds, call.names));
    else void answer(call.id, release).then(() => port.close());
  });
}
