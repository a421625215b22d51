import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, join } from 'node:path';

import { statOrNull } from './files.mjs';
import { npmPack, runtimePackage, runtimePlatforms } from './pack.mjs';
import { platforms } from './platforms.mjs';
import { at, packageJson } from './project.mjs';

/**
 * Serves packages on this machine's own address as npm's registry does: those of the archives,
 * with what they depend on as it is in `node_modules`, and of the other platforms' runtime packages the
 * descriptions, because Yarn 1 wants them.
 *
 * @param {{file: string, json: object}[]} archives as npmPack gives them
 * @param {string} folder for archives of the dependencies
 * @returns {Promise<{url: string, requests: string[], close: () => Promise<void>}>} the paths that
 *   were asked for are added to `requests`
 */
export async function serveRegistry(archives, folder) {
  const packages = new Map();
  for (const archive of archives) addArchive(packages, archive);
  for (const { json } of [...packages.values()]) {
    for (const name of Object.keys(json.dependencies ?? {}))
      await addInstalled(packages, name, folder);
  }
  for (const platform of runtimePlatforms) {
    const name = runtimePackage(platform);
    const { os, cpu, libc } = platforms[platform];
    const { version } = packageJson();
    const json = { name, version, os: [os], cpu: [cpu], ...(libc && { libc: [libc] }) };
    if (!packages.has(name)) packages.set(name, { json });
  }
  const requests = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname).slice(1);
    requests.push(path);
    const archive = [...packages.values()].find(
      ({ file }) => file && path === `archives/${basename(file)}`,
    );
    const described = packages.get(path);
    if (archive !== undefined) {
      createReadStream(archive.file).pipe(response);
    } else if (described === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not found"}');
    } else {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(packument(described, `http://${request.headers.host}`)));
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${server.address().port}/`, requests, close };
}

function addArchive(packages, { file, json }) {
  packages.set(json.name, { json, file, ...checksums(file) });
}

async function addInstalled(packages, name, folder) {
  if (packages.has(name)) return;
  const installed = at('node_modules', name);
  if (!statOrNull(installed)) throw new Error(`${name} is not in node_modules`);
  const archive = await npmPack(installed, join(folder, 'dependencies'));
  addArchive(packages, archive);
  for (const each of Object.keys(archive.json.dependencies ?? {}))
    await addInstalled(packages, each, folder);
}

function checksums(file) {
  const content = readFileSync(file);
  return {
    integrity: `sha512-${createHash('sha512').update(content).digest('base64')}`,
    shasum: createHash('sha1').update(content).digest('hex'),
  };
}

function packument({ json, file, integrity, shasum }, url) {
  const tarball = `${url}/archives/${file ? basename(file) : 'none.tgz'}`;
  const dist = { tarball, ...(file && { integrity, shasum }) };
  return {
    name: json.name,
    'dist-tags': { latest: json.version },
    versions: { [json.version]: { ...json, dist } },
    time: { [json.version]: '2020-01-01T00:00:00.000Z' },
  };
}
