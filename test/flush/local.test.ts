import { describe } from 'node:test';
import { keepsDeletions, losesNothing } from './cases.js';
import { lakeOfSuite } from './flushed-lake.js';
import { severalPlaces } from './several-places.js';

describe('the flush of inlined rows on a local catalog', () => {
  const made = lakeOfSuite('local');

  losesNothing('local', made);
  severalPlaces('local', made);
  keepsDeletions(made);
});
