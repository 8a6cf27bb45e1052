import { gamesOn, type Chain } from '#io/chain';
import { systemClock, type Logger, type Monitoring } from '#platform';
import { countReports, createPlayer, disputeAlarm, reportTo, watchGames, type OwnGame, type Player, type PlayerOptions } from '#player';

export interface PlayingOptions extends Pick<PlayerOptions, 'traces' | 'inclusions'> {
  readonly watchOnly: boolean;
  readonly log: Logger;
  readonly monitoring: Monitoring;
  /** Games that are no reason for an alarm. */
  readonly isHarmless?: (game: OwnGame) => boolean;
}

/** The player of an account's disputes on a chain, counted, logged and with its alarm. */
export async function openPlayer(chain: Chain, { traces, inclusions, watchOnly, log, monitoring, isHarmless = () => false }: PlayingOptions): Promise<Player> {
  const games = gamesOn(chain);
  const { payoutDelay } = await chain.disputes.parameters();
  const player = createPlayer({
    account: chain.account!,
    feed: games.feed,
    chain: games.view,
    sender: games.sender,
    traces,
    ...(inclusions ? { inclusions } : {}),
    payoutDelay,
    fromBlock: BigInt(chain.deployment.deployedBlock),
    watchOnly,
    report: countReports(monitoring.registry, reportTo(log)),
    millis: () => performance.now(),
  });
  watchGames(monitoring.registry, player);
  const alarming = { games: () => player.games().filter((game) => !isHarmless(game)) };
  monitoring.check('disputes', () => disputeAlarm(alarming, { watchOnly, now: () => BigInt(Math.floor(systemClock.now() / 1000)) }));
  return player;
}
