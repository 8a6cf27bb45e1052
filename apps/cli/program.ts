import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { AssayError } from '#core/protocol';
import { tokens } from './amounts.js';
import { EXIT, EXIT_HELP } from './exit-codes.js';
import { Terminal } from './terminal.js';

/** A command's work: returns the exit code, or nothing for 0. */
export type Work = (terminal: Terminal) => Promise<number | void>;
/** Runs a command's work once its options are known; each command file gets this instead of a base class. */
export type Perform = (command: Command, work: Work) => Promise<void>;

type AddCommand = (program: Command, perform: Perform) => void;

/** WHY loaded by need: together they bring in the chain, gRPC and ONNX Runtime, a second or two of loading. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  demo: async () => (await import('./commands/demo.js')).addDemo,
  up: async () => (await import('./commands/up.js')).addUp,
  test: async () => (await import('./commands/test.js')).addTest,
  doctor: async () => (await import('./commands/doctor.js')).addDoctor,
  model: async () => (await import('./commands/model.js')).addModel,
  run: async () => (await import('./commands/run.js')).addRun,
  key: async () => (await import('./commands/key.js')).addKey,
  deposit: async () => (await import('./commands/deposit.js')).addDeposit,
  faucet: async () => (await import('./commands/deposit.js')).addFaucet,
  sample: async () => (await import('./commands/sample.js')).addSample,
  job: async () => (await import('./commands/job.js')).addJob,
  executor: async () => (await import('./commands/node.js')).addExecutor,
  challenger: async () => (await import('./commands/node.js')).addChallenger,
  peer: async () => (await import('./commands/peer.js')).addPeer,
  stake: async () => (await import('./commands/stake.js')).addStake,
  monitor: async () => (await import('./commands/monitor.js')).addMonitor,
  admin: async () => (await import('./commands/admin.js')).addAdmin,
  'broker-config': async () => (await import('./commands/broker.js')).addBroker,
  backup: async () => (await import('./commands/backup.js')).addBackup,
  restore: async () => (await import('./commands/backup.js')).addRestore,
  receipt: async () => (await import('./commands/receipt.js')).addReceipt,
  completions: async () => (await import('./commands/completions.js')).addCompletions,
  economics: async () => (await import('./commands/economics.js')).addEconomics,
  relay: async () => (await import('./commands/relay.js')).addRelay,
  dispute: async () => (await import('./commands/dispute.js')).addDispute,
};

/** Parses the arguments, runs the command, returns the exit code. */
export async function runCli(args: readonly string[]): Promise<number> {
  let exitCode: number = EXIT.ok;
  const perform: Perform = async (command, work) => {
    const terminal = new Terminal(command.optsWithGlobals()['json'] === true);
    exitCode = await work(terminal).then((code) => code ?? EXIT.ok, (error: unknown) => terminal.failure(error));
  };
  const program = await buildProgram(args, perform);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return afterParsing(error, args);
  }
}

/** Help and version are not failures; anything else commander throws is wrong usage, told already unless JSON was asked for. */
function afterParsing(error: CommanderError, args: readonly string[]): number {
  if (error.exitCode === 0) return EXIT.ok;
  const terminal = new Terminal(args.includes('--json'));
  if (error.code === 'commander.help') return EXIT.invalid;
  return terminal.failure(new AssayError({ code: 'USAGE', message: error.message.replace(/^error: /, '') }));
}

/** The command line; with no arguments, all of it. */
export async function buildProgram(args: readonly string[], perform: Perform): Promise<Command> {
  const program = new Command('assay')
    .description('AI inference with recourse: jobs, receipts, disputes.')
    .version(version())
    .option('--json', 'one JSON document on standard output, nothing else there')
    // WHY: before the commands are added, which inherit these.
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', EXIT_HELP);
  const asked = args.find((arg) => !arg.startsWith('-'));
  const needed = asked !== undefined && Object.hasOwn(COMMANDS, asked) ? [COMMANDS[asked]!] : args.includes('--version') ? [] : Object.values(COMMANDS);
  for (const load of needed) (await load())(program, perform);
  // WHY: the one command that must know all the others.
  if (asked === 'completions') for (const [name, load] of Object.entries(COMMANDS)) if (name !== 'completions') (await load())(program, perform);
  describeDefaults(program);
  return program;
}

/** WHY: commander shows defaults as JSON, which knows no bigint; these are amounts of tokens. */
function describeDefaults(command: Command): void {
  for (const item of [...command.options, ...command.registeredArguments]) {
    if (typeof item.defaultValue === 'bigint') item.defaultValueDescription ??= tokens(item.defaultValue);
  }
  command.commands.forEach(describeDefaults);
}

/** Of the package above this file, in the sources and in dist. */
function version(): string {
  const require = createRequire(import.meta.url);
  for (const place of ['../../package.json', '../../../package.json']) {
    try {
      return (require(place) as { version: string }).version;
    } catch {
      continue;
    }
  }
  return 'unknown';
}
