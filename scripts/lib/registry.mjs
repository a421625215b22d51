import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, join } from 'node:path';

import { statOrNull } from './files.mjs';
import { layOutRuntimeDescription, npmPackAll, runtimePackage, runtimePlatforms } from './pack.mjs';
import { at } from './project.mjs';

/**
 * Serves packages on this machine's own address as npm's registry does: those of the archives,
 * with what they depend on as it is in `node_modules` and the server's, and the other platforms' runtime packages
 * without their libraries, because Yarn 1 fetches all of them.
 *
 * @param {{file: string, json: object}[]} archives as npmPack gives them
 * @param {string} folder for archives of the others
 * @returns {Promise<{url: string, requests: string[], close: () => Promise<void>}>} the paths that
 *   were asked for are added to `requests`
 */
export async function serveRegistry(archives, folder) {
  const others = [...dependencyFolders(archives), ...layOutOtherRuntimes(archives)];
  const packed = [...archives, ...(await npmPackAll(others, join(folder, 'archives')))];
  const packages = new Map(
    packed.map(({ file, json }) => [json.name, { json, file, ...checksums(file) }]),
  );
  const requests = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname).slice(1);
    requests.push(path);
    const archive = [...packages.values()].find(
      ({ file }) => path === `archives/${basename(file)}`,
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

/** Where in `node_modules` that is what packages depend on, directly or not. */
function dependencyFolders(archives) {
  const served = new Set(archives.map(({ json }) => json.name));
  const folders = [];
  const add = ({ dependencies = {} }) => {
    for (const name of Object.keys(dependencies)) {
      if (served.has(name)) continue;
      served.add(name);
      // The server may have another version than the checkout's tools.
      const places = [at('server/node_modules', name), at('node_modules', name)];
      const folder = places.find((place) => statOrNull(place));
      if (folder === undefined) throw new Error(`${name} is not in node_modules`);
      folders.push(folder);
      add(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
    }
  };
  for (const { json } of archives) add(json);
  return folders;
}

function layOutOtherRuntimes(archives) {
  const served = new Set(archives.map(({ json }) => json.name));
  const others = runtimePlatforms.filter((platform) => !served.has(runtimePackage(platform)));
  return others.map((platform) => {
    const folder = at('build/packages/descriptions', platform);
    layOutRuntimeDescription(folder, platform);
    return folder;
  });
}

function checksums(file) {
  const content = readFileSync(file);
  return {
    integrity: `sha512-${createHash('sha512').update(content).digest('base64')}`,
    shasum: createHash('sha1').update(content).digest('hex'),
  };
}

function packument({ json, file, integrity, shasum }, url) {
  const dist = { tarball: `${url}/archives/${basename(file)}`, integrity, shasum };
  return {
    name: json.name,
    'dist-tags': { latest: json.version },
    versions: { [json.version]: { ...json, dist } },
    time: { [json.version]: '2020-01-01T00:00:00.000Z' },
  };
}
