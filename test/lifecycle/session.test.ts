import { rounds } from './child';
import { testScripts } from './script-tests';

testScripts({ release: rounds, abort: 1, queue: 1, collection: 1, 'model-file': rounds });
