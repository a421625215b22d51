import { SetupError } from './errors.mjs';

const MAX_PATH_LENGTH = 1024;
const WINDOWS_DEVICE = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i;

/**
 * Returns `name` when it is a plain relative path with forward slashes that means the same inside
 * a folder on every platform, and to a tar that knows options and patterns; throws SetupError
 * otherwise. A trailing slash (directory entry) and a leading `./` are removed.
 */
export function safeEntryPath(name) {
  const refuse = (why) => {
    throw new SetupError(`unsafe path: ${JSON.stringify(name)} (${why})`);
  };
  if (name.length > MAX_PATH_LENGTH) refuse(`longer than ${MAX_PATH_LENGTH} characters`);
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(name)) refuse('control character');
  if (name.includes('\\')) refuse('backslash');
  if (name.includes(':')) refuse('colon: a drive letter or a stream');
  if (/[*?[\]]/.test(name)) refuse('a pattern');
  if (name.startsWith('/')) refuse('absolute');
  if (/^[-@]/.test(name)) refuse('an option');
  const path = name.replace(/^(\.\/)+/, '').replace(/\/$/, '');
  if (path === '') refuse('empty');
  for (const segment of path.split('/')) {
    if (segment === '') refuse('empty segment');
    if (segment === '.' || segment === '..') refuse('dot segment');
    if (/[. ]$/.test(segment)) refuse('segment ends with a dot or a space');
    if (WINDOWS_DEVICE.test(segment)) refuse('device name');
  }
  return path;
}
