import { Counter, type Registry } from '#platform';
import type { Verdict } from './verdict.js';

export interface ChallengerMetrics {
  checked(verdict: Verdict['kind']): void;
}

export function challengerMetrics(registry: Registry): ChallengerMetrics {
  const checks = new Counter({ name: 'assay_challenger_checks_total', help: 'Claims run again, by verdict', labelNames: ['verdict'], registers: [registry] });
  return { checked: (verdict) => checks.inc({ verdict }) };
}
