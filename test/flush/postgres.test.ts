import { describe } from 'node:test';
import { skipWithoutPostgres } from '../support/postgres.js';
import { keepsDeletions, losesNothing } from './cases.js';
import { lakeOfSuite } from './flushed-lake.js';
import { severalPlaces } from './several-places.js';

describe('the flush of inlined rows on PostgreSQL', { skip: skipWithoutPostgres() }, () => {
  const made = lakeOfSuite('postgres');

  losesNothing('postgres', made);
  severalPlaces('postgres', made);
  keepsDeletions(made);
});
