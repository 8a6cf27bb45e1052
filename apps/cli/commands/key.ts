import { join } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { AssayError } from '#core/protocol';
import { KeyBook, SpendingBook, type ApiKey } from '#io/keys';
import { NetworkFolder } from '#testing';
import { amount, tokens } from '../amounts.js';
import type { Perform } from '../program.js';
import { table } from '../terminal.js';

interface KeyOptions {
  readonly dir: string;
  readonly gatewayDir?: string;
}

interface CreateOptions extends KeyOptions {
  readonly cap: bigint;
  readonly expires: number | null;
}

const DAY_MS = 24 * 3600 * 1000;
const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3600_000, d: DAY_MS };

export function addKey(program: Command, perform: Perform): void {
  const key = program.command('key').description('API keys with which callers without a wallet use the gateway: it signs and pays for them, up to a cap.');
  withKeys(key.command('create [name]'))
    .description('Make a key. It is shown this once; the gateway keeps only its hash.')
    .option('--cap <tokens>', 'what it may spend in all', amount, amount('10'))
    .option('--expires <time>', 'from now, as 30m, 12h or 90d; "never"', lifetime, 90 * DAY_MS)
    .addHelpText('after', '\nExamples:\n  assay key create\n  assay key create "web shop" --cap 2.5 --expires 30d')
    .action((name: string | undefined, options: CreateOptions, command: Command) =>
      perform(command, async (terminal) => {
        const now = Date.now();
        const { key: made, text } = await new KeyBook(keysFolder(options)).create({ name: name ?? '', cap: options.cap, expiresAt: options.expires === null ? null : now + options.expires, now });
        terminal.result({ key: text, ...summary(made, { spent: 0n, reserved: 0n }) }, `${text}\n\nkey ${made.id}: may spend ${tokens(made.cap)}, ${made.expiresAt === null ? 'never expires' : `expires ${iso(made.expiresAt)}`}\nsend it as  authorization: Bearer ${text}`);
      }),
    );
  withKeys(key.command('list'))
    .description('Every key with what it may spend and has spent.')
    .addHelpText('after', '\nExample:\n  assay key list --json')
    .action((options: KeyOptions, command: Command) =>
      perform(command, async (terminal) => {
        const folder = keysFolder(options);
        const keys = await Promise.all((await new KeyBook(folder).list()).map(async (one) => summary(one, await SpendingBook.totals(folder, one.id))));
        terminal.result({ keys }, keys.length === 0 ? 'no keys' : listText(keys));
      }),
    );
  withKeys(key.command('revoke <id>'))
    .description('Make a key useless from now on.')
    .addHelpText('after', '\nExample:\n  assay key revoke 5f2c7a0d9be31846')
    .action((id: string, options: KeyOptions, command: Command) =>
      perform(command, async (terminal) => {
        const folder = keysFolder(options);
        const revoked = await new KeyBook(folder).revoke(id, Date.now());
        terminal.result(summary(revoked, await SpendingBook.totals(folder, id)), `key ${id} is revoked`);
      }),
    );
}

function withKeys(command: Command): Command {
  return command
    .option('--dir <folder>', 'folder of a local network', '.assay')
    .addOption(new Option('--gateway-dir <folder>', "the gateway's ASSAY_DATA_DIR, if not the local network's").env('ASSAY_GATEWAY_DIR'));
}

/** The folder that the gateway reads its keys from; only whoever can write there makes keys. */
function keysFolder({ dir, gatewayDir }: KeyOptions): string {
  if (gatewayDir) return join(gatewayDir, 'keys');
  const folder = new NetworkFolder(dir);
  if (!folder.record()) throw new AssayError({ code: 'FILE_UNREADABLE', message: 'no network is known here', facts: { dir: folder.dir }, remedy: 'Start one with `assay up`, or name the gateway’s folder: --gateway-dir.' });
  return folder.path('gateway', 'keys');
}

function summary(key: ApiKey, { spent, reserved }: { spent: bigint; reserved: bigint }) {
  const { id, name, cap, createdAt, expiresAt, revokedAt } = key;
  const state = revokedAt !== null ? 'revoked' : expiresAt !== null && expiresAt <= Date.now() ? 'expired' : 'active';
  return { id, name, state, cap, spent, reserved, createdAt: iso(createdAt), expiresAt: expiresAt === null ? null : iso(expiresAt), revokedAt: revokedAt === null ? null : iso(revokedAt) };
}

function listText(keys: readonly ReturnType<typeof summary>[]): string {
  return table(['key', 'name', 'state', 'cap', 'spent', 'promised', 'expires'], keys.map((k) => [k.id, k.name, k.state, tokens(k.cap), tokens(k.spent), tokens(k.reserved), k.expiresAt ?? 'never']));
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** Milliseconds; null for never. */
function lifetime(text: string): number | null {
  if (text === 'never') return null;
  const [, count, unit] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  if (!count || !unit || Number(count) === 0) throw new InvalidArgumentError('not a time such as 30m, 12h, 90d, or never');
  return Number(count) * UNITS_MS[unit]!;
}
