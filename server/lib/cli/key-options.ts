import { modelKeyAt } from 'onlite/security';

import { UsageError } from './usage-error';

/** Where the key of encrypted models is, as for `onlite encrypt`. */
export const keyOptions = {
  'key-file': { type: 'string' },
  'key-env': { type: 'string' },
  'key-command': { type: 'string' },
} as const;

type KeyValues = { readonly [Name in keyof typeof keyOptions]?: string | undefined };

/**
 * What gives the key when a model is loaded, so that another one can be put in its place while the server
 * runs; undefined where no option says where it is.
 *
 * @throws UsageError where several do
 */
export function decryptOption(values: KeyValues): ReturnType<typeof modelKeyAt> | undefined {
  const { 'key-file': file, 'key-env': env, 'key-command': command } = values;
  const place = {
    ...(file !== undefined && { file }),
    ...(env !== undefined && { env }),
    ...(command !== undefined && { command }),
  };
  const given = Object.keys(place).length;
  if (given > 1) throw new UsageError('expected one of --key-file, --key-env, --key-command');
  return given === 0 ? undefined : modelKeyAt(place, '--key-');
}
