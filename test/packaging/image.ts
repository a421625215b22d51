import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { root } from '../integration/support';
import { build, isIgnored, matches, stagesOf, valueOf, words, type Stage } from './dockerfile';

const scripts = new URL('../../scripts/', import.meta.url);
const { cleanProject } = await import(new URL('install/checks.mjs', scripts).href);
const { readOnly, whyNotReadOnly } = await import(
  new URL('install/surroundings.mjs', scripts).href
);

const dockerfile = join(root, 'deploy/docker/Dockerfile');
const NODE = '/nodejs/bin/node';
const [install, image] = stagesOf(dockerfile, { PACKAGES: 'build/packages/dev' }) as [Stage, Stage];

/**
 * Tests of deploy/docker/Dockerfile, which is followed here without a container, and of what it starts.
 *
 * @param registry - of the packages, while the tests run
 */
export function testImage(registry: () => string): void {
  describe('the Dockerfile', () => {
    it('has stages of which the last has neither a shell nor a user who may write', () => {
      expect(install.image).toMatch(/^node:22-/);
      expect(image.image).toMatch(/distroless\/nodejs22-.*:nonroot$/);
      expect(valueOf(image, 'USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
      expect(valueOf(image, 'STOPSIGNAL')).toBe('SIGTERM');
      expect(image.instructions.map(({ name }) => name)).not.toContain('RUN');
    });

    it('is ended before docker kills it', () => {
      const grace = words(valueOf(image, 'CMD'));
      expect(Number(grace[grace.indexOf('--grace-seconds') + 1])).toBeLessThan(9);
    });
  });

  // The image is one for Linux, and only root can make a tree that nobody else may write to.
  describe.runIf(process.platform === 'linux' && whyNotReadOnly() === undefined)(
    'the image',
    () => {
      let project: { root: string; env: Record<string, string> };
      let own = '';
      const started = new Set<ChildProcess>();

      beforeAll(async () => {
        project = cleanProject('image');
        chmodSync(project.root, 0o755);
        const folders = {
          install: join(project.root, 'install'),
          image: join(project.root, 'image'),
        };
        own = folders.image;
        for (const folder of Object.values(folders)) mkdirSync(folder);
        const env = {
          ...project.env,
          PATH: `${project.env['PATH']}:${process.env['PATH']}`,
          npm_config_registry: registry(),
        };
        const context = { folder: root, stages: folders, env };
        await build(install, folders.install, context);
        await build(image, folders.image, context);
        const version = join(own, 'mnt/models/sum/1');
        mkdirSync(version, { recursive: true });
        copyFileSync(join(root, 'test/fixtures/models/add4.onnx'), join(version, 'model.onnx'));
      }, 600_000);
      afterAll(() => {
        for (const child of started) child.kill('SIGKILL');
        rmSync(project.root, { recursive: true, force: true });
      });

      /** A command of the image's with what its paths are here, and other ports than those that may be taken. */
      const here = (command: readonly string[], port?: string) =>
        command.map((word) => {
          if (word === NODE) return process.execPath;
          if (word.startsWith('/')) return join(own, word);
          return port === undefined ? word : word.replaceAll(':8501/', `:${port}/`);
        });

      /** As nobody, without a home and where nothing can be written; the only process there is. */
      const alone = ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-euc', readOnly];

      async function start(command: readonly string[]) {
        const env = { PATH: process.env['PATH'], HOME: '/nonexistent', NODE_ENV: 'production' };
        const child = spawn('unshare', [...alone, own, ...command], {
          cwd: join(own, 'mnt/models'),
          env,
        });
        started.add(child);
        let errors = '';
        child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
        const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
        const line = await new Promise<string>((resolve, reject) => {
          child.stdout.once('data', (text: Buffer) => resolve(text.toString()));
          void ended.then(() => reject(new Error(errors)));
        });
        return { line, ended, child };
      }

      /** Sends a signal to the process that is the first one of its own. */
      function signalFirst(child: ChildProcess, signal: NodeJS.Signals): void {
        const children = `/proc/${child.pid}/task/${child.pid}/children`;
        process.kill(Number(readFileSync(children, 'utf8')), signal);
      }

      it('copies what is there, and what its context has', () => {
        for (const { name, rest } of install.instructions) {
          if (name !== 'COPY') continue;
          const sources = rest.split(/\s+/).slice(0, -1);
          expect(sources).toHaveLength(3);
          for (const path of sources.flatMap((source) => matches(root, source))) {
            expect(isIgnored(join(root, '.dockerignore'), path), path).toBe(false);
          }
        }
        const others = [
          'package.json',
          'node_modules/onlite',
          '.git/config',
          'build/Release/x.node',
        ];
        for (const path of others) expect(isIgnored(join(root, '.dockerignore'), path)).toBe(true);
      });

      it('has the server and what it needs, and no more', () => {
        const modules = join(own, 'opt/onlite/node_modules');
        const needed = new Set<string>();
        const add = (name: string): void => {
          if (needed.has(name)) return;
          needed.add(name);
          const json = readFileSync(join(modules, name, 'package.json'), 'utf8');
          const { dependencies } = JSON.parse(json) as { dependencies?: Record<string, string> };
          for (const each of Object.keys(dependencies ?? {})) add(each);
        };
        for (const name of ['@onlite/server', `@onlite/runtime-linux-${process.arch}`]) add(name);
        const installed = readdirSync(modules)
          .filter((name) => !name.startsWith('.'))
          .flatMap((name) =>
            name.startsWith('@')
              ? readdirSync(join(modules, name)).map((each) => `${name}/${each}`)
              : [name],
          );
        expect(installed.sort()).toEqual([...needed].sort());
        expect(readdirSync(join(own, 'opt/onlite')).sort()).toEqual([
          ...['node_modules', 'package-lock.json', 'package.json'],
        ]);
      });

      it('serves as the first process, as nobody, where nothing can be written, and ends', async () => {
        const command = here([
          ...words(valueOf(image, 'ENTRYPOINT')),
          ...words(valueOf(image, 'CMD')),
        ]);
        const { line, ended, child } = await start([
          ...command,
          ...['--rest-port', '0', '--grpc-port', '0', '--json'],
        ]);
        const { port } = JSON.parse(line) as { port: number };
        const url = `http://127.0.0.1:${port}`;
        // Not before the models are loaded, which have just been written.
        const ready = async () => (await fetch(`${url}/v2/health/ready`)).status;
        await expect.poll(ready, { timeout: 60_000 }).toBe(200);
        const answer = await fetch(`${url}/v1/models/sum:predict`, {
          method: 'POST',
          body: '{"inputs":{"a":[1,2,3,4],"b":[1,1,1,1]}}',
        });
        expect(await answer.json()).toEqual({ outputs: [2, 3, 4, 5] });

        const check = words(valueOf(image, 'HEALTHCHECK')?.replace(/^.*?CMD\s+/, ''));
        const health = (at: string) => {
          const [program, ...args] = here(check, at);
          return spawnSync(program!, args).status;
        };
        expect(health(String(port))).toBe(0);
        expect(health('9')).toBe(1);

        signalFirst(child, 'SIGTERM');
        expect(await ended).toBe(0);
      });
    },
  );
}
