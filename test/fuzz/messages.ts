import { connect, nkeyAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import type { Address } from 'viem';
import { isErrorCode, PROTOCOL_VERSION, subjects, type Job } from '#core/protocol';
import { decodeMessage, failureReplySchema, inboxPrefix, MAX_MESSAGE_BYTES, type BrokerRole } from '#io/messaging';
import { seededRandom, type Random } from '#testing';
import { mutated } from './mutation.js';
import { encodeObject, hostileObject } from './objects.js';
import { Counter, type Tally } from './tally.js';

export interface Party {
  readonly url: string;
  readonly role: BrokerRole;
  readonly address: Address;
  readonly seed: string;
}

export interface Parties {
  readonly coordinator: Party;
  readonly executor: Party;
  readonly challenger: Party;
  readonly job: Job;
}

interface Target {
  readonly as: 'coordinator' | 'executor' | 'challenger';
  readonly subject: string;
  readonly message: object;
  readonly answers: boolean;
}

const DEADLINE_MS = 60_000;
const AT_ONCE = 8;
const NUL = '0x' + '00'.repeat(32);

/** Messages with something wrong on every subject, from each party that may publish there. */
export async function fuzzMessages(seed: number, cases: number, parties: Parties): Promise<Tally> {
  const counter = new Counter(DEADLINE_MS);
  const [coordinator, executor, challenger] = await Promise.all([open(parties.coordinator), open(parties.executor), open(parties.challenger)]);
  const from = { coordinator, executor, challenger };
  const targets = targetsOf(parties);
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let i = next++; i < cases; i = next++) {
        const random = seededRandom(seed * 65_537 + i);
        const target = targets[i % targets.length]!;
        const what = `broker case ${i} (seed ${seed}, ${target.as} on ${target.subject})`;
        const bytes = bytesFor(target, random).subarray(0, MAX_MESSAGE_BYTES);
        const started = performance.now();
        if (target.answers) await ask(from[target.as], { subject: target.subject, bytes }).then((code) => counter.note(code, performance.now() - started, what), (error: Error) => counter.fault(`${what}: ${error.message}`));
        else counter.note('sent', (from[target.as].publish(target.subject, bytes), performance.now() - started), what);
      }
    }),
  );
  await Promise.all(Object.values(from).map((connection) => connection.flush().then(() => connection.close())));
  return counter.tally;
}

function targetsOf({ executor, challenger, job }: Parties): Target[] {
  const { jobId } = job;
  const { modelId } = job.request;
  const presence = (role: 'executor' | 'challenger', address: Address) => ({ protocol: PROTOCOL_VERSION, role, address, version: 'fuzz', profile: NUL, models: [modelId], capacity: 1, running: 0 });
  const questions = (as: 'executor' | 'challenger'): Target[] => [
    { as, subject: subjects.inputs, message: { jobId }, answers: true },
    { as, subject: subjects.claims, message: { batchId: 1n, from: 0, limit: 16 }, answers: true },
    { as, subject: subjects.model, message: { modelId }, answers: true },
    { as, subject: subjects.hello, message: { protocol: PROTOCOL_VERSION, role: as, version: 'fuzz' }, answers: true },
  ];
  return [
    ...Array.from({ length: 4 }, (): Target => ({ as: 'coordinator', subject: subjects.job(executor.address), message: job, answers: true })),
    { as: 'coordinator', subject: subjects.cancel(executor.address), message: { jobId }, answers: false },
    ...questions('executor'),
    ...questions('challenger'),
    { as: 'executor', subject: subjects.presence('executor', executor.address), message: presence('executor', executor.address), answers: false },
    { as: 'challenger', subject: subjects.presence('challenger', challenger.address), message: presence('challenger', challenger.address), answers: false },
  ];
}

function bytesFor({ message }: Target, random: Random): Uint8Array {
  // WHY mostly the content: bytes that are no CBOR end at the first line of the decoder.
  return random.next() < 0.7 ? hostileObject(message, random) : mutated(encodeObject(message), random);
}

/** The code of the failure, or `taken`. */
async function ask(from: NatsConnection, { subject, bytes }: { subject: string; bytes: Uint8Array }): Promise<string> {
  const { data } = await from.request(subject, bytes, { timeout: DEADLINE_MS });
  let code: string;
  try {
    ({ code } = decodeMessage(failureReplySchema, data).failure);
  } catch {
    return 'taken';
  }
  if (!isErrorCode(code) || code === 'INTERNAL') throw new Error(`answered ${code}`);
  return code;
}

function open({ url, role, address, seed }: Party): Promise<NatsConnection> {
  return connect({ servers: url, authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)), inboxPrefix: inboxPrefix(role, address), timeout: DEADLINE_MS });
}
