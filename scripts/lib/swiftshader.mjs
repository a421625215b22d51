import { existsSync } from 'node:fs';

/** What tells Vulkan of SwiftShader, a device made of the processor; of Debian's chromium-common. */
const description = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Whether Linux has a GPU's driver here. */
export const hasGpu = () => existsSync('/dev/dri') || existsSync('/dev/nvidiactl');

/**
 * Has Vulkan, and so WebGPU, use SwiftShader if it is here, unless the environment chooses a device.
 *
 * @returns whether it is here
 */
export function useSwiftShader() {
  const isHere = existsSync(description);
  if (isHere) process.env.VK_ICD_FILENAMES ??= description;
  return isHere;
}
