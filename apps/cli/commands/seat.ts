import type { Command } from 'commander';
import type { Address } from 'viem';
import type { Chain } from '#io/chain';
import { tokens } from '../amounts.js';
import { addressArgument, chainOf, payingChain, withPlace, type PlaceOptions } from '../place.js';
import type { Perform } from '../program.js';

type Paying = Awaited<ReturnType<typeof payingChain>>;

/** `assay challenger seat …`: who is paid for checks. */
export function addSeat(challenger: Command, perform: Perform): void {
  const seat = challenger.command('seat').description('A seat for paid checks. A challenger with ASSAY_PAID_CHECKS=true takes one by itself while one is free.');
  withPlace(seat.command('show').argument('[address]', 'whose; your own if left out', addressArgument))
    .description('Whether an account has a seat, how many there are, and the stake that one needs.')
    .addHelpText('after', '\nExample:\n  assay challenger seat show 0x90f79bf6eb2c4f870365e785982e1f101e93b906')
    .action((whose: Address | undefined, options: PlaceOptions, command: Command) =>
      perform(command, async (terminal) => {
        const shown = whose ? await seatOf(await chainOf(options), whose) : await payingChain(options).then((chain) => seatOf(chain, chain.account));
        terminal.result(shown, textOf(shown));
      }),
    );
  const add = (name: string, { says, act }: { says: string; act: (chain: Paying) => Promise<unknown> }) =>
    withPlace(seat.command(name))
      .description(says)
      .addHelpText('after', `\nExample:\n  assay challenger seat ${name}`)
      .action((options: PlaceOptions, command: Command) =>
        perform(command, async (terminal) => {
          const chain = await payingChain(options);
          await act(chain);
          const shown = await seatOf(chain, chain.account);
          terminal.result(shown, textOf(shown));
        }),
      );
  add('take', { says: 'Take a free seat; it counts for batches after this block.', act: (chain) => chain.checks.takeSeat() });
  add('leave', { says: 'Give your seat up. A challenger that still runs with ASSAY_PAID_CHECKS=true would take it again.', act: (chain) => chain.checks.leaveSeat() });
}

async function seatOf(chain: Chain, account: Address) {
  const [since, { there, taken, stakeNeeded }, { amount: stake }] = await Promise.all([chain.checks.seatedAt(account), chain.checks.seats(), chain.vault.stakeOf(account)]);
  return { account, seated: since > 0n, since: since > 0n ? since : null, seats: there, taken, stake, stakeNeeded };
}

function textOf({ account, since, seats, taken, stake, stakeNeeded }: Awaited<ReturnType<typeof seatOf>>): string {
  return [`account    ${account}`, `seat       ${since === null ? 'none' : `since block ${since}`}`, `taken      ${taken} of ${seats}`, `stake      ${tokens(stake)}, a seat needs ${tokens(stakeNeeded)}`].join('\n');
}
