// The person's own program between this page and a gate in a cluster (`handback take`): it signs
// tickets and creates Handoffs. `handback run` has none: there the gate is enough.

import { Refused } from './api';

const KEPT = 'handback.client';
/** A View is renewed this long before it ends. */
const EARLY = 60_000;

interface Kept {
  key: string;
  /** When what this page sits under ends, by Date.now(). */
  until: number;
}

export class Client {
  #kept: Kept;

  private constructor(kept: Kept) {
    this.#kept = kept;
    this.#keep();
  }

  /** The one that the address names, else the one that this tab has had. */
  static of(fragment: URLSearchParams): Client | null {
    const key = fragment.get('c');
    if (key) return new Client({ key, until: Date.now() + Number(fragment.get('l') ?? 0) });
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? 'null') as Kept | null;
      if (kept && typeof kept.key === 'string' && typeof kept.until === 'number') return new Client(kept);
    } catch {
      // What is stored is not ours: as good as nothing.
    }
    return null;
  }

  /** How long to wait before the next ticket is asked for. */
  get renewIn(): number {
    return Math.max(0, this.#kept.until - EARLY - Date.now());
  }

  /** A ticket under what the person holds; `view` once control is over, whoever has heard of it. */
  ticket(view: boolean): Promise<string> {
    return this.#ask('/client/ticket', { view });
  }

  /** A ticket of a Control handoff, made for this. */
  takeOver(): Promise<string> {
    return this.#ask('/client/takeover', {});
  }

  async #ask(path: string, wish: unknown): Promise<string> {
    const headers = { 'X-Handback-Client': this.#kept.key, 'Content-Type': 'application/json' };
    const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(wish), cache: 'no-store' });
    const body = (await response.json().catch(() => ({}))) as Record<string, unknown>;
    if (!response.ok) throw new Refused(response.status, body);
    this.#kept.until = Date.now() + Number(body['leftMs'] ?? 0);
    this.#keep();
    return String(body['ticket']);
  }

  #keep(): void {
    sessionStorage.setItem(KEPT, JSON.stringify(this.#kept));
  }
}
