import type { Address } from 'viem';
import type { Chain } from '#io/chain';
import { tokens } from '../amounts.js';
import { table } from '../terminal.js';

/** What one account has in the network's token, in its smallest unit. */
export interface Balance {
  readonly name: string;
  readonly address: Address;
  /** Free balance in the vault. */
  readonly balance: bigint;
  readonly stake: bigint;
}

export interface Ledger {
  readonly block: bigint;
  readonly accounts: readonly Balance[];
  readonly totals: { readonly balances: bigint; readonly stakes: bigint; readonly bonds: bigint; readonly escrow: bigint; readonly pool: bigint };
}

export async function readLedger(chain: Chain, accounts: readonly { name: string; address: Address }[]): Promise<Ledger> {
  const [block, totals, balances] = await Promise.all([chain.blockNumber(), chain.vault.totals(), Promise.all(accounts.map((account) => balanceOf(chain, account)))]);
  return { block, totals, accounts: balances };
}

async function balanceOf(chain: Chain, { name, address }: { name: string; address: Address }): Promise<Balance> {
  const [balance, stake] = await Promise.all([chain.vault.balanceOf(address), chain.vault.stakeOf(address)]);
  return { name, address, balance, stake: stake.amount + stake.unbonding };
}

/** Before and after, side by side, with the difference. */
export function ledgerText(before: Ledger, after: Ledger): string {
  const rows = before.accounts.map((was, i) => {
    const is = after.accounts[i]!;
    return [was.name, tokens(was.balance), tokens(is.balance), change(was.balance, is.balance), tokens(was.stake), tokens(is.stake), change(was.stake, is.stake)];
  });
  const totals = (['bonds', 'escrow', 'pool'] as const).map((name) => [`(${name})`, tokens(before.totals[name]), tokens(after.totals[name]), change(before.totals[name], after.totals[name]), '', '', '']);
  return table(['account', 'balance before', 'after', 'change', 'stake before', 'after', 'change'], [...rows, ...totals]);
}

function change(before: bigint, after: bigint): string {
  if (before === after) return '';
  return after > before ? `+${tokens(after - before)}` : `−${tokens(before - after)}`;
}
