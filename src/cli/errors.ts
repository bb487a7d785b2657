/** The exit code of a server that does not, or no longer, own its catalog. */
export const notOwnerExitCode = 3;

/** Ends a command with a message for the user and an exit code: 1 a failure, 2 wrong use, 3 not the catalog's owner. */
export class CommandError extends Error {
  constructor(
    message: string,
    readonly exitCode: 1 | 2 | typeof notOwnerExitCode = 1,
  ) {
    super(message);
    this.name = 'CommandError';
  }
}
