import type { BrokerRole, BrokerUser } from '#io/messaging';
import type { LocalKeys } from './keys.js';

/** One process of the network that has an account. */
export interface Member {
  /** coordinator, executor-1, challenger-2 … */
  readonly name: string;
  readonly role: BrokerRole;
}

export function membersOf(executors: number, challengers: number): Member[] {
  const some = (role: 'executor' | 'challenger', count: number) => Array.from({ length: count }, (_, i) => ({ name: `${role}-${i + 1}`, role }));
  return [{ name: 'coordinator', role: 'coordinator' }, ...some('executor', executors), ...some('challenger', challengers)];
}

export function brokerUsers(keys: LocalKeys, members: readonly Member[]): BrokerUser[] {
  return members.map(({ name, role }) => ({ role, publicKey: keys.natsPublicKey(name), address: keys.account(name).address }));
}
