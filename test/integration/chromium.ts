import { existsSync } from 'node:fs';
import path from 'node:path';

/** The first browser of Chromium's family that is installed. */
export function findBrowser(): string | undefined {
  const given = process.env['ONLITE_CHROMIUM'];
  if (given !== undefined) return given;
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const folders = (process.env['PATH'] ?? '').split(path.delimiter);
  return folders
    .flatMap((folder) => names.map((name) => path.join(folder, name)))
    .find((file) => existsSync(file));
}

/** What to do about it if there is none. */
export const browserRemedy =
  'no Chromium: install it (Debian: apt-get install chromium) or set ONLITE_CHROMIUM';
