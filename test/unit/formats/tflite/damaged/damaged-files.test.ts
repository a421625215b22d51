import { testDamagedFiles } from '../../damaged-files';

testDamagedFiles('TensorFlow Lite', {
  extension: '.tflite',
  script: 'tflite/damaged/child.ts',
  leastRead: 1 / 8,
});
