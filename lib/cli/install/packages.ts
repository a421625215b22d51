import type { InstalledProvider } from '../../engine/runtime/installed-providers';

/** A package of the Python Package Index, of which one file is wanted. */
export interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  /** Of the file. */
  readonly sha256: string;
  readonly bytes: number;
}

/** A provider's packages for one platform. */
export interface Distribution extends Pick<
  InstalledProvider,
  'kind' | 'version' | 'library' | 'dependencies'
> {
  readonly packages: readonly PinnedPackage[];
}

const plugin = (
  name: string,
  version: string,
  library: string,
  sha256: string,
  bytes: number,
): Distribution => ({
  kind: 'plugin',
  version,
  library: `${name.replaceAll('-', '_')}/${library}`,
  dependencies: [],
  packages: [{ name, version, sha256, bytes }],
});

const webgpu = (library: string, sha256: string, bytes: number): Distribution =>
  plugin('onnxruntime-ep-webgpu', '0.4.0', library, sha256, bytes);

const openvino = (library: string, sha256: string, bytes: number): Distribution =>
  plugin('onnxruntime-ep-openvino', '1.8.1', library, sha256, bytes);

const cuda: Distribution = {
  kind: 'runtime',
  version: '1.31.1',
  library: 'onnxruntime/capi/libonnxruntime.so.1.31.1',
  // What libonnxruntime_providers_cuda.so needs and would not find; each after what it needs itself.
  dependencies: [
    'nvidia/cu13/lib/libcudart.so.13',
    'nvidia/cu13/lib/libnvrtc.so.13',
    'nvidia/cu13/lib/libcublasLt.so.13',
    'nvidia/cu13/lib/libcublas.so.13',
    'nvidia/cu13/lib/libcurand.so.10',
    'nvidia/cu13/lib/libnvJitLink.so.13',
    'nvidia/cu13/lib/libcufft.so.12',
    'nvidia/cudnn/lib/libcudnn.so.9',
  ],
  packages: [
    {
      name: 'onnxruntime-gpu',
      version: '1.31.1',
      sha256: '05d548956197b9d01f59b625de740e0d6be3593f874e241a12dc0362650ecdf7',
      bytes: 255_569_273,
    },
    {
      name: 'nvidia-cuda-runtime',
      version: '13.5.37',
      sha256: 'df2b79a8852f10d1fef8c848489c49eebb5754051bf870202a862831412b179d',
      bytes: 2_504_024,
    },
    {
      name: 'nvidia-cuda-nvrtc',
      version: '13.5.37',
      sha256: '86b4d68058807988b7d9af5b44917a0601e9c337f35ccd657bfb3c759ff8d8bc',
      bytes: 58_185_930,
    },
    {
      name: 'nvidia-cublas',
      version: '13.10.0.20',
      sha256: 'dcc6d63884c53d07e267ce7e6feac17b2538cebaafec5db865736c3e28e4dc84',
      bytes: 444_289_903,
    },
    {
      name: 'nvidia-curand',
      version: '10.4.5.25',
      sha256: '22bb226a857e5888fe6b54ae465fc4371296bcff13a35f79e19691bcf454f529',
      bytes: 77_113_015,
    },
    {
      name: 'nvidia-nvjitlink',
      version: '13.5.37',
      sha256: '280d7cb9649704145f074b8dbde500de04ce02d0872e066e20a83c17bcaa93eb',
      bytes: 46_642_491,
    },
    {
      name: 'nvidia-cufft',
      version: '12.5.0.14',
      sha256: 'b8be26837a5abad2b5b74f3e92dd29f622a42934b355be0961a48712cbba23ad',
      bytes: 165_072_555,
    },
    {
      name: 'nvidia-cudnn-cu13',
      version: '9.28.1.4',
      sha256: 'a54f205b1db1f2895d99f398754db1369816f0569dd459731f925635cf7b65ec',
      bytes: 516_817_937,
    },
  ],
};

/** By provider and platform. The versions go together, and with the ONNX Runtime that comes with onlite. */
export const distributions: Readonly<Record<string, Readonly<Record<string, Distribution>>>> = {
  webgpu: {
    'linux-x64': webgpu(
      'libonnxruntime_providers_webgpu.so',
      '5d8c961eda91a88961cad1fb7621f389f006b18497d6ea9ecf96f729f066cbfb',
      6_892_120,
    ),
    'linux-arm64': webgpu(
      'libonnxruntime_providers_webgpu.so',
      '17f660db53b1a509c63e721ac6784a2daa1c4e91a968523ee9986505ee5b0a55',
      6_096_222,
    ),
    'darwin-arm64': webgpu(
      'libonnxruntime_providers_webgpu.dylib',
      '8d0a91d44b43d931c3068b9134aed9770f27803e353c2b58c93e1700bb68bcca',
      5_200_679,
    ),
    'win32-x64': webgpu(
      'onnxruntime_providers_webgpu.dll',
      '7db646669d1a2390551da675115ea125e68cb3d4d2c3a2d6e463372bf8d6ea87',
      13_149_847,
    ),
    'win32-arm64': webgpu(
      'onnxruntime_providers_webgpu.dll',
      'a9586f6744370776059edd794c11bca2f563258a5bd2707864aefff31d3af39f',
      14_194_630,
    ),
  },
  openvino: {
    'linux-x64': openvino(
      'libonnxruntime_providers_openvino_plugin.so',
      '3832643158c8c187fcab6db661cde2a8c06a2b3559d95d0f2411ac0e51c5e924',
      52_587_628,
    ),
    'win32-x64': openvino(
      'onnxruntime_providers_openvino_plugin.dll',
      '1acd878be173b02bb8b953460f2f59b121e5f6e47ebc6aad490c0590cf6718fb',
      75_824_318,
    ),
  },
  cuda: { 'linux-x64': cuda },
};

/** What pip calls a platform: the names that the files of its packages may carry. */
export const pipPlatforms: Readonly<Record<string, readonly string[]>> = {
  'linux-x64': ['manylinux_2_28_x86_64', 'manylinux_2_27_x86_64', 'manylinux2014_x86_64'],
  'linux-arm64': ['manylinux_2_28_aarch64'],
  'darwin-arm64': ['macosx_14_0_universal2'],
  'win32-x64': ['win_amd64'],
  'win32-arm64': ['win_arm64'],
};
