import { rounds } from './child';
import { testScripts } from './script-tests';

testScripts({ buffers: rounds, messages: rounds });
