import { InvalidArgumentError, type Command } from 'commander';
import { AssayError } from '#core/protocol';
import { FAULTS, startNetwork, type Fault, type Network, type NetworkRecord } from '#testing';
import { EXIT } from '../exit-codes.js';
import type { Perform } from '../program.js';
import { firstSignal, untilAborted } from '../signals.js';
import { registerSamples, SAMPLE_MODELS, type SampleModel } from '../sample-models.js';
import { table, type Terminal } from '../terminal.js';

interface UpOptions {
  readonly dir: string;
  readonly faults: Record<string, Fault>;
  readonly executors?: number;
  readonly challengers?: number;
  readonly grpcPort?: number;
  readonly webPort?: number;
  readonly rpcPort?: number;
  readonly natsPort?: number;
  readonly inferenceGrpcPort?: number;
  readonly inferenceHttpPort?: number;
  readonly model: SampleModel[];
}

export function addUp(program: Command, perform: Perform): void {
  program
    .command('up')
    .description('Start a whole network on this machine, or resume the one in the folder. Ctrl-C stops all of it.')
    .option('--dir <folder>', 'everything of the network lives here', '.assay')
    .option('--faults <list>', `faulty executors, as executor-2=KIND,… with KIND one of ${FAULTS.join(', ')}`, parseFaults, {})
    .option('--executors <n>', 'how many (2, or as many as last time)', positive)
    .option('--challengers <n>', 'how many (2, or as many as last time)', positive)
    .option('--grpc-port <port>', 'for the coordinator; else a free one', positive)
    .option('--web-port <port>', 'for pages, by gRPC-Web; else a free one', positive)
    .option('--rpc-port <port>', 'for the chain; else a free one', positive)
    .option('--nats-port <port>', 'for the broker; else a free one', positive)
    .option('--inference-grpc-port <port>', 'for the gateway’s Open Inference Protocol over gRPC; else a free one', positive)
    .option('--inference-http-port <port>', 'for its REST form; else a free one', positive)
    .option('--model <names...>', `models to register: ${SAMPLE_MODELS.join(', ')}`, (name: string, all: SampleModel[] | undefined) => [...(all ?? []), sampleModel(name)], undefined)
    .addHelpText(
      'after',
      '\nDATABASE_URL in the environment makes the coordinator use that PostgreSQL server instead of the embedded database.\n\nExamples:\n  assay up\n  assay up --dir /tmp/net --faults executor2=wrong-output\n  assay up --model mnist squeezenet',
    )
    .action((options: UpOptions, command: Command) => perform(command, (terminal) => up(terminal, { ...options, model: options.model ?? ['mnist'] })));
}

async function up(terminal: Terminal, options: UpOptions): Promise<number> {
  const interrupted = firstSignal();
  const starting = startNetwork({ ...networkOptions(options), report: terminal.progress });
  const network = await starting;
  try {
    if (interrupted.signal.aborted) return EXIT.interrupted;
    const models = await registerSamples(network, options.model, terminal.progress);
    const document = describe(network, models);
    terminal.result(document, asText(document));
    terminal.progress('Ctrl-C stops the network; the next `assay up` resumes it.');
    await untilAborted(interrupted.signal);
    return EXIT.ok;
  } finally {
    terminal.progress('stopping …');
    await network.stop();
  }
}

function networkOptions(options: UpOptions) {
  const ports: Partial<NetworkRecord['ports']> = {
    ...(options.grpcPort ? { grpc: options.grpcPort } : {}),
    ...(options.webPort ? { web: options.webPort } : {}),
    ...(options.rpcPort ? { rpc: options.rpcPort } : {}),
    ...(options.natsPort ? { nats: options.natsPort } : {}),
    ...(options.inferenceGrpcPort ? { inferenceGrpc: options.inferenceGrpcPort } : {}),
    ...(options.inferenceHttpPort ? { inferenceHttp: options.inferenceHttpPort } : {}),
  };
  return {
    dir: options.dir,
    gateway: true,
    seats: true,
    faults: options.faults,
    ports,
    ...(options.executors ? { executors: options.executors } : {}),
    ...(options.challengers ? { challengers: options.challengers } : {}),
    ...(process.env['DATABASE_URL'] ? { databaseUrl: process.env['DATABASE_URL'] } : {}),
  };
}

function describe(network: Network, models: { name: string; modelId: string }[]) {
  return {
    ready: true,
    dir: network.folder.dir,
    urls: network.urls,
    deployment: network.deployment,
    deploymentFile: network.folder.deployment,
    submitter: network.keys.account('submitter').address,
    gateway: network.keys.account('gateway').address,
    models,
    processes: network.processes.map((p) => ({ name: p.name, pid: p.current.pid, log: p.current.logFile, startMs: network.timings[p.name] })),
  };
}

function asText(up: ReturnType<typeof describe>): string {
  const places = [
    ['gRPC', up.urls.grpc],
    ['gRPC-Web, for pages', up.urls.web ?? ''],
    ['inference gRPC', up.urls.inference?.grpc ?? ''],
    ['inference HTTP', up.urls.inference?.http ?? ''],
    ['chain', up.urls.rpc],
    ['NATS', up.urls.nats],
    ['contracts', up.deploymentFile],
    ['submitter', up.submitter],
    ['gateway', up.gateway],
    ...up.models.map((model) => [`model ${model.name}`, model.modelId]),
  ];
  const processes = table(['process', 'pid', 'ready after ms', 'log'], up.processes.map((p) => [p.name, p.pid, p.startMs ?? 0, p.log]));
  return `${table(['what', 'where'], places as string[][])}\n\n${processes}`;
}

function parseFaults(list: string): Record<string, Fault> {
  return Object.fromEntries(
    list.split(',').map((entry) => {
      const [, number, kind] = /^executor-?(\d+)=(.+)$/.exec(entry) ?? [];
      if (!number || !FAULTS.includes(kind as Fault)) throw new InvalidArgumentError(`"${entry}" is not executor-N=KIND with KIND one of ${FAULTS.join(', ')}`);
      return [`executor-${number}`, kind as Fault];
    }),
  );
}

function positive(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 65_535) throw new InvalidArgumentError('not a whole number between 1 and 65535');
  return number;
}

function sampleModel(name: string): SampleModel {
  if (!SAMPLE_MODELS.includes(name as SampleModel)) throw new AssayError({ code: 'USAGE', message: `there is no sample model ${name}`, facts: { known: SAMPLE_MODELS } });
  return name as SampleModel;
}
