import type { Command } from 'commander';
import type { Address } from 'viem';
import type { Chain } from '#io/chain';
import { amount, tokens } from '../amounts.js';
import { addressArgument, chainOf, payingChain, withPlace, type PlaceOptions } from '../place.js';
import type { Perform } from '../program.js';

type Paying = Awaited<ReturnType<typeof payingChain>>;

export function addStake(program: Command, perform: Perform): void {
  const stake = program.command('stake').description('An executor’s stake: what it forfeits if it lies. Your own account’s (ASSAY_PRIVATE_KEY or ASSAY_KEYSTORE signs).');
  const add = (name: string, { says, example, act }: { says: string; example: string; act: (chain: Paying, sum: bigint) => Promise<unknown> }) => {
    const command = withPlace(stake.command(name));
    if (name !== 'withdraw') command.argument('<tokens>', 'how many', amount);
    command
      .description(says)
      .addHelpText('after', `\nExample:\n  ${example}`)
      .action((...given: unknown[]) => {
        const called = given.at(-1) as Command;
        return perform(called, async (terminal) => {
          const chain = await payingChain(called.opts<PlaceOptions>());
          await act(chain, typeof given[0] === 'bigint' ? given[0] : 0n);
          const shown = await stateOf(chain, chain.account);
          terminal.result(shown, textOf(shown));
        });
      });
  };
  withPlace(stake.command('show').argument('[address]', 'whose; your own if left out', addressArgument))
    .description('Stake, what of it is unbonding and until when, and the balance in the vault.')
    .addHelpText('after', '\nExample:\n  assay stake show 0x90f79bf6eb2c4f870365e785982e1f101e93b906')
    .action((whose: Address | undefined, options: PlaceOptions, command: Command) =>
      perform(command, async (terminal) => {
        const shown = whose ? await stateOf(await chainOf(options), whose) : await payingChain(options).then((chain) => stateOf(chain, chain.account));
        terminal.result(shown, textOf(shown));
      }),
    );
  add('deposit', { says: 'Stake tokens of your account, by way of the vault.', example: 'assay stake deposit 1000', act: async (chain, sum) => (await chain.vault.deposit(chain.account, sum), chain.vault.stake(sum)) });
  add('unbond', { says: 'Begin to take stake out: it stays liable until the delay is over.', example: 'assay stake unbond 400', act: (chain, sum) => chain.vault.startUnbonding(sum) });
  add('withdraw', { says: 'Take what has been unbonding long enough into the vault’s balance, and from there into your account.', example: 'assay stake withdraw', act: withdraw });
}

async function withdraw(chain: Paying): Promise<unknown> {
  const before = await chain.vault.balanceOf(chain.account);
  await chain.vault.withdrawStake();
  return chain.vault.withdraw((await chain.vault.balanceOf(chain.account)) - before);
}

async function stateOf(chain: Chain, account: Address) {
  const [{ amount: stake, unbonding, unbondedAt }, balance, held] = await Promise.all([chain.vault.stakeOf(account), chain.vault.balanceOf(account), chain.token.balanceOf(account)]);
  return { account, stake, unbonding, unbondedAt: unbonding === 0n ? null : new Date(Number(unbondedAt) * 1000).toISOString(), balance, held };
}

function textOf({ account, stake, unbonding, unbondedAt, balance, held }: Awaited<ReturnType<typeof stateOf>>): string {
  const waiting = unbondedAt ? [`unbonding  ${tokens(unbonding)}, to be withdrawn from ${unbondedAt}`] : [];
  return [`account    ${account}`, `stake      ${tokens(stake)}`, ...waiting, `in vault   ${tokens(balance)}`, `held       ${tokens(held)}`].join('\n');
}
