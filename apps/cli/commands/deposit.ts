import type { Command } from 'commander';
import type { Address } from 'viem';
import { AssayError } from '#core/protocol';
import { LOCAL_CHAIN_ID } from '#io/chain';
import { amount, tokens } from '../amounts.js';
import { addressArgument, payingChain, withPlace, type PlaceOptions } from '../place.js';
import type { Perform } from '../program.js';

interface DepositOptions extends PlaceOptions {
  readonly to?: Address;
}

export function addDeposit(program: Command, perform: Perform): void {
  withPlace(program.command('deposit').argument('<tokens>', 'how many of the network’s token', amount))
    .description('Pay tokens of your account into the vault, for fees: your own, or another’s such as a gateway’s.')
    .option('--to <address>', 'whose balance grows; your own if left out', addressArgument)
    .addHelpText('after', '\nExamples:\n  assay faucet 100\n  assay deposit 50\n  assay deposit 50 --to 0x90f79bf6eb2c4f870365e785982e1f101e93b906')
    .action((sum: bigint, options: DepositOptions, command: Command) =>
      perform(command, async (terminal) => {
        const chain = await payingChain(options);
        const [to, paid] = [options.to ?? chain.account, sum];
        const held = await chain.token.balanceOf(chain.account);
        if (held < paid) throw new AssayError({ code: 'DEPOSIT_TOO_LOW', message: `${chain.account} holds ${tokens(held)}, not ${tokens(paid)}`, facts: { account: chain.account, held, needed: paid }, remedy: 'Get tokens first; on a local network: assay faucet.' });
        const { hash } = await chain.vault.deposit(to, paid);
        const balance = await chain.vault.balanceOf(to);
        terminal.result({ account: to, deposited: paid, balance, transaction: hash }, `${tokens(paid)} deposited for ${to}; its balance is ${tokens(balance)}`);
      }),
    );
}

export function addFaucet(program: Command, perform: Perform): void {
  withPlace(program.command('faucet').argument('[tokens]', 'how many test tokens', amount, amount('100')))
    .description('Test tokens out of nothing, on a local network only.')
    .option('--to <address>', 'who gets them; you if left out', addressArgument)
    .addHelpText('after', '\nExample:\n  assay faucet 100')
    .action((sum: bigint, options: DepositOptions, command: Command) =>
      perform(command, async (terminal) => {
        const chain = await payingChain(options);
        if (chain.deployment.chainId !== LOCAL_CHAIN_ID) throw new AssayError({ code: 'CHAIN_MISMATCH', message: 'only a local network has a faucet', facts: { chainId: chain.deployment.chainId, local: LOCAL_CHAIN_ID }, remedy: 'Get the token where it is traded.' });
        const [to, made] = [options.to ?? chain.account, sum];
        const { hash } = await chain.token.mint(to, made);
        const balance = await chain.token.balanceOf(to);
        terminal.result({ account: to, minted: made, balance, transaction: hash }, `${tokens(made)} test tokens for ${to}, which holds ${tokens(balance)} now`);
      }),
    );
}
