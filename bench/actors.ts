/**
 * Every hostile actor against an honest player on the real contracts: the long form of test/simulation/real-actors.test.ts.
 *
 *   npm run test:actors -- --seed S --rounds 5 [mnist squeezenet …]
 *
 * A round is one game of each actor on each model. Exits with 1, and names the seed of the one game to play again, if an honest side
 * loses, is refused a move, or anybody is not paid what the protocol says.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts';
import { createTestClient, http } from 'viem';
import { connectChain } from '#io/chain';
import { seededRandom } from '#testing';
import { startArena } from '../test/simulation/arena.js';
import { meet, REAL_ACTORS } from '../test/simulation/real-actors.js';
import { MODEL_NAMES, openModel } from '../test/simulation/real-models.js';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { seed: { type: 'string' }, rounds: { type: 'string', default: '2' } } });
const first = Number(values.seed ?? Math.floor(Math.random() * 1e9));
const models = MODEL_NAMES.filter((name) => positionals.length === 0 || positionals.includes(name));
const arena = await startArena(join(mkdtempSync(join(tmpdir(), 'assay-actors-')), 'anvil.log'));
const [games, chances] = [new Map<string, number>(), new Map<string, number>()];
try {
  await arena.holdStill();
  const privateKey = generatePrivateKey();
  await createTestClient({ mode: 'anvil', transport: http(arena.anvil.rpcUrl) }).setBalance({ address: privateKeyToAddress(privateKey), value: 10n ** 20n });
  const stranger = await connectChain({ rpcUrl: arena.anvil.rpcUrl, deployment: arena.executor.deployment, privateKey });
  for (const model of models) {
    const session = await openModel(model);
    for (let seed = first; seed < first + Number(values.rounds); seed++) {
      for (const name of Object.keys(REAL_ACTORS)) {
        const result = await meet(name, { arena, session, random: seededRandom(seed), stranger }).catch((cause: unknown) => {
          throw new Error(`--seed ${seed} --rounds 1 ${model}, ${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
        });
        (result ? games : chances).set(name, ((result ? games : chances).get(name) ?? 0) + 1);
      }
    }
    await session.close();
    console.log(`${model}: done`);
  }
  for (const name of Object.keys(REAL_ACTORS)) console.log(`  ${String(games.get(name) ?? 0).padStart(4)} games, ${chances.get(name) ?? 0} without a chance: ${name}`);
  console.log(`seed ${first}: ${[...games.values()].reduce((a, b) => a + b, 0)} games against ${games.size} hostile actors, every honest side won and was paid`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await arena.stop();
}
