import 'reflect-metadata';
import { Controller, Module, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AssayError, presenceSchema, subjects, type Presence } from '#core/protocol';
import { party, startBroker, type Broker } from './broker.fixture.js';
import { ErrorPassage, MODEL, NatsTransport, type Messaging } from './index.js';

const coordinator = party('coordinator', 1);
const executor = party('executor', 0xa);
const known = `0x${'11'.repeat(32)}` as const;
const unknown = `0x${'22'.repeat(32)}` as const;
const seen: Presence[] = [];

@Controller()
class TestController {
  @MessagePattern(subjects.model, { exchange: MODEL, maxInFlight: 4 })
  async model(query: { modelId: string }) {
    if (query.modelId !== known) throw new AssayError({ code: 'MODEL_UNKNOWN' });
    return { name: 'toy', bytes: 3 };
  }

  @EventPattern('assay.presence.*.{self}', { schema: presenceSchema, maxInFlight: 4 })
  presence(presence: Presence): void {
    seen.push(presence);
  }
}

@Module({ controllers: [TestController] })
class TestModule {}

let broker: Broker;
let app: INestMicroservice;
let asking: Messaging;

beforeAll(async () => {
  broker = await startBroker([coordinator, executor]);
  const messaging = await broker.messaging(coordinator);
  asking = await broker.messaging(executor);
  app = await NestFactory.createMicroservice(TestModule, { strategy: new NatsTransport({ messaging, self: executor.address }), logger: false });
  app.useGlobalFilters(new ErrorPassage());
  await app.listen();
  await messaging.flush();
}, 120_000);
afterAll(async () => {
  await app.close();
  await broker.stop();
});

it('answers from a controller, through the schemas of its pattern', async () => {
  expect(await asking.request(subjects.model, MODEL, { modelId: known }, { timeoutMs: 2_000 })).toEqual({ name: 'toy', bytes: 3 });
});

it('keeps the code of an error that a controller throws', async () => {
  expect(await asking.request(subjects.model, MODEL, { modelId: unknown }, { timeoutMs: 2_000 })).toMatchObject({ failure: { code: 'MODEL_UNKNOWN' } });
});

it('puts its own address into subjects and hands over events', async () => {
  const presence: Presence = { protocol: 1, role: 'executor', address: executor.address, version: '1', profile: known, models: [], capacity: 1, running: 0 };
  asking.publish(subjects.presence('executor', executor.address), presenceSchema, presence);
  await expect.poll(() => seen).toEqual([presence]);
});
