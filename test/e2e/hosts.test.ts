import { expect, it } from 'vitest';
import { runTrial, wrongs } from '../hosts/trial.js';
import { noHosts } from '../hosts/wire.js';

const SEED = 20261121;

it('three hosts, links cut, a broker and a coordinator killed: no job is lost and none is paid twice', async (context) => {
  const reason = noHosts();
  if (reason) return context.skip(`no hosts can be made here: ${reason}`);
  const outcome = await runTrial({ seed: SEED, rounds: 1, longestMs: 4_000, say: (line) => console.log(line) });
  expect(wrongs(outcome), JSON.stringify(outcome.lost)).toEqual([]);
  expect(outcome.faults).toHaveLength(4);
}, 600_000);
