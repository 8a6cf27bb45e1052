import type { Address } from 'viem';
import type { Network } from '#testing';

/** Names for addresses: who is who in the demo. */
export class Cast {
  readonly accounts: readonly { readonly name: string; readonly address: Address }[];

  constructor(network: Network) {
    const names = ['submitter', ...network.members.map((member) => member.name)];
    this.accounts = names.map((name) => ({ name, address: network.keys.account(name).address }));
  }

  nameOf(address: Address): string {
    return this.accounts.find((account) => account.address.toLowerCase() === address.toLowerCase())?.name ?? address;
  }

  addressOf(name: string): Address {
    return this.accounts.find((account) => account.name === name)!.address;
  }
}
