// The control WebSocket: open exactly as long as this seat holds the browser (handoff.md 3.2).

import type { Api } from './api';
import type { FromGate, InspectNode, ToGate } from './types';
import { Retry } from './retry';

/** The gate cuts input after 15 s without a heartbeat: two may be lost. */
export const HEARTBEAT = 5000;

/** A frame of the control connection, in bytes. */
const MAX_FRAME = 64 * 1024;

export interface ControlEvents {
  granted(epoch: number, deadlineMs: number | null): void;
  revoked(reason: string): void;
  remaining(ms: number): void;
  warning(ms: number): void;
  picked(node: InspectNode): void;
  problem(code: string): void;
  /** The connection broke; the lease stays reserved for this seat for a while. */
  lost(): void;
}

export class Control {
  #api: Api;
  #on: ControlEvents;
  #socket: WebSocket | null = null;
  #wanted = false;
  #beat = 0;
  #retry = new Retry();

  constructor(api: Api, on: ControlEvents) {
    this.#api = api;
    this.#on = on;
  }

  get open(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  get wanted(): boolean {
    return this.#wanted;
  }

  /** Connects after a grant, or to a lease that is still reserved for this seat. */
  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#retry.reset();
    this.#connect();
  }

  /** The lease is gone, whoever ended it: nothing is tried again. */
  end(): void {
    this.#wanted = false;
    this.#retry.now();
    this.#socket?.close();
    this.#socket = null;
  }

  hurry(): void {
    this.#retry.now();
  }

  heartbeat(): void {
    this.#beat += 1;
    this.send({ type: 'heartbeat', n: this.#beat });
  }

  /** Sends one message; false if it is too long or nothing is connected. */
  send(message: ToGate): boolean {
    const frame = JSON.stringify(message);
    if (!this.open || new TextEncoder().encode(frame).length > MAX_FRAME) return false;
    this.#socket?.send(frame);
    return true;
  }

  #connect(): void {
    const socket = this.#api.socket('/api/control');
    this.#socket = socket;
    socket.addEventListener('open', () => this.heartbeat());
    socket.addEventListener('message', (event) => {
      if (this.#socket === socket) this.#receive(String(event.data));
    });
    socket.addEventListener('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      if (!this.#wanted) return;
      this.#on.lost();
      void this.#again();
    });
  }

  async #again(): Promise<void> {
    await this.#retry.wait();
    if (this.#wanted && !this.#socket) this.#connect();
  }

  #receive(frame: string): void {
    const message = JSON.parse(frame) as FromGate;
    switch (message.type) {
      case 'lease':
        if (message.state === 'granted') {
          this.#retry.reset();
          this.#on.granted(message.epoch, message.deadlineMs ?? null);
        } else {
          this.end();
          this.#on.revoked(message.reason ?? 'released');
        }
        break;
      case 'heartbeat':
        if (typeof message.remainingMs === 'number') this.#on.remaining(message.remainingMs);
        break;
      case 'warning':
        this.#on.warning(message.remainingMs);
        break;
      case 'inspectNode':
        this.#on.picked(message);
        break;
      case 'error':
        this.#on.problem(message.code);
        break;
    }
  }
}
