import { connect, nkeyAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import type { Address } from 'viem';
import { isErrorCode, subjects, type Job } from '#core/protocol';
import { CLAIMS, decodeMessage, encodeMessage, failureReplySchema, HELLO, inboxPrefix, INPUTS, JOB, MODEL, type BrokerRole } from '#io/messaging';
import { PROTOCOL_VERSION } from '#core/protocol';
import { seededRandom } from '#testing';
import { mutated } from './mutation.js';
import { Counter, type Tally } from './tally.js';

export interface Party {
  readonly url: string;
  readonly role: BrokerRole;
  readonly address: Address;
  readonly seed: string;
}

const DEADLINE_MS = 60_000;
const AT_ONCE = 8;

/** Messages with something wrong, to the coordinator as an executor would send them, and to an executor as its coordinator would. */
export async function fuzzMessages(seed: number, cases: number, { executor, coordinator, job }: { executor: Party; coordinator: Party; job: Job }): Promise<Tally> {
  const counter = new Counter(DEADLINE_MS);
  const [asExecutor, asCoordinator] = await Promise.all([open(executor), open(coordinator)]);
  const id = job.jobId;
  const targets: readonly { from: NatsConnection; subject: string; bytes: Uint8Array; answers: boolean }[] = [
    { from: asCoordinator, subject: subjects.job(executor.address), bytes: encodeMessage(JOB.query, job), answers: true },
    { from: asCoordinator, subject: subjects.job(executor.address), bytes: encodeMessage(JOB.query, job), answers: true },
    { from: asCoordinator, subject: subjects.cancel(executor.address), bytes: encodeMessage(INPUTS.query, { jobId: id } as never), answers: false },
    { from: asExecutor, subject: subjects.inputs, bytes: encodeMessage(INPUTS.query, { jobId: id } as never), answers: true },
    { from: asExecutor, subject: subjects.claims, bytes: encodeMessage(CLAIMS.query, { batchId: 1n, from: 0, limit: 16 } as never), answers: true },
    { from: asExecutor, subject: subjects.model, bytes: encodeMessage(MODEL.query, { modelId: job.request.modelId } as never), answers: true },
    { from: asExecutor, subject: subjects.hello, bytes: encodeMessage(HELLO.query, { protocol: PROTOCOL_VERSION, role: 'executor', version: 'fuzz' } as never), answers: true },
    { from: asExecutor, subject: subjects.presence('executor', executor.address), bytes: encodeMessage(MODEL.query, { modelId: job.request.modelId } as never), answers: false },
  ];
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let i = next++; i < cases; i = next++) {
        const random = seededRandom(seed * 65_537 + i);
        const target = random.pick(targets);
        const what = `broker case ${i} (seed ${seed}, ${target.subject})`;
        const bytes = mutated(target.bytes, random);
        const started = performance.now();
        if (target.answers) await ask(target.from, { subject: target.subject, bytes }).then((code) => counter.note(code, performance.now() - started, what), (error: Error) => counter.fault(`${what}: ${error.message}`));
        else counter.note('sent', (target.from.publish(target.subject, bytes), performance.now() - started), what);
      }
    }),
  );
  await Promise.all([asExecutor.flush(), asCoordinator.flush()]);
  await Promise.all([asExecutor.close(), asCoordinator.close()]);
  return counter.tally;
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
