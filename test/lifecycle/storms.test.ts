import { fewRounds, rounds } from './child';
import { testScripts } from './script-tests';

testScripts({ 'in-flight': rounds, storm: rounds, 'event-loop': fewRounds });
