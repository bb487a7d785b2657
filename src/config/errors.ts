/** Settings that can't be used; one problem a setting, fit for the user. */
export class ConfigError extends Error {
  constructor(
    readonly problems: readonly string[],
    /** Unknown names seen on the way; one may be the misspelt cause. */
    readonly warnings: readonly string[] = [],
  ) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
  }
}
