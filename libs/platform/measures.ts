import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { VERSION } from './version.js';

/** Told of every call that was answered or refused. */
export interface CallMetrics {
  /** @param result 'answered' or the error's code */
  finished(result: string, ms: number): void;
}

/** Counts calls by result and measures how long they take; `name` in the singular: assay_submission. */
export function callMetrics(registry: Registry, { name, what }: { readonly name: string; readonly what: string }): CallMetrics {
  const calls = new Counter({ name: `${name}s_total`, help: `${what}, by result`, labelNames: ['result'], registers: [registry] });
  const seconds = new Histogram({ name: `${name}_seconds`, help: 'Time from call to answer, also where the answer is a refusal', buckets: [0.01, 0.05, 0.2, 1, 5, 20, 60], registers: [registry] });
  return {
    finished: (result, ms) => {
      calls.inc({ result });
      seconds.observe(ms / 1000);
    },
  };
}

/** Runs a call and counts it under its result; `codeOf` names what was thrown. */
export async function measured<T>(metrics: CallMetrics, call: () => Promise<T>, codeOf: (error: unknown) => string): Promise<T> {
  const started = performance.now();
  try {
    const result = await call();
    metrics.finished('answered', performance.now() - started);
    return result;
  } catch (error) {
    metrics.finished(codeOf(error), performance.now() - started);
    throw error;
  }
}

const WEI_PER_ETHER = 1e18;

/** What the account can still pay for transactions. While nobody knows, the gauge says nothing new. */
export function watchEther(registry: Registry, balance: () => Promise<bigint>): void {
  new Gauge({
    name: 'assay_account_ether',
    help: 'Ether of this process’s account, which pays its transactions',
    registers: [registry],
    async collect() {
      await balance().then((wei) => this.set(Number(wei) / WEI_PER_ETHER), () => undefined);
    },
  });
}

/** How many disputes an account can pay the bonds of. While nobody knows, the gauge says nothing new. */
export function watchBonds(registry: Registry, affordable: () => Promise<bigint>): void {
  new Gauge({
    name: 'assay_challenger_affordable_disputes',
    help: 'Disputes whose bonds this challenger’s balance in the vault pays',
    registers: [registry],
    async collect() {
      await affordable().then((count) => this.set(Number(count)), () => undefined);
    },
  });
}

export function buildInfo(registry: Registry): void {
  new Gauge({ name: 'assay_build_info', help: 'Always 1; says the version', labelNames: ['version'], registers: [registry] }).set({ version: VERSION }, 1);
}
