import { expect, it } from 'vitest';
import { AssayError } from '#core/protocol';
import { ERROR_KEY } from './call-error.js';
import { toStatus } from './status.js';

it.each([
  ['plain', 'x'],
  ['of three bytes a character', 'ﷺ'],
  ['of pairs, cut in the middle of one', '😀'],
])('a failed call fits into the trailers however long the text is that it was about: %s', (_, character) => {
  const { details, metadata } = toStatus(new AssayError({ code: 'MODEL_UNKNOWN', message: `there is no model ${character.repeat(1_000_000)}`, facts: { name: character.repeat(1_000_000) } }));
  const sent = encodeURI(details!).length + Math.ceil((metadata!.get(ERROR_KEY)[0] as Buffer).length / 3) * 4;
  expect(details).toMatch(/^MODEL_UNKNOWN: there is no model /);
  expect(sent).toBeLessThan(16 * 1024);
});
