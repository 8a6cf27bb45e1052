import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { isAddress } from 'viem';
import { AssayError } from '#core/protocol';
import { AdminClient, type AdminStatus } from '#io/rpc';
import { tlsOf } from '../place.js';
import type { Perform } from '../program.js';
import { addTerms } from './terms.js';

interface Options {
  readonly url: string;
  readonly tokenFile: string;
}

export function addAdmin(program: Command, perform: Perform): void {
  const admin = program.command('admin').description('Tell one coordinator process what to do (status to release), or set the terms of the contracts (list to roles; ASSAY_PRIVATE_KEY signs).');
  const add = (name: string, description: string, act: (client: AdminClient, executor: string) => Promise<AdminStatus>) =>
    admin
      .command(name)
      .description(description)
      .requiredOption('--url <host:port>', 'the process’s gRPC address')
      .requiredOption('--token-file <file>', 'the admin token')
      .addHelpText('after', `\nExample:\n  assay admin ${name.replace('<executor>', '0x70997970C51812dc3A010C7d01b50e0d17dc79C8')} --url 127.0.0.1:50051 --token-file admin.token`)
      .action((...given: unknown[]) => {
        const command = given.at(-1) as Command;
        const options = command.opts<Options>();
        const executor = command.args[0] ?? '';
        return perform(command, async (terminal) => {
          const client = new AdminClient(options.url, { token: readFileSync(options.tokenFile, 'utf8').trim(), ...tlsOf(process.env) });
          try {
            const status = await act(client, executor);
            terminal.result(status, JSON.stringify(status, null, 2));
          } finally {
            client.close();
          }
        });
      });
  add('status', 'Roles, jobs, executors in quarantine.', (client) => client.status());
  add('drain', 'Refuse new jobs; those it has go on.', (client) => client.drain(true));
  add('resume', 'Take new jobs again.', (client) => client.drain(false));
  add('quarantine <executor>', 'Give the executor no jobs.', (client, executor) => client.quarantine(addressOf(executor), true));
  add('release <executor>', 'Give the executor jobs again.', (client, executor) => client.quarantine(addressOf(executor), false));
  addTerms(admin, perform);
}

function addressOf(text: string) {
  if (isAddress(text)) return text;
  throw new AssayError({ code: 'USAGE', message: `${text} is not an address` });
}
