/** What the buildinfo endpoints say: `version` is the release of the original whose API is served, not our own. */
export function buildInfo(version: string): object {
  return { version, revision: 'canardstack', branch: 'HEAD', buildUser: '', buildDate: '', goVersion: '' };
}
