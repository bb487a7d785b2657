import { BlockList, isIP } from 'node:net';
import { StageError } from '../pipeline/stage.js';

/** Tests addresses against `1.2.3.4`, `1.2.3.0/24` or `1.2.3.4-1.2.3.9`, IPv4 or IPv6. Throws QueryError. */
function ipMatcher(pattern: string): (address: string) => boolean {
  const list = new BlockList();
  const type = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');
  const invalid = () => new StageError(`ip: invalid pattern: ${JSON.stringify(pattern.slice(0, 100))}`);
  try {
    const [first = '', second] = pattern.split(/[/-]/, 2).map((part) => part.trim());
    if (!isIP(first)) throw invalid();
    if (second === undefined) list.addAddress(first, type(first));
    else if (pattern.includes('/')) list.addSubnet(first, Number(second), type(first));
    else list.addRange(first, second, type(first));
  } catch {
    throw invalid();
  }
  return (address) => isIP(address) !== 0 && list.check(address, type(address));
}

/** Whether any address within a line matches. */
export function ipLineMatcher(pattern: string): (line: string) => boolean {
  const matches = ipMatcher(pattern);
  return (line) => {
    for (const [word] of line.matchAll(/[0-9a-fA-F:]*[:.][0-9a-fA-F:.]+/g)) {
      const address = word.replace(/[:.]+$/, '');
      if (matches(word) || matches(address) || matches(address.replace(/:\d+$/, ''))) return true;
    }
    return false;
  };
}
