import { InferenceSession } from '../../engine/session/session';
import type { Engine, LibraryCandidate } from '../../engine/addon/native';
import {
  loadLibrary,
  runtimeInfo,
  type RuntimeDescription,
  type RuntimeInfo,
} from '../../engine/runtime/runtime-info';
import { installedProvider, useProvider } from '../../engine/runtime/installed-providers';
import { configureRuntimes } from '../../engine/runtime/runtime-locations';

/** What is to be tried; without a library the addon alone. */
export interface ProbeRequest {
  readonly engine?: Engine;
  readonly library?: LibraryCandidate;
  /** An execution provider of the library, which may have a library of its own. */
  readonly provider?: string;
  /** An execution provider that `onlite install` has brought, with what it is used by. */
  readonly installed?: string;
}

export interface ProbeReport {
  readonly addon?: RuntimeInfo;
  readonly runtime?: RuntimeDescription;
  /** The messages of the error and of its causes. */
  readonly failed?: readonly string[];
}

/** y = x, one float. */
const identity = Buffer.from(
  'CAg6NwoQCgF4EgF5IghJZGVudGl0eRIBZ1oPCgF4EgoKCAgBEgQKAggBYg8KAXkSCgoICAESBAoCCAFCAhAN',
  'base64',
);

/** The messages of an error and of its causes. */
export function messagesOf(error: unknown): string[] {
  const messages: string[] = [];
  // A chain that refers to itself must end.
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; depth++) {
    const { code } = cause as NodeJS.ErrnoException;
    const isNews = !messages.some((message) => message.includes((cause as Error).message));
    if (isNews) messages.push(cause.message);
    if (code === 'ERR_DLOPEN_DISABLED') messages.push(code);
    cause = cause.cause;
  }
  return messages.length > 0 ? messages : [String(error)];
}

async function createWith(provider: string): Promise<void> {
  const session = await InferenceSession.create(identity, { executionProviders: [provider] });
  await session.release();
}

/** What `useProvider` does, and whether a session can be created then. */
async function probeInstalled(name: string): Promise<ProbeReport> {
  await useProvider(name);
  // A plugin is asked for by a name of its own, and has its devices listed where it finds any.
  if (installedProvider(name)?.kind === 'runtime') await createWith(name);
  return { runtime: runtimeInfo().runtimes.onnxruntime };
}

/** Tries it in this process, which a broken library may end. */
export async function probe(request: ProbeRequest): Promise<ProbeReport> {
  const { engine, library, provider, installed } = request;
  try {
    if (installed !== undefined) return await probeInstalled(installed);
    if (engine === undefined || library === undefined) return { addon: runtimeInfo() };
    if (provider === undefined) return { runtime: loadLibrary(engine, library) };
    configureRuntimes({ [engine]: library[0] });
    await createWith(provider);
    return {};
  } catch (error) {
    return { failed: messagesOf(error) };
  }
}
