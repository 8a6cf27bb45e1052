import { Counter, Gauge, type Registry } from '#platform';
import type { Verdict } from './verdict.js';

export interface ChallengerMetrics extends EarningMetrics {
  checked(verdict: Verdict['kind']): void;
  seated(seated: boolean): void;
}

export interface EarningMetrics {
  evidence(step: 'committed' | 'revealed' | 'paid' | 'accused'): void;
}

export function challengerMetrics(registry: Registry): ChallengerMetrics {
  const checks = new Counter({ name: 'assay_challenger_checks_total', help: 'Claims run again, by verdict', labelNames: ['verdict'], registers: [registry] });
  const evidence = new Counter({ name: 'assay_challenger_evidence_total', help: 'Batches whose paid checks were committed to, revealed or paid, and checkers accused of false evidence', labelNames: ['step'], registers: [registry] });
  const seat = new Gauge({ name: 'assay_challenger_seat', help: '1 while this challenger has a seat for paid checks', registers: [registry] });
  return { checked: (verdict) => checks.inc({ verdict }), evidence: (step) => evidence.inc({ step }), seated: (seated) => seat.set(Number(seated)) };
}
