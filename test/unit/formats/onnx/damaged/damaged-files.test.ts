import { testDamagedFiles } from '../../damaged-files';

testDamagedFiles('ONNX', {
  extension: '.onnx',
  script: 'onnx/damaged/child.ts',
  leastRead: 1 / 4,
});
