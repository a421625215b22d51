const { asarUnpack } = require('onlite/electron');

/** The archive has this folder as electron/ and the pipeline beside it, as in the checkout. */
module.exports = {
  appId: 'dev.onlite.listener',
  productName: 'Listener',
  files: [
    { from: '.', to: 'electron', filter: ['*.mjs', 'preload.cjs', 'renderer/**'] },
    { from: '../wake-word', to: 'wake-word', filter: ['*.mjs', 'recording.wav'] },
    // Sources, which only a build of onlite needs.
    '!**/node_modules/onlite/{lib,native,scripts}/**',
  ],
  extraMetadata: { main: 'electron/main.mjs' },
  extraResources: [{ from: '../../models', to: 'models', filter: ['*.tflite'] }],
  asarUnpack: [...asarUnpack],
  mac: { extendInfo: { NSMicrophoneUsageDescription: 'To listen for the wake word.' } },
};
