/** Ends a command with a message for the user and an exit code: 1 a failure, 2 wrong use. */
export class CommandError extends Error {
  constructor(
    message: string,
    readonly exitCode: 1 | 2 = 1,
  ) {
    super(message);
    this.name = 'CommandError';
  }
}
