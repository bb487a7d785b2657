import { journalEntriesEnd } from '../../decode/index.js';
import { encodingOf, mediaType, unsupportedType, type HttpProtocol } from '../http.js';
import { documentParameters } from '../parameters.js';
import { textAnswer } from '../text.js';

/** Where systemd-journal-upload sends: behind the address that it is given. The second is VictoriaLogs'. */
const urls = ['/upload', '/insert/journald/upload'];
const type = 'application/vnd.fdo.journal';

/**
 * What systemd-journal-upload sends: entries in the Journal Export Format, in a request that lasts as long as its journal goes on. What
 * is rejected is told to the operator alone: the uploader would stop at anything but success, at the same entry again and again.
 */
export const journaldUpload: HttpProtocol = {
  transport: 'journald',
  routes: urls.map((url) => ({ url, signal: 'logs' })),
  accept(request) {
    if (mediaType(request) !== type) return unsupportedType(request, [type]);
    const encoding = encodingOf(request);
    if (typeof encoding !== 'string') return encoding;
    const parameters = documentParameters(request);
    if (typeof parameters !== 'string') return parameters;
    return { signal: 'logs', format: 'journald', encoding, parameters };
  },
  endOfRecords: journalEntriesEnd,
  answer: () => textAnswer(200, 'OK.\n'),
  failed: (failure) => textAnswer(failure.http, `${failure.message}\n`),
};
