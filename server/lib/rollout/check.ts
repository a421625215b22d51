import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { ConfigError, modelSettings, type EffectiveConfig, type Problem } from '../config';
import {
  checkAddress,
  isInRegistry,
  scanModels,
  scanVersions,
  type VersionFolder,
} from '../models';
import { readState } from './state-file';
import { TESTS_FILE, checkTestsFile } from './test-vectors';

/** What is wrong with what a configuration names: folders, models' own configurations, test vectors, state. */
export function checkConfigured({ server, layers }: EffectiveConfig): readonly Problem[] {
  const problems: Problem[] = [];
  const attempt = (file: string, check: () => void) => {
    try {
      check();
    } catch (error) {
      if (error instanceof ConfigError) problems.push(...error.problems);
      else problems.push({ file, path: '', message: messageOf(error) });
    }
  };
  const { stateFile, modelBasePath, modelName, models = {} } = server;
  if (stateFile !== undefined) {
    attempt(stateFile, () => {
      readState(stateFile);
      if (!existsSync(dirname(stateFile))) throw new Error('its folder is not there');
    });
  }
  const checkModel = (name: string, folder: string, versions: readonly VersionFolder[]) => {
    attempt(folder, () => {
      const settings = modelSettings(name, folder, layers);
      for (const { file } of versions) {
        attempt(dirname(file), () => void settings.servingOf(dirname(file)));
      }
    });
    for (const { file } of versions) {
      attempt(join(dirname(file), TESTS_FILE), () => checkTestsFile(dirname(file)));
    }
  };
  if (modelBasePath !== undefined) {
    attempt(modelBasePath, () => {
      if (modelName !== undefined) {
        checkModel(modelName, modelBasePath, scanVersions(modelName, modelBasePath));
        return;
      }
      const found = scanModels(modelBasePath);
      for (const name of new Set(found.map((each) => each.name))) {
        const versions = found.filter((each) => each.name === name);
        checkModel(name, join(modelBasePath, name), versions);
      }
    });
  }
  for (const [name, { path }] of Object.entries(models)) {
    if (path === undefined) continue;
    attempt(path, () => {
      if (isInRegistry(path)) {
        checkAddress(path);
        modelSettings(name, undefined, layers);
      } else if (statSync(path).isDirectory()) checkModel(name, path, scanVersions(name, path));
      else modelSettings(name, undefined, layers).servingOf(dirname(path));
    });
  }
  return problems;
}

/** The settings of all models that a configuration names, as `--print-config` shows them. */
export function describeModels({ server, layers }: EffectiveConfig): Record<string, unknown> {
  const { modelBasePath, modelName, models = {} } = server;
  const described: Record<string, unknown> = {};
  const add = (name: string, folder: string | undefined) => {
    described[name] = modelSettings(name, folder, layers).described;
  };
  if (modelBasePath !== undefined && modelName !== undefined) add(modelName, modelBasePath);
  else if (modelBasePath !== undefined) {
    for (const { name } of scanModels(modelBasePath)) add(name, join(modelBasePath, name));
  }
  for (const [name, { path }] of Object.entries(models)) {
    const isFolder =
      path !== undefined && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
    if (path !== undefined || !Object.hasOwn(described, name)) {
      add(name, isFolder ? path : undefined);
    }
  }
  return described;
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
