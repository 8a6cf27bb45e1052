import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { AssayError } from '#core/protocol';
import { PROJECT_ROOT } from '#testing';
import { addDemo } from './commands/demo.js';
import { addDispute } from './commands/dispute.js';
import { addDoctor } from './commands/doctor.js';
import { addJob } from './commands/job.js';
import { addModel } from './commands/model.js';
import { addReceipt } from './commands/receipt.js';
import { addRun } from './commands/run.js';
import { addSample } from './commands/sample.js';
import { addTest } from './commands/test.js';
import { addUp } from './commands/up.js';
import { EXIT, EXIT_HELP } from './exit-codes.js';
import { Terminal } from './terminal.js';

/** A command's work: returns the exit code, or nothing for 0. */
export type Work = (terminal: Terminal) => Promise<number | void>;
/** Runs a command's work once its options are known; each command file gets this instead of a base class. */
export type Perform = (command: Command, work: Work) => Promise<void>;

/** Parses the arguments, runs the command, returns the exit code. */
export async function runCli(args: readonly string[]): Promise<number> {
  let exitCode: number = EXIT.ok;
  const perform: Perform = async (command, work) => {
    const terminal = new Terminal(command.optsWithGlobals()['json'] === true);
    exitCode = await work(terminal).then((code) => code ?? EXIT.ok, (error: unknown) => terminal.failure(error));
  };
  const program = buildProgram(perform);
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

function buildProgram(perform: Perform): Command {
  const program = new Command('assay')
    .description('AI inference with recourse: jobs, receipts, disputes.')
    .version((JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8')) as { version: string }).version)
    .option('--json', 'one JSON document on standard output, nothing else there')
    // WHY: before the commands are added, which inherit these.
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', EXIT_HELP);
  const commands = [addDemo, addUp, addTest, addDoctor, addModel, addRun, addSample, addJob, addReceipt, addDispute];
  for (const add of commands) add(program, perform);
  return program;
}
