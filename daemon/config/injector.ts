/** The token of the role `injector`: who sends it may fail calls on purpose. */
import { Secret } from '../../sdk/plugin/config.ts';
import { type Finding, isMapping, type Mapping } from './finding.ts';
import { resolveSecrets, type SecretSources } from './secrets.ts';

/** Shorter ones are guessed, and stand in every other text by chance. */
const tokenCharsMin = 16;

/** It travels in a header. */
const sendable = /^[!-~][ -~]*[!-~]$/;

export const injectorOf = (
  root: Mapping,
  from: SecretSources,
): { readonly token?: Secret; readonly findings: readonly Finding[] } => {
  if (!isMapping(root.injector)) return { findings: [] };
  const { config, findings } = resolveSecrets(root.injector, 'injector', from);
  if (findings.length > 0) return { findings };
  const { token } = config;
  if (typeof token === 'string' && token.length >= tokenCharsMin && sendable.test(token)) {
    return { token: new Secret(token), findings };
  }
  const message =
    `the token has fewer than ${tokenCharsMin} characters, is no text, or has characters that a ` +
    'call cannot carry';
  const expected = '{ env: NAME } or { file: PATH } that holds a long random text of ASCII';
  return { findings: [{ path: 'injector.token', message, expected }] };
};
