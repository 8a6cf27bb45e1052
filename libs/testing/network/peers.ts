import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { isAddress, type Address } from 'viem';
import { z } from 'zod';
import { AssayError } from '#core/protocol';
import type { Deployment } from '#io/chain';
import type { BrokerUser } from '#io/messaging';
import type { NetworkFolder } from './folder.js';
import { LocalKeys } from './keys.js';
import { brokerUsers, membersOf } from './members.js';
import { writeNatsConfig } from './nats.js';

const peerSchema = z.strictObject({
  role: z.enum(['executor', 'challenger']),
  address: z.custom<Address>((v) => typeof v === 'string' && isAddress(v), 'not an address'),
  /** Of its nkey user; the seed stays where it was made. */
  publicKey: z.string().regex(/^U[A-Z2-7]{55}$/, 'not the public key of an nkey user'),
});

/** Somebody else's executor or challenger. */
export type AdmittedPeer = z.infer<typeof peerSchema>;

const MAX_PEERS = 1_024;

/** Peers that a local network's broker lets in beside its own members. @throws AssayError FILE_UNREADABLE */
export function admittedPeers(folder: NetworkFolder): readonly AdmittedPeer[] {
  const file = folder.path('peers.json');
  if (!existsSync(file)) return [];
  try {
    return z.array(peerSchema).max(MAX_PEERS).parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new AssayError({ code: 'FILE_UNREADABLE', message: `${file} is not a list of peers`, facts: { file }, cause });
  }
}

/** Lets a peer into the network that runs in the folder, now and whenever it runs again. The same peer again changes nothing. @throws AssayError USAGE */
export function admitPeer(folder: NetworkFolder, peer: AdmittedPeer): void {
  const parsed = peerSchema.safeParse(peer);
  if (!parsed.success) throw new AssayError({ code: 'USAGE', message: z.prettifyError(parsed.error) });
  const record = folder.record();
  if (!record) throw new AssayError({ code: 'COORDINATOR_UNREACHABLE', message: 'no network is known here', facts: { dir: folder.dir }, remedy: 'Start one with `assay up`, or name its folder: --dir.' });
  const others = admittedPeers(folder).filter((one) => one.publicKey !== peer.publicKey && !(one.role === peer.role && one.address === peer.address));
  writeFileSync(folder.path('peers.json'), `${JSON.stringify([...others, parsed.data].slice(-MAX_PEERS), null, 2)}\n`);
  const members = membersOf(record.executors, record.challengers);
  writeNatsConfig({ dir: folder.path('nats'), port: record.ports.nats, users: usersOf(folder, brokerUsers(LocalKeys.at(folder.keys), members)) });
  if (folder.holder !== undefined) process.kill(Number(readFileSync(folder.path('nats', 'pid'), 'utf8')), 'SIGHUP');
}

/** The members' logins and those of whoever was admitted. */
export function usersOf(folder: NetworkFolder, members: readonly BrokerUser[]): BrokerUser[] {
  return [...members, ...admittedPeers(folder)];
}

/** All that a peer needs to know of a network; nothing in it is secret. */
export const peerFileSchema = z.strictObject({
  role: z.enum(['executor', 'challenger']),
  address: z.string(),
  coordinator: z.string(),
  rpc: z.string(),
  nats: z.string(),
  deployment: z.unknown(),
});

export type PeerFile = Omit<z.infer<typeof peerFileSchema>, 'deployment'> & { readonly deployment: Deployment };
