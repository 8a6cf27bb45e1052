import { PRESENCE_INTERVAL_MS, presenceSchema, subjects, type Presence } from '#core/protocol';
import type { Messaging } from './messaging.js';

/** Publishes what `state` says, now and every PRESENCE_INTERVAL_MS, until stopped. */
export function keepPresent(messaging: Messaging, state: () => Presence): { stop(): void } {
  const publish = () => {
    const presence = state();
    if (messaging.problem() === undefined) messaging.publish(subjects.presence(presence.role, presence.address), presenceSchema, presence);
  };
  publish();
  const timer = setInterval(publish, PRESENCE_INTERVAL_MS);
  return { stop: () => clearInterval(timer) };
}
