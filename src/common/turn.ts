/** What all who work by slices may take of one turn of the event loop, together. */
const TURN_MS = 8;
const LEAST_MS = 0.5;
/** how many asked for a slice in the last turn, and in this one */
let last = 0;
let asked = 0;

/**
 * When the caller's slice of this turn ends, in ms of `performance.now()`. The turn is shared out over all who asked in the last
 * one, so that ports and sockets get theirs however many queries and tasks have work.
 */
export function sliceEnd(): number {
  if (asked++ === 0)
    setImmediate(() => {
      last = asked;
      asked = 0;
    });
  return performance.now() + Math.max(LEAST_MS, TURN_MS / Math.max(last, asked));
}

/** Resolves in the next turn of the event loop, after its sockets and timers. */
export function nextTurn(): Promise<undefined> {
  return new Promise((resolve) => setImmediate(resolve, undefined));
}
