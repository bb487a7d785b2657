import { after, before, describe } from 'node:test';
import { skipWithoutPostgres } from '../support/postgres.js';
import { keepsDeletions, losesNothing } from './cases.js';
import { FlushedLake } from './flushed-lake.js';
import { severalPlaces } from './several-places.js';

describe('the flush of inlined rows on PostgreSQL', { skip: skipWithoutPostgres() }, () => {
  let flushed: FlushedLake;
  const made = () => flushed;
  before(async () => {
    flushed = await FlushedLake.make('postgres');
  });
  after(() => flushed?.remove());

  losesNothing('postgres', made);
  severalPlaces('postgres', made);
  keepsDeletions(made);
});
