/**
 * Many games at once: hostile challengers, each with a bond, against one honest executor; lying executors, each with a
 * stake, against one honest challenger. The honest side is the ordinary process, the attackers share one. Real broker, real
 * contracts on anvil, MNIST. Time is skipped only while every game waits for an attacker that has fallen silent.
 *
 *   npm run bench:siege [-- --json] [-- --games 300] [-- --seed S] [-- --gas-price-gwei 5] [-- --tokens-per-ether 3000]
 *
 * The ratio, its formula in test/recourse/siege.ts and ADR 42: what the attackers lost over what the honest side paid, its
 * reimbursement left out. Bond and penalty are LIVE_PARAMETERS'. Exits with 1 if a game is lost or a ratio is below 6.5.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { besiegeChallenger, besiegeExecutor, costRatio, type Prices, type SiegeResult } from '../test/recourse/siege.js';

const TARGET = 6.5;

function rowOf(result: SiegeResult, prices: Prices) {
  const { honestGas, attackersGas, forfeited, ...rest } = result;
  const tokens = (gas: bigint) => Math.round((Number(gas * prices.gasPrice) / 1e18) * prices.tokensPerEther * 100) / 100;
  const honestCost = tokens(honestGas);
  return {
    ...rest,
    seconds: Math.round(rest.seconds),
    cpuSeconds: Math.round(rest.cpuSeconds),
    honestGas: Number(honestGas),
    honestGasPerGame: Math.round(Number(honestGas) / rest.games),
    attackersGas: Number(attackersGas),
    forfeitedTokens: Number(forfeited) / 1e18,
    honestCostTokens: honestCost,
    attackersCostTokens: Number(forfeited) / 1e18 + tokens(attackersGas),
    ratio: Math.round(costRatio(result, prices) * 100) / 100,
    /** Gas price up to which the ratio is at least the target, with these bonds and penalties. */
    holdsUpToGwei: Math.round((Number(forfeited) / prices.tokensPerEther / (TARGET * Number(honestGas) - Number(attackersGas)) / 1e9) * 100) / 100,
  };
}

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    games: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
    'gas-price-gwei': { type: 'string', default: '5' },
    'tokens-per-ether': { type: 'string', default: '3000' },
  },
});
const prices: Prices = { gasPrice: BigInt(Math.round(Number(values['gas-price-gwei']) * 1e9)), tokensPerEther: Number(values['tokens-per-ether']) };
const rows = [];
for (const besiege of [besiegeExecutor, besiegeChallenger]) {
  const row = rowOf(await besiege(Number(values.games), Number(values.seed)), prices);
  rows.push(row);
  if (!values.json) console.log(`${row.games} hostile ${row.attack}, seed ${values.seed}, ${values['gas-price-gwei']} gwei, ${values['tokens-per-ether']} tokens an ether\n${Object.entries(row).map(([name, value]) => `  ${name.padEnd(20)} ${value}`).join('\n')}`);
}
if (values.json) console.log(JSON.stringify({ machine: cpus()[0]?.model, cores: cpus().length, node: process.version, seed: Number(values.seed), gasPriceGwei: Number(values['gas-price-gwei']), tokensPerEther: prices.tokensPerEther, rows }, null, 2));
if (rows.some((row) => row.wonByHonest < row.games || row.ratio < TARGET)) process.exitCode = 1;
