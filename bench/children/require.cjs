// Prints how long require('onlite') took and which runtime libraries it opened.
const start = performance.now();
require('onlite');
const requireMs = performance.now() - start;
let opened = [];
if (process.platform === 'linux') {
  const maps = require('node:fs').readFileSync('/proc/self/maps', 'utf8');
  opened = [...new Set(maps.match(/\/\S*(onnxruntime|tensorflowlite)\S*\.so\S*/g))];
}
console.log(JSON.stringify({ requireMs, opened }));
