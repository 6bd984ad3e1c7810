import type { Command } from './client.ts';

/** A class as the SDK has one for each operation. */
export const command = (operation: string) =>
  class implements Command {
    readonly operation = operation;
    readonly input: object;

    constructor(input: object) {
      this.input = input;
    }
  };
