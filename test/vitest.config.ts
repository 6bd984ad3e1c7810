import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** The fast tier is every `*.test.ts`; `*.long.ts` holds process kills, large fuzz runs, browsers and packing. */
export default defineConfig({
  test: {
    // Tests wait for sockets and processes as much as they compute; by default Vitest even leaves a core idle.
    maxWorkers: availableParallelism() + 1,
    globalSetup: ['test/support/compile-programs.ts'],
    // The files of a worker share what they import: a run spends half as much processor time. What a file changes
    // of its process it puts back.
    isolate: false,
    // A machine that does other work beside makes time-outs of what is sound.
    retry: process.env.CI ? 1 : 0,
    projects: [
      {
        root: new URL('..', import.meta.url).pathname,
        test: { name: 'fast', include: ['test/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 120_000 },
      },
      {
        root: new URL('..', import.meta.url).pathname,
        test: {
          name: 'long',
          include: ['test/**/*.long.ts'],
          testTimeout: 600_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
