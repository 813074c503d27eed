// Signs of life: a beat every 15 s while the page is open, a beacon when it goes.

import type { Api } from './api';
import { HEARTBEAT, type Control } from './control';

const PRESENCE = 15_000;

export class Presence {
  #api: Api;
  #present = false;
  #since = 0;

  /** `second` is called about every second, also in a hidden tab. */
  constructor(api: Api, control: Control, second: () => void) {
    this.#api = api;
    const worker = new Worker(new URL('./tick.ts', import.meta.url), { type: 'module' });
    let beats = 0;
    worker.addEventListener('message', () => {
      second();
      beats += 1000;
      if (beats >= HEARTBEAT) {
        beats = 0;
        if (control.open) control.heartbeat();
      }
      this.#since += 1000;
      if (this.#since >= PRESENCE) this.beat();
    });
  }

  /** Beats only with a seat, and only while the gate can be reached. */
  present(yes: boolean): void {
    if (yes && !this.#present) {
      this.#present = true;
      this.beat();
    }
    this.#present = yes;
  }

  beat(): void {
    this.#since = 0;
    // A lost beat shows in the events' connection, which has its own retries.
    if (this.#present) this.#api.post('/api/presence').catch(() => undefined);
  }

  leave(): void {
    if (this.#present) this.#api.beacon();
  }
}
