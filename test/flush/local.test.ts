import { after, before, describe } from 'node:test';
import { keepsDeletions, losesNothing } from './cases.js';
import { FlushedLake } from './flushed-lake.js';
import { severalPlaces } from './several-places.js';

describe('the flush of inlined rows on a local catalog', () => {
  let flushed: FlushedLake;
  const made = () => flushed;
  before(async () => {
    flushed = await FlushedLake.make('local');
  });
  after(() => flushed?.remove());

  losesNothing('local', made);
  severalPlaces('local', made);
  keepsDeletions(made);
});
