import type { Address } from 'viem';
import { MODEL_BUCKET, subjects, TENSOR_BUCKET } from '#core/protocol';
import { MAX_MESSAGE_BYTES } from './codec.js';
import { OUTPUT_BUCKET, type Writer } from './objects.js';

export type BrokerRole = 'coordinator' | 'executor' | 'challenger';

/** One user's subjects, to allow and nothing else; `replies`: may answer the requests it receives, once each. */
export interface BrokerPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  readonly replies: boolean;
}

/** Longest time between a request and its answer; a job's lease is never longer. */
const REPLY_EXPIRES = '10m';

/** How every process's inbox begins. */
export const INBOXES = '_INBOX_';

export function inboxPrefix(role: BrokerRole, address: Address): string {
  return `${INBOXES}${role}_${address.toLowerCase()}`;
}

/**
 * Least privilege per process.
 * SAFETY: JetStream delivers a consumer's messages to any subject its creator names, and a new stream captures any subjects,
 * past all publish permissions. So nobody but the coordinator may create either: the others read objects message by message.
 */
export function natsPermissions(role: BrokerRole, address: Address): BrokerPermissions {
  const inbox = `${inboxPrefix(role, address)}.>`;
  switch (role) {
    case 'coordinator':
      return { publish: ['assay.job.*', 'assay.cancel.*', ...[TENSOR_BUCKET, MODEL_BUCKET].map((bucket) => objectsOf(bucket, 'coordinator')), ...[TENSOR_BUCKET, MODEL_BUCKET, OUTPUT_BUCKET].flatMap(streamAdministration)], subscribe: ['assay.>', inbox], replies: true };
    case 'executor':
      return { publish: [subjects.presence(role, address), ...questions(), objectsOf(OUTPUT_BUCKET, address)], subscribe: [subjects.job(address), subjects.cancel(address), inbox], replies: true };
    case 'challenger':
      return { publish: [subjects.presence(role, address), ...questions()], subscribe: [inbox], replies: false };
  }
}

function questions(): string[] {
  return [subjects.hello, subjects.claims, subjects.inputs, subjects.model, readObjects(TENSOR_BUCKET), readObjects(MODEL_BUCKET)];
}

function objectsOf(bucket: string, writer: Writer): string {
  return `assay.object.${bucket}.${writer.toLowerCase()}.>`;
}

function readObjects(bucket: string): string {
  return `$JS.API.STREAM.MSG.GET.${bucket}`;
}

function streamAdministration(bucket: string): string[] {
  return ['STREAM.CREATE', 'STREAM.UPDATE', 'STREAM.INFO', 'STREAM.PURGE', 'STREAM.MSG.GET'].map((call) => `$JS.API.${call}.${bucket}`);
}

export interface BrokerUser {
  /** Public nkey, U…. */
  readonly publicKey: string;
  readonly role: BrokerRole;
  readonly address: Address;
}

export interface BrokerConfigOptions {
  readonly host: string;
  readonly port: number;
  readonly storeDir: string;
  readonly users: readonly BrokerUser[];
  /** With `caFile`, clients need a certificate too. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly caFile?: string };
  readonly cluster?: BrokerCluster;
}

/** One server's place in a cluster. */
export interface BrokerCluster {
  readonly serverName: string;
  /** Where the other servers reach this one. */
  readonly host: string;
  readonly port: number;
  /** host:port of all of them; its own among them does no harm. */
  readonly peers: readonly string[];
  /** What the servers know each other by. */
  readonly password: string;
}

/** WHY: a link that is cut says nothing; servers and clients that do not answer two pings are gone. */
const BROKER_PINGS = { ping_interval: '5s', ping_max: 2 };

/** A whole nats-server configuration file: JetStream, one nkey user per process, nobody else. JSON is a subset of the server's format. */
export function brokerConfig({ host, port, storeDir, users, tls, cluster }: BrokerConfigOptions): string {
  const secure = tls ? { tls: { cert_file: tls.certFile, key_file: tls.keyFile, ...(tls.caFile ? { ca_file: tls.caFile, verify: true } : {}) } } : {};
  return `${JSON.stringify({ host, port, max_payload: MAX_MESSAGE_BYTES, jetstream: { store_dir: storeDir }, ...BROKER_PINGS, ...secure, ...(cluster ? clusterOf(cluster) : {}), authorization: { users: users.map(userEntry) } }, null, 2)}\n`;
}

function clusterOf({ serverName, host, port, peers, password }: BrokerCluster) {
  const user = 'assay';
  return { server_name: serverName, cluster: { name: 'assay', host, port, authorization: { user, password }, routes: peers.map((peer) => `nats://${user}:${password}@${peer}`) } };
}

function userEntry({ publicKey, role, address }: BrokerUser) {
  const { publish, subscribe, replies } = natsPermissions(role, address);
  const permissions = { publish: { allow: publish }, subscribe: { allow: subscribe } };
  return { nkey: publicKey, permissions: replies ? { ...permissions, allow_responses: { max: 1, expires: REPLY_EXPIRES } } : permissions };
}
