// The device that the GPU's cases are measured on.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { InferenceSession, runtimeInfo, useProvider } from 'onlite';

import { modelPath } from '../models/models.mjs';
import { Skip } from './skip.mjs';

/** What tells Vulkan of SwiftShader, a device made of the processor; of Debian's chromium-common. */
const swiftShader = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Why a provider cannot be used; undefined if it can. */
async function whyNot(provider) {
  try {
    const session = await InferenceSession.create(modelPath('add.onnx'), {
      executionProviders: [provider],
    });
    await session.release();
    return undefined;
  } catch (error) {
    return error.cause?.message ?? error.message;
  }
}

/** Where the raw programs find the libraries that come with an installed CUDA. */
function tellRawPrograms() {
  const { path } = runtimeInfo().runtimes.onnxruntime;
  const root = join(dirname(path), '..', '..', 'nvidia');
  const folders = [join(root, 'cu13', 'lib'), join(root, 'cudnn', 'lib')].filter(existsSync);
  const before = process.env.LD_LIBRARY_PATH;
  process.env.LD_LIBRARY_PATH = [...folders, ...(before ? [before] : [])].join(':');
}

/**
 * The first of 'cuda' and 'webgpu' that can be used, with what to call its device. CUDA by
 * `onlite install cuda` is taken where it is installed.
 *
 * @throws Skip with the reasons if there is none.
 */
export async function findDevice() {
  // Before anything else, as it brings an ONNX Runtime of its own.
  await useProvider('cuda').then(tellRawPrograms, () => {});
  const hasGpu = existsSync('/dev/dri') || existsSync('/dev/nvidiactl');
  const isSoftware = !hasGpu && existsSync(swiftShader);
  if (isSoftware) process.env.VK_ICD_FILENAMES ??= swiftShader;
  const reasons = [];
  for (const provider of ['cuda', 'webgpu']) {
    const reason = await whyNot(provider);
    if (reason !== undefined) {
      reasons.push(`${provider}: ${reason}`);
      continue;
    }
    const device = provider === 'webgpu' && isSoftware ? 'webgpu on SwiftShader' : provider;
    return { provider, device, isSoftware: provider === 'webgpu' && isSoftware };
  }
  throw new Skip(`no GPU can be used (${reasons.join('; ')})`);
}
