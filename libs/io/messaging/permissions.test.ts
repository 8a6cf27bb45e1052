import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { subjects } from '#core/protocol';
import { party, startBroker, type Broker, type Party } from './broker.fixture.js';
import { inboxPrefix, natsPermissions, type Messaging } from './index.js';

const coordinator = party('coordinator', 1);
const victim = party('executor', 2);
const attacker = party('executor', 3);
const challenger = party('challenger', 4);
const inboxOf = (p: typeof victim) => `${inboxPrefix(p.role, p.address)}.>`;
let broker: Broker;
let asCoordinator: Messaging;

beforeAll(async () => {
  broker = await startBroker([coordinator, victim, attacker, challenger]);
  asCoordinator = await broker.messaging(coordinator);
  await asCoordinator.objects.createBuckets();
}, 120_000);
afterAll(() => broker.stop());

const connections = new Map<Party, Promise<NatsConnection>>();
function rawOf(who: Party): Promise<NatsConnection> {
  const connection = connections.get(who) ?? broker.raw(who);
  connections.set(who, connection);
  return connection;
}

/** What the server says to one forbidden act; 'allowed' if it says nothing until everything sent was handled. */
async function verdict(connection: NatsConnection, act: (connection: NatsConnection) => void): Promise<string> {
  const complaints: string[] = [];
  void (async () => {
    for await (const status of connection.status()) if (status.type === 'error') complaints.push(status.error.message);
  })();
  act(connection);
  await connection.flush();
  // WHY: the complaint is here before the flush's answer, but reaches the loop above through a few promises.
  await new Promise((resolve) => setTimeout(resolve, 10));
  return complaints.length ? 'refused' : 'allowed';
}

const publishing = (subject: string) => (connection: NatsConnection) => connection.publish(subject, 'x');
const subscribing = (subject: string) => (connection: NatsConnection) =>
  void connection.subscribe(subject, { callback: () => undefined });

describe.each([
  ['executor', attacker],
  ['challenger', challenger],
] as const)('an %s that turned hostile', (_, who) => {
  it.each([
    ["another executor's job subject", subjects.job(victim.address)],
    ["another executor's presence", subjects.presence('executor', victim.address)],
    ["another challenger's presence", subjects.presence('challenger', victim.address)],
    ["another's inbox", `${inboxPrefix('executor', victim.address)}.x`],
    ["the coordinator's inbox", `${inboxPrefix('coordinator', coordinator.address)}.x`],
    ['its own inbox, where answers come from others only', `${inboxPrefix(who.role, who.address)}.x`],
    ['inputs in the store', `assay.object.tensors.coordinator.0x00.0`],
    ['a model in the store', `assay.object.models.coordinator.0x00.0`],
    ["another's outputs", `assay.object.outputs.${victim.address}.0x00.0`],
    ['a new stream', '$JS.API.STREAM.CREATE.mine'],
    ['a consumer, which would deliver to any subject', '$JS.API.CONSUMER.CREATE.tensors'],
    ['a durable consumer', '$JS.API.CONSUMER.DURABLE.CREATE.tensors.mine'],
    ['a named consumer', '$JS.API.CONSUMER.CREATE.tensors.mine'],
    ['raw reads, which would send stored bytes to any subject', '$JS.API.DIRECT.GET.tensors'],
    ['deleting a stream', '$JS.API.STREAM.DELETE.tensors'],
    ['purging a stream', '$JS.API.STREAM.PURGE.tensors'],
  ])('cannot publish to %s', async (_what, subject) => {
    expect(await verdict(await rawOf(who), publishing(subject))).toBe('refused');
  });

  it.each([
    ['everything', '>'],
    ['all of assay', 'assay.>'],
    ["another executor's job subject", subjects.job(victim.address)],
    ['all jobs', 'assay.job.*'],
    ["another's inbox", inboxOf(victim)],
    ["the coordinator's inbox", inboxOf(coordinator)],
    ['the questions of others', subjects.inputs],
    ['the default inbox', '_INBOX.>'],
    ['the server itself', '$SYS.>'],
  ])('cannot read %s', async (_what, subject) => {
    expect(await verdict(await rawOf(who), subscribing(subject))).toBe('refused');
  });
});

describe('what each role needs', () => {
  it.each([
    ['executor', victim],
    ['challenger', challenger],
  ] as const)('the %s may do everything natsPermissions lists', async (role, who) => {
    const { publish, subscribe } = natsPermissions(role, who.address);
    for (const subject of publish) expect(await verdict(await rawOf(who), publishing(subject.replace('>', 'x')))).toBe('allowed');
    for (const subject of subscribe) expect(await verdict(await rawOf(who), subscribing(subject))).toBe('allowed');
  });

  it('a challenger may not write objects and nobody may ask an executor but the coordinator', async () => {
    expect(await verdict(await rawOf(challenger), publishing(`assay.object.outputs.${challenger.address}.0x00.0`))).toBe('refused');
    expect(await verdict(await rawOf(challenger), publishing(subjects.job(victim.address)))).toBe('refused');
    expect(await verdict(await rawOf(coordinator), publishing(subjects.job(victim.address)))).toBe('allowed');
  });

  it('the coordinator may not read the inboxes of others', async () => {
    expect(await verdict(await rawOf(coordinator), subscribing(inboxOf(victim)))).toBe('refused');
  });

  it("another's inbox prefix is of no use even with a valid seed", async () => {
    const thief = await broker.raw(attacker, inboxPrefix('executor', victim.address));
    await expect(thief.request(subjects.inputs, 'x', { timeout: 500 })).rejects.toThrow();
  });
});
