import { z } from 'zod';
import { AssayError } from '#core/protocol';
import { unlocked } from './keystore.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Attaches the example that a faulty value's report shows. Apply last, after optional() or default(). */
export function variable<T extends z.ZodType>(schema: T, example: string): T {
  return schema.meta({ ...schema.meta(), example });
}

interface Fault {
  readonly variable: string;
  readonly problem: string;
  readonly example: string;
}

/**
 * Reads a process's configuration: one schema, every fault reported at once.
 * An empty string counts as not set, as shells and unit files can hardly unset a variable.
 * @throws AssayError CONFIG_INVALID whose facts name each variable with its problem and an example
 */
export function readConfig<S extends z.ZodObject>(schema: S, env: Environment): z.infer<S> {
  const opened = 'ASSAY_PRIVATE_KEY' in schema.shape ? unlocked(env) : env;
  const given = Object.fromEntries(Object.keys(schema.shape).map((name) => [name, opened[name] === '' ? undefined : opened[name]]));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => faultOf(schema, issue, given));
  throw new AssayError({
    code: 'CONFIG_INVALID',
    message: `${faults.length} ${faults.length === 1 ? 'variable' : 'variables'} of the environment cannot be used`,
    facts: Object.fromEntries(faults.map((f) => [f.variable, `${f.problem}; for example ${f.variable}=${f.example}`])),
  });
}

function faultOf(schema: z.ZodObject, issue: z.core.$ZodIssue, given: Environment): Fault {
  const name = String(issue.path[0] ?? '');
  const meta = (schema.shape[name] as z.ZodType | undefined)?.meta();
  const problem = given[name] === undefined && issue.code !== 'custom' ? 'is not set' : issue.message;
  return { variable: name || 'environment', problem, example: typeof meta?.['example'] === 'string' ? meta['example'] : '…' };
}
