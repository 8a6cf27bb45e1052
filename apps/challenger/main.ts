import 'reflect-metadata';
import { setMaxListeners } from 'node:events';
import { NestFactory } from '@nestjs/core';
import { DEFAULT_PROFILE } from '#core/onnx';
import { PROTOCOL_VERSION } from '#core/protocol';
import { ModelShelf } from '#io/artifacts';
import { addressOf, type Chain } from '#io/chain';
import { keepPresent, Messaging, sayHello } from '#io/messaging';
import { announceReady, createLogger, createMonitoring, NestLog, PATIENCE_MS, runProcess, Shutdown, VERSION, watchBonds, watchEther } from '#platform';
import type { Player } from '#player';
import { CHAIN, ChallengerModule, PLAYER, WATCH, type Watch } from './app.module.js';
import { challengerConfig } from './config.js';

await runProcess(async () => {
  const config = challengerConfig(process.env);
  const address = addressOf(config.ASSAY_PRIVATE_KEY);
  const log = createLogger({ name: 'challenger', level: config.ASSAY_LOG_LEVEL }).child({ address });
  const monitoring = createMonitoring('challenger');
  const shutdown = new Shutdown(log);
  shutdown.listen();
  shutdown.onShutdown('monitoring', () => monitoring.close());
  monitoring.check('process', () => (shutdown.isStopping ? 'it is stopping' : undefined));

  const app = await NestFactory.createApplicationContext(ChallengerModule.with({ config, log, monitoring }), { logger: new NestLog(log), abortOnError: false });
  const messaging = app.get(Messaging);
  shutdown.onShutdown('broker', () => messaging.close());
  await sayHello(messaging, { role: 'challenger', version: VERSION });
  monitoring.check('broker', () => messaging.problem());
  const { client, vault, disputes } = app.get<Chain>(CHAIN);
  watchEther(monitoring.registry, () => client.getBalance({ address }));
  watchBonds(monitoring.registry, async () => (await vault.balanceOf(address)) / (await disputes.parameters()).bond);
  void messaging.closed().then((err) => {
    if (!err) return;
    log.error({ event: 'broker.lost', err }, err.message);
    void shutdown.shutdown(1);
  });

  const models = app.get<ModelShelf<never>>(ModelShelf);
  shutdown.onShutdown('models', () => models.close());
  const player = app.get<Player>(PLAYER);
  shutdown.onShutdown('player', () => player.stop(), PATIENCE_MS);
  player.start();

  const stopping = new AbortController();
  // WHY: every batch under way listens to it; many at once are no leak.
  setMaxListeners(0, stopping.signal);
  const watching = app.get<Watch>(WATCH)(stopping.signal).catch((err: unknown) => {
    log.error({ event: 'watch.failed', err }, 'this challenger cannot watch any more');
    void shutdown.shutdown(1);
  });
  shutdown.onShutdown('watch', () => (stopping.abort(), watching), PATIENCE_MS);

  if (config.ASSAY_METRICS_LISTEN) await monitoring.listen(config.ASSAY_METRICS_LISTEN);
  const presence = keepPresent(messaging, () => ({
    protocol: PROTOCOL_VERSION,
    role: 'challenger',
    address,
    version: VERSION,
    profile: DEFAULT_PROFILE.id,
    models: models.loaded,
    capacity: config.ASSAY_CHECKS,
    running: 0,
  }));
  shutdown.onShutdown('presence', () => presence.stop());

  log.info({ event: 'ready', sampleAll: config.ASSAY_SAMPLE_ALL, lie: config.ASSAY_LIE, watchOnly: config.ASSAY_WATCH_ONLY }, 'challenger ready');
  announceReady({ role: 'challenger', address });
});
