// Builds the addon in an installed package: npm explore onlite -- npm run build. Node-gyp, which npm
// brings, needs a C++20 compiler and Python; the loader prefers the result to the prebuilt addon.
const { spawnSync } = require('node:child_process');
const { copyFileSync, existsSync, mkdirSync } = require('node:fs');
const { dirname, join } = require('node:path');

const { npm_config_node_gyp: given, npm_execpath: npm } = process.env;
const besideNpm = npm && join(dirname(npm), '../node_modules/node-gyp/bin/node-gyp.js');
const script = [given, besideNpm].find((file) => file && existsSync(file));
if (script === undefined) {
  console.error('node-gyp was not found: run this as npm explore onlite -- npm run build');
  process.exit(1);
}
const { status } = spawnSync(process.execPath, [script, 'rebuild', '--release', '--jobs=max'], {
  cwd: __dirname,
  stdio: 'inherit',
  // Where binding.gyp finds node-addon-api.
  env: { ...process.env, NODE_PATH: join(__dirname, 'vendor') },
});
if (status !== 0) process.exit(status ?? 1);
const target = join(__dirname, '../build/Release');
mkdirSync(target, { recursive: true });
copyFileSync(join(__dirname, 'build/Release/onlite.node'), join(target, 'onlite.node'));
