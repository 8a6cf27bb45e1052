import type { Command } from 'commander';
import { backUp, restore } from '../backup.js';
import type { Perform } from '../program.js';

interface Options {
  readonly data: string;
  readonly out: string;
  readonly database?: string;
}

export function addBackup(program: Command, perform: Perform): void {
  const withPlaces = (command: Command) => command.requiredOption('--data <dir>', 'ASSAY_DATA_DIR of the process, or the folder of a local network').option('--database <url>', 'DATABASE_URL, if the coordinator uses a PostgreSQL server');
  withPlaces(program.command('backup'))
    .description('Save the state of a stopped process (a PostgreSQL server may run) in one file.')
    .requiredOption('--out <file>', 'write it there; it may hold keys')
    .addHelpText('after', '\nExample:\n  assay backup --data ./data/executor-1 --out executor-1.tar.gz')
    .action((options: Options, command: Command) =>
      perform(command, async (terminal) => {
        const saved = await backUp(options);
        terminal.result(saved, `${saved.bytes} bytes in ${options.out}`);
      }),
    );
}

export function addRestore(program: Command, perform: Perform): void {
  program
    .command('restore <file>')
    .description('Bring the state of a backup into an empty folder, and an empty database if it has one.')
    .requiredOption('--data <dir>', 'an empty or new folder')
    .option('--database <url>', 'an empty database, if the backup holds one')
    .addHelpText('after', '\nExample:\n  assay restore executor-1.tar.gz --data ./data/executor-1')
    .action((file: string, options: Omit<Options, 'out'>, command: Command) =>
      perform(command, async (terminal) => {
        const made = await restore({ file, ...options });
        terminal.result(made, `restored to ${options.data}, from ${made.createdAt}`);
      }),
    );
}
