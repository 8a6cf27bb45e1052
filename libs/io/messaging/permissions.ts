import type { Address } from 'viem';
import { MODEL_BUCKET, subjects, TENSOR_BUCKET } from '#core/protocol';
import { OUTPUT_BUCKET } from './objects.js';

export type BrokerRole = 'coordinator' | 'executor' | 'challenger';

/** One user's rights, in the form the nats-server configuration takes. */
export interface BrokerPermissions {
  readonly publish: { readonly allow: readonly string[] };
  readonly subscribe: { readonly allow: readonly string[] };
  /** Replies to requests received; without it (clients that only ask) none. */
  readonly allow_responses?: { readonly max: number; readonly expires: string };
}

/** Longest time between a request and its answer; a job's lease is never longer. */
const REPLY_EXPIRES = '10m';

export function inboxPrefix(role: BrokerRole, address: Address): string {
  return `_INBOX_${role}_${address.toLowerCase()}`;
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
      return {
        publish: { allow: ['assay.>', ...[TENSOR_BUCKET, MODEL_BUCKET, OUTPUT_BUCKET].flatMap(streamAdministration)] },
        subscribe: { allow: ['assay.>', inbox] },
        allow_responses: { max: 1, expires: REPLY_EXPIRES },
      };
    case 'executor':
      return {
        publish: { allow: [subjects.presence(role, address), ...questions(), objectsOf(address)] },
        subscribe: { allow: [subjects.job(address), inbox] },
        allow_responses: { max: 1, expires: REPLY_EXPIRES },
      };
    case 'challenger':
      return { publish: { allow: [subjects.presence(role, address), ...questions()] }, subscribe: { allow: [inbox] } };
  }
}

function questions(): string[] {
  return [subjects.claims, subjects.inputs, subjects.model, readObjects(TENSOR_BUCKET), readObjects(MODEL_BUCKET)];
}

function objectsOf(executor: Address): string {
  return `assay.object.${OUTPUT_BUCKET}.${executor.toLowerCase()}.>`;
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
}

/** A whole nats-server configuration file: JetStream, one nkey user per process, nobody else. */
export function brokerConfig({ host, port, storeDir, users }: BrokerConfigOptions): string {
  const entries = users.map(({ publicKey, role, address }) => ({ nkey: publicKey, permissions: natsPermissions(role, address) }));
  return `${JSON.stringify({ host, port, max_payload: 1024 * 1024, jetstream: { store_dir: storeDir }, authorization: { users: entries } }, null, 2)}\n`;
}
