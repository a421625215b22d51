// Virtual environments of Python's packages, for references whose needs do not go together.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { output, runLogged } from './command.mjs';
import { ROOT } from './paths.mjs';

export const hashOf = (files) =>
  files.reduce((hash, file) => hash.update(readFileSync(file)), createHash('sha256')).digest('hex');

/** An environment in `folder` of what the file `requirements` lists; `options` are more of pip's. */
export class PythonEnvironment {
  constructor({ folder, requirements, options = [] }) {
    this.folder = folder;
    this.requirements = requirements;
    this.options = options;
  }

  get python() {
    const windows = process.platform === 'win32';
    return join(this.folder, ...(windows ? ['Scripts', 'python.exe'] : ['bin', 'python']));
  }

  get #stamp() {
    return join(this.folder, '.stamp');
  }

  get isMade() {
    if (!existsSync(this.#stamp)) return false;
    return readFileSync(this.#stamp, 'utf8') === hashOf([this.requirements]);
  }

  /** Makes it if it is missing or is of other requirements. */
  make(log) {
    if (this.isMade) return;
    const base = ['python3', 'python'].find((command) => output(command, ['--version']) !== null);
    if (base === undefined) throw new Error('the references need Python 3.10 to 3.12');
    log(`making ${this.folder}`);
    const logFile = join(ROOT, 'build', `${basename(this.requirements, '.txt')}.log`);
    runLogged(logFile, base, ['-m', 'venv', this.folder]);
    const install = ['-m', 'pip', 'install', '-q', ...this.options, '-r', this.requirements];
    runLogged(logFile, this.python, install);
    writeFileSync(this.#stamp, hashOf([this.requirements]));
  }
}
