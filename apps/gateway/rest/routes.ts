/** A call of the REST form. */
export type Route =
  | { readonly kind: 'live' | 'ready' | 'server' | 'index' | 'all-statistics' }
  | { readonly kind: 'metadata' | 'model-ready' | 'infer' | 'config' | 'statistics'; readonly model: string; readonly version: string };

const FIXED: Readonly<Record<string, Route['kind']>> = {
  'GET /v2': 'server',
  'GET /v2/health/live': 'live',
  'GET /v2/health/ready': 'ready',
  'GET /v2/models/stats': 'all-statistics',
  'POST /v2/repository/index': 'index',
};
const OF_MODEL: Readonly<Record<string, Route['kind']>> = { 'GET ': 'metadata', 'GET ready': 'model-ready', 'POST infer': 'infer', 'GET config': 'config', 'GET stats': 'statistics' };

export interface Found {
  readonly route?: Route;
  /** The path is one of ours, the method is not. */
  readonly otherMethod: boolean;
}

/** WHY by hand: model names have slashes, and clients send them as they are. */
export function findRoute(method: string, path: string): Found {
  const plain = path.length > 1 ? path.replace(/\/$/, '') : path;
  const fixed = FIXED[`${method} ${plain}`];
  if (fixed) return { route: { kind: fixed } as Route, otherMethod: false };
  const [, name, version = '', action = ''] = /^\/v2\/models\/(.+?)(?:\/versions\/([^/]+))?(?:\/(infer|ready|config|stats))?$/.exec(plain) ?? [];
  const names = name === undefined ? undefined : decoded(name, version);
  const kind = OF_MODEL[`${method} ${action}`];
  if (names && kind) return { route: { kind, ...names } as Route, otherMethod: false };
  const isKnown = names !== undefined || Object.keys(FIXED).some((key) => key.endsWith(` ${plain}`));
  return { otherMethod: isKnown };
}

function decoded(model: string, version: string): { model: string; version: string } | undefined {
  try {
    return { model: decodeURIComponent(model), version: decodeURIComponent(version) };
  } catch {
    return undefined;
  }
}
