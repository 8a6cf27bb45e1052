import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { addressOf, type Chain } from '#io/chain';
import { ModelShelf } from '#io/artifacts';
import { keepPresent, Messaging, NatsTransport, sayHello } from '#io/messaging';
import { announceReady, createLogger, createMonitoring, GRACE_MS, NestLog, PATIENCE_MS, runProcess, Shutdown, VERSION, watchEther } from '#platform';
import type { Player } from '#player';
import { CHAIN, ExecutorModule, PLANTER, PLAYER } from './app.module.js';
import type { Planter } from './canaries/planter.js';
import { executorConfig } from './config.js';
import { JobAnswering } from './execution/job-answering.js';
import { testStoredModels } from './execution/start-test.js';

await runProcess(async () => {
  const config = executorConfig(process.env);
  const address = addressOf(config.ASSAY_PRIVATE_KEY);
  const log = createLogger({ name: 'executor', level: config.ASSAY_LOG_LEVEL }).child({ address });
  const monitoring = createMonitoring('executor');
  const shutdown = new Shutdown(log);
  shutdown.listen();
  shutdown.onShutdown('monitoring', () => monitoring.close());
  monitoring.check('process', () => (shutdown.isStopping ? 'it is stopping' : undefined));

  const app = await NestFactory.createMicroservice(ExecutorModule.with({ config, log, monitoring }), {
    inject: [Messaging],
    useFactory: (messaging: Messaging) => ({ strategy: new NatsTransport({ messaging, self: address }) }),
    logger: new NestLog(log),
    abortOnError: false,
  });
  const messaging = app.get(Messaging);
  shutdown.onShutdown('broker', () => messaging.close());
  await sayHello(messaging, { role: 'executor', version: VERSION });
  monitoring.check('broker', () => messaging.problem());
  const { client } = app.get<Chain>(CHAIN);
  watchEther(monitoring.registry, () => client.getBalance({ address }));
  void messaging.closed().then((err) => {
    if (!err) return;
    log.error({ event: 'broker.lost', err }, err.message);
    void shutdown.shutdown(1);
  });

  const models = app.get<ModelShelf<never>>(ModelShelf);
  shutdown.onShutdown('models', () => models.close());
  await testStoredModels(models, log);

  const player = app.get<Player>(PLAYER);
  shutdown.onShutdown('player', () => player.stop(), PATIENCE_MS);
  player.start();

  if (config.ASSAY_METRICS_LISTEN) await monitoring.listen(config.ASSAY_METRICS_LISTEN);
  shutdown.onShutdown('messages', () => app.close());
  shutdown.onShutdown('jobs', () => app.get(JobAnswering).close(GRACE_MS));
  if (!config.ASSAY_WATCH_ONLY) {
    const planter = app.get<Planter | undefined>(PLANTER);
    shutdown.onShutdown('canaries', () => planter?.stop());
    await planter?.start();
    await app.listen();
    await messaging.flush();
    const presence = keepPresent(messaging, () => app.get(JobAnswering).presence());
    shutdown.onShutdown('presence', () => presence.stop());
  }

  log.info({ event: 'ready', fault: config.ASSAY_FAULT, capacity: config.ASSAY_CAPACITY, watchOnly: config.ASSAY_WATCH_ONLY }, 'executor ready');
  announceReady({ role: 'executor', address });
});
