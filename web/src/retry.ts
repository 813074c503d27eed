// When to try again: 0.25, 0.5, 1, 2, then every 5 s (handoff.md 3.3).

const WAITS = [250, 500, 1000, 2000];
const THEN = 5000;

/** A schedule of one connection. `reset` after it held, `wait` before the next attempt. */
export class Retry {
  #attempt = 0;
  #wake: (() => void) | null = null;

  reset(): void {
    this.#attempt = 0;
  }

  get next(): number {
    return WAITS[this.#attempt] ?? THEN;
  }

  /** Resolves after the next wait, or earlier on `now`. */
  wait(): Promise<void> {
    const ms = this.next;
    this.#attempt += 1;
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      function done() {
        clearTimeout(timer);
        resolve();
      }
      this.#wake = done;
    });
  }

  /** Ends a wait at once: the network is back, or the tab is. */
  now(): void {
    this.#wake?.();
  }
}
