import { describe } from 'vitest';

import { exit, killed, testWays } from './process-ways';

// In a file of its own: files run side by side.
describe('the process is ended with runs in flight', () => {
  testWays([
    { way: 'uncaught', ending: exit(1), says: 'on purpose' },
    { way: 'the rejection of a run', ending: exit(1), says: 'inputs.a: missing' },
    { way: 'SIGTERM', ending: killed('SIGTERM'), kill: 'SIGTERM' },
    { way: 'SIGINT', ending: killed('SIGINT'), kill: 'SIGINT' },
    { way: 'SIGTERM with a listener', ending: exit(7), kill: 'SIGTERM' },
  ]);
});
