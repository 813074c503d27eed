// Requests to the gate. The seat lives in sessionStorage, so that a reload gets the same one.

import type { Seat, State } from './types';

const KEPT = 'handback.seat';

/** The gate said no: `code` is one of the protocol's. A network failure is a TypeError instead. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;
  readonly body: Record<string, unknown>;

  constructor(status: number, body: Record<string, unknown>) {
    const error = (body['error'] ?? {}) as { code?: string; message?: string };
    super(error.message ?? `The gate answered ${status}.`);
    this.status = status;
    this.code = error.code ?? 'unknown';
    this.body = body;
  }
}

export interface Session {
  seat: Seat;
  me: string;
  state: State;
}

export interface Message {
  event: string;
  data: string;
  id: string | null;
}

export class Api {
  seat: Seat | null = null;

  constructor() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? 'null') as Seat | null;
      if (kept && typeof kept.id === 'string' && typeof kept.secret === 'string') this.seat = kept;
    } catch {
      // What is stored is not ours: as good as nothing.
    }
  }

  get #proof(): Record<string, string> {
    return this.seat ? { 'X-Handback-Seat': `${this.seat.id}.${this.seat.secret}` } : {};
  }

  /** Gets a seat for the one-use token, or the same seat again. */
  async session(token: string | null): Promise<Session> {
    const headers = token ? { 'X-Handback-Token': token } : this.#proof;
    const session = (await this.#send('POST', '/api/session', headers)) as Session;
    this.seat = session.seat;
    sessionStorage.setItem(KEPT, JSON.stringify(session.seat));
    return session;
  }

  /** Another right for the seat there is: same pixels, same secret. */
  async renew(ticket: string): Promise<Session> {
    const headers = { ...this.#proof, 'X-Handback-Token': ticket };
    return (await this.#send('POST', '/api/session', headers)) as Session;
  }

  forget(): void {
    this.seat = null;
    sessionStorage.removeItem(KEPT);
  }

  post(path: string, body?: unknown): Promise<unknown> {
    return this.#send('POST', path, this.#proof, body);
  }

  get(path: string): Promise<unknown> {
    return this.#send('GET', path, this.#proof);
  }

  beacon(): void {
    // Two tabs of one browser send each other's cookies too: the body says whose tab goes.
    if (this.seat) navigator.sendBeacon('/api/beacon', JSON.stringify({ seat: this.seat.id }));
  }

  /** A WebSocket with the seat as its second subprotocol; the server chooses the first. */
  socket(path: string): WebSocket {
    const url = new URL(path, location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const seat = this.seat;
    return new WebSocket(url, seat ? ['handback', `seat.${seat.id}.${seat.secret}`] : ['handback']);
  }

  /**
   * Server-sent events, read by hand: EventSource tells neither the status of a refusal nor lets us
   * say after which event to go on. Yields `null` for a comment, a sign of life.
   */
  async *events(after: number, signal: AbortSignal): AsyncGenerator<Message | null> {
    const headers: Record<string, string> = { ...this.#proof, Accept: 'text/event-stream' };
    if (after > 0) headers['Last-Event-ID'] = String(after);
    const response = await fetch('/api/events', { headers, signal, cache: 'no-store' });
    if (!response.ok || !response.body) throw new Refused(response.status, await json(response));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += value;
      const lines = rest.split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? '';
      let message: Message = { event: 'message', data: '', id: null };
      const whole: string[] = [];
      for (const line of lines) {
        whole.push(line);
        if (line === '') {
          if (message.data) yield { ...message, data: message.data.slice(0, -1) };
          message = { event: 'message', data: '', id: null };
          whole.length = 0;
        } else if (line.startsWith(':')) {
          yield null;
        } else {
          const colon = line.indexOf(':');
          const field = colon < 0 ? line : line.slice(0, colon);
          const content = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
          if (field === 'event') message.event = content;
          else if (field === 'data') message.data += `${content}\n`;
          else if (field === 'id') message.id = content;
        }
      }
      // A message whose blank line has not come yet is read again with what follows.
      if (whole.length > 0) rest = `${whole.join('\n')}\n${rest}`;
    }
  }

  async #send(method: string, path: string, headers: Record<string, string>, body?: unknown): Promise<unknown> {
    const init: RequestInit = { method, headers, cache: 'no-store' };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { ...headers, 'Content-Type': 'application/json' };
    }
    const response = await fetch(path, init);
    if (!response.ok) throw new Refused(response.status, await json(response));
    return json(response);
  }
}

async function json(response: Response): Promise<Record<string, unknown>> {
  try {
    return (await response.json()) as Record<string, unknown>;
  } catch {
    return {};
  }
}
