import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import type { Root } from '#core/hashing';
import { JobFeed } from './job-feed.js';

const JOB: Root = `0x${'ab'.repeat(32)}`;

it('a wait ends when any of its signals aborts, at once if one has, and leaves nothing at the one that lives on', async () => {
  const feed = new JobFeed();
  const [stopping, gone] = [new AbortController(), new AbortController()];
  const how = { isGood: () => true, ms: 600_000, signals: [gone.signal, stopping.signal] };
  const wait = feed.reached(JOB, how);
  expect(getEventListeners(stopping.signal, 'abort')).toHaveLength(1);
  gone.abort();
  expect(await wait.done).toBe(false);
  expect(await feed.reached(JOB, how).done).toBe(false);
  expect(getEventListeners(stopping.signal, 'abort')).toEqual([]);
});
