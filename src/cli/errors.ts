/** The exit code of a server that does not, or no longer, own its catalog. */
export const notOwnerExitCode = 3;

/** Every exit code, and what it tells. */
export const exitCodes = {
  0: 'all is well',
  1: 'it failed',
  2: 'wrong use or configuration',
  [notOwnerExitCode]: 'another process owns the catalog',
} as const;

/** Ends a command with a message for the user and an exit code. */
export class CommandError extends Error {
  constructor(
    message: string,
    readonly exitCode: Exclude<keyof typeof exitCodes, 0> = 1,
  ) {
    super(message);
    this.name = 'CommandError';
  }
}
