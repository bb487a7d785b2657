import { goQuote } from '../../text/go-quote.js';
import { QueryError } from '../../../lake/query-error.js';
import { invalid, type Params } from '../../server/params.js';
import { parseAnySelector } from '../plan/prepare.js';
import { matchSelectors } from './answers.js';
import { countOf } from './parameters.js';

/** The groups of rules, of which there are none; what is asked is looked at as Prometheus does. Throws QueryError. */
export function noRules(params: Params): object {
  matchSelectors(params);
  const type = params.text('type')?.toLowerCase() ?? '';
  if (!/^(alert|record)?$/.test(type)) throw invalid('type', `not supported value ${shown(type)}`);
  const exclude = params.text('exclude_alerts')?.toLowerCase() ?? '';
  if (!/^(1|t|true|0|f|false)?$/.test(exclude)) {
    const why = `strconv.ParseBool: parsing ${shown(exclude)}: invalid syntax`;
    throw invalid('exclude_alerts', `error converting exclude_alerts: ${why}`);
  }
  const limit = params.text('group_limit');
  if (limit === undefined && params.text('group_next_token') !== undefined) {
    const why = 'group_limit needs to be present in order to paginate over the groups';
    throw invalid('group_next_token', why);
  }
  if (limit !== undefined) {
    pageOf(limit);
    const token = params.text('group_next_token');
    const why = `invalid group_next_token '${token?.slice(0, 100)}'. were rule groups changed?`;
    if (token !== undefined) throw invalid('group_next_token', why);
  }
  return { groups: [] };
}

function pageOf(limit: string): void {
  const isNumber = /^[+-]?\d+$/.test(limit);
  if (isNumber && Math.abs(Number(limit)) < 2 ** 31) {
    if (Number(limit) <= 0) throw invalid('group_limit', 'group_limit needs to be greater than 0');
    return;
  }
  const why = `strconv.ParseInt: parsing ${shown(limit)}: ${isNumber ? 'value out of range' : 'invalid syntax'}`;
  throw invalid('group_limit', `group_limit needs to be a valid number: ${why}`);
}

/** The targets, of which there are none; dropped ones are counted where they are asked for. */
export function noTargets(params: Params): object {
  const state = params.text('state')?.toLowerCase() ?? '';
  const counted = ['', 'any', 'dropped'].includes(state);
  return { activeTargets: [], droppedTargets: [], droppedTargetCounts: counted ? {} : null };
}

/** The metadata of targets, of which there are none. Throws QueryError. */
export function noTargetMetadata(params: Params): object {
  countOf(params, 'limit');
  const target = params.text('match_target');
  if (target !== undefined) checkTarget(target);
  return [];
}

function checkTarget(source: string): void {
  try {
    parseAnySelector(source);
  } catch (error) {
    throw error instanceof QueryError ? invalid('match_target', error.message) : error;
  }
}

function shown(text: string): string {
  return goQuote(text.slice(0, 100));
}
