import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { subjects } from '#core/protocol';
import { party, startBroker, type Broker, type Party } from './broker.fixture.js';
import { inboxPrefix, MODEL, natsPermissions, type Messaging, type ObjectName } from './index.js';

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
    ['changing a stream', '$JS.API.STREAM.UPDATE.tensors'],
    ['deleting a message', '$JS.API.STREAM.MSG.DELETE.models'],
    ['unseating a stream’s leader', '$JS.API.STREAM.LEADER.STEPDOWN.models'],
    ['reading what others answered', '$JS.API.STREAM.MSG.GET.outputs'],
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

  it('the coordinator may not speak for executors, nor write what they answered', async () => {
    expect(await verdict(await rawOf(coordinator), publishing(subjects.presence('executor', victim.address)))).toBe('refused');
    expect(await verdict(await rawOf(coordinator), publishing(`assay.object.outputs.${victim.address}.0x00.0`))).toBe('refused');
  });

  it("another's inbox prefix is of no use even with a valid seed", async () => {
    const thief = await broker.raw(attacker, inboxPrefix('executor', victim.address));
    await expect(thief.request(subjects.inputs, 'x', { timeout: 500 })).rejects.toThrow();
  });
});

describe.each([
  ['executor', attacker],
  ['challenger', challenger],
] as const)('an %s that has its answers sent to subjects it may not publish to', (role, who) => {
  const bytes = new Uint8Array(300_000).fill(7);
  const objectOf = (digit: string): ObjectName => ({ bucket: 'models', writer: 'coordinator', name: `0x${digit.repeat(64)}` });
  const subjectOf = ({ bucket, writer, name }: ObjectName) => `assay.object.${bucket}.${writer}.${name}.0`;
  const reader = () => broker.messaging(who).then(({ objects }) => objects);
  /** The one call of JetStream that it may make, with the answer to go elsewhere. */
  async function readTo(reply: string): Promise<void> {
    const raw = await rawOf(who);
    raw.publish('$JS.API.STREAM.MSG.GET.models', JSON.stringify({ last_by_subj: subjectOf(objectOf(role === 'executor' ? 'a' : 'b')) }), { reply });
    await raw.flush();
  }
  /** What the server does on its own comes a while after. */
  const messagesIn = async () => Number((await rawOf(coordinator).then((raw) => raw.request('$JS.API.STREAM.INFO.models', ''))).json<{ state: { messages: number } }>().state.messages);

  it('changes no stored object, and purges nothing', async () => {
    const stored = objectOf(role === 'executor' ? 'a' : 'b');
    await asCoordinator.objects.put(stored, bytes);
    const before = await messagesIn();
    const planted = objectOf(role === 'executor' ? 'c' : 'd');
    for (const reply of [subjectOf(stored), '$JS.API.STREAM.PURGE.models', '$JS.API.STREAM.DELETE.models']) await readTo(reply);
    // What comes before the coordinator has written shows that these answers do arrive, and is put right by it.
    await readTo(subjectOf(planted));
    await expect.poll(messagesIn, { timeout: 20_000 }).toBe(before + 1);
    expect(Buffer.compare(await (await reader()).get(stored, bytes.length), bytes)).toBe(0);
    await asCoordinator.objects.put(planted, bytes);
    expect(Buffer.compare(await (await reader()).get(planted, bytes.length), bytes)).toBe(0);
  }, 60_000);

  it('is not answered by the coordinator', async () => {
    const heard: string[] = [];
    const tap = (await rawOf(coordinator)).subscribe('assay.cancel.*', { callback: (_, { subject }) => void heard.push(subject) });
    const serving = asCoordinator.serve(subjects.model, MODEL, async () => ({ name: 'x', bytes: 1 }), { maxInFlight: 4 });
    await Promise.all([asCoordinator.flush(), (await rawOf(coordinator)).flush()]);
    const raw = await rawOf(who);
    raw.publish(subjects.model, new Uint8Array(3), { reply: subjects.cancel(victim.address) });
    await raw.request(subjects.model, new Uint8Array(3), { timeout: 20_000 });
    expect(broker.logged.filter(({ reply }) => reply === subjects.cancel(victim.address)).length).toBeGreaterThan(0);
    await (await rawOf(coordinator)).flush();
    expect(heard).toEqual([]);
    tap.unsubscribe();
    await serving.stop();
  }, 60_000);
});
