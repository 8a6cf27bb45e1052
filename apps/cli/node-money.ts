import { numberToHex } from 'viem';
import { AssayError } from '#core/protocol';
import { LOCAL_CHAIN_ID, type Chain } from '#io/chain';

export interface Money {
  readonly stake: bigint;
  readonly balance: bigint;
}

/** Ether for a local network's transactions. */
const GAS_MONEY = 10n ** 20n;

/** What the account has in the vault; undefined stake counts as none. */
export async function moneyOf(chain: Chain): Promise<Money> {
  const [{ amount }, balance] = await Promise.all([chain.vault.stakeOf(chain.account!), chain.vault.balanceOf(chain.account!)]);
  return { stake: amount, balance };
}

/**
 * Sees to it that the account has `wanted` in the vault. On a local network what is missing comes out of nothing; elsewhere out of the account's tokens.
 * @throws AssayError DEPOSIT_TOO_LOW if it does not hold that many
 */
export async function fundNode(chain: Chain, wanted: Money): Promise<Money> {
  const has = await moneyOf(chain);
  const account = chain.account!;
  const missing = { stake: positive(wanted.stake - has.stake), balance: positive(wanted.balance - has.balance) };
  const sum = missing.stake + missing.balance;
  if (chain.deployment.chainId === LOCAL_CHAIN_ID) await mintedFor(chain, sum);
  if (sum === 0n) return has;
  const held = await chain.token.balanceOf(account);
  if (held < sum) throw new AssayError({ code: 'DEPOSIT_TOO_LOW', message: `${account} holds ${held} of the token, ${sum} are missing in the vault`, facts: { account, held, needed: sum }, remedy: 'Send it that many tokens and some ether for gas, then start again.' });
  await chain.vault.deposit(account, sum);
  if (missing.stake > 0n) await chain.vault.stake(missing.stake);
  return moneyOf(chain);
}

async function mintedFor(chain: Chain, sum: bigint): Promise<void> {
  const address = chain.account!;
  if ((await chain.client.getBalance({ address })) < GAS_MONEY / 100n) await chain.client.request({ method: 'anvil_setBalance', params: [address, numberToHex(GAS_MONEY)] } as never);
  if (sum > 0n) await chain.token.mint(address, sum);
}

function positive(amount: bigint): bigint {
  return amount > 0n ? amount : 0n;
}
