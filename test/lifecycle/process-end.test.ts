import { describe } from 'vitest';

import { exit, testWays } from './process-ways';

describe('the process ends with runs in flight', () => {
  testWays([
    { way: 'return', ending: exit(0) },
    { way: 'exit', ending: exit(7) },
    { way: 'exit in a completion', ending: exit(7) },
    { way: 'exit after a release', ending: exit(7) },
    { way: 'exit while creating', ending: exit(7) },
    { way: 'a synchronous run in an exit listener', ending: exit(7) },
  ]);
});
