import { expect, it } from 'vitest';
import { Registry } from '#platform';
import { watchCoordinator } from './metrics.js';

it('while the database does not answer, the figures that it does not need are there', async () => {
  let isAway = false;
  const registry = new Registry();
  const jobs = () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve({ answered: { count: 3, oldest: new Date(5_000) } }));
  watchCoordinator(registry, { roles: [{ name: 'batching', isHeld: true }], jobs, present: () => 2, now: () => 7_000 });
  const samples = async () => (await registry.metrics()).split('\n').filter((line) => line && !line.startsWith('#'));
  const always = ['assay_role_held{role="batching"} 1', 'assay_peers{role="executor"} 2', 'assay_peers{role="challenger"} 2'];
  const ofJobs = ['assay_jobs{state="answered"} 3', 'assay_jobs_oldest_seconds{state="answered"} 2'];
  expect(new Set(await samples())).toEqual(new Set([...always, ...ofJobs]));
  isAway = true;
  expect(new Set(await samples())).toEqual(new Set(always));
  isAway = false;
  expect(new Set(await samples())).toEqual(new Set([...always, ...ofJobs]));
});
