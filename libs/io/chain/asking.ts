import { keccak256, stringToBytes } from 'viem';

/** Where an endpoint is. */
export interface Place {
  /** What errors and logs may say. */
  readonly shown: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * SAFETY: a provider's URL holds the key it is paid for by, in its path, its query or before its host; of those only a mark is shown, which
 * tells one from another.
 */
export function placeOf(given: string): Place {
  const url = new URL(given);
  const { username, password, pathname, search } = url;
  const isBare = username === '' && search === '' && pathname === '/';
  const shown = isBare ? given : `${url.origin}/#${keccak256(stringToBytes(given)).slice(2, 10)}`;
  [url.username, url.password] = ['', ''];
  // WHY not a Buffer: pages have none.
  const word = btoa(String.fromCharCode(...stringToBytes(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`)));
  return { shown, url: url.href, headers: username === '' ? {} : { authorization: `Basic ${word}` } };
}

/** Of what an endpoint says besides answers, so much is read. */
const MAX_COMPLAINT = 64 * 1024;
const TOO_MANY_REQUESTS = 429;

/**
 * fetch for viem, to the place and not to what is shown of it. Providers answer a whole batch with one error, under any status; said to each of
 * its calls, viem understands it. A limit of calls stays an HTTP error, with its Retry-After.
 */
export function askedOf({ url, headers }: Place): typeof fetch {
  return async (_, init = {}) => {
    const response = await fetch(url, { ...init, headers: { ...(init.headers as Record<string, string>), ...headers } });
    if (response.ok) return response;
    const text = await complaintOf(response);
    const error = errorIn(text);
    const { status, statusText } = response;
    if (!error || status === TOO_MANY_REQUESTS) return new Response(JSON.stringify({ error: error?.message ?? text }), { status, statusText, headers: response.headers });
    const calls = [JSON.parse(String(init.body)) as { id: number } | { id: number }[]].flat();
    return new Response(JSON.stringify(calls.map(({ id }) => ({ jsonrpc: '2.0', id, error }))), { headers: { 'content-type': 'application/json' } });
  };
}

async function complaintOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > MAX_COMPLAINT) break;
  }
  return text.slice(0, MAX_COMPLAINT);
}

function errorIn(text: string): { readonly code: number; readonly message: string } | undefined {
  try {
    const [said] = [JSON.parse(text) as { error?: { code?: unknown; message?: unknown } }].flat();
    const { code, message } = said?.error ?? {};
    return typeof code === 'number' && typeof message === 'string' ? { code, message } : undefined;
  } catch {
    return undefined;
  }
}
