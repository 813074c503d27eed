// The live picture: one noVNC object, view-only from its first moment. Taking over and handing back
// flip properties of that object; they never make another one (handoff.md 3.1).

import RFB from '@novnc/novnc';
import type { Api } from './api';
import { Retry } from './retry';

/** How long the last picture stays over a new connection until that has painted its first frame. */
const FIRST_FRAME = 300;

export type Picture = 'off' | 'connecting' | 'live' | 'lost';

export interface ScreenEvents {
  changed(picture: Picture): void;
  /** Closed by the gate with one of its own codes: 4400, 4401, 4410, 4429. */
  refused(code: number): void;
  resized(): void;
}

export class Screen {
  #api: Api;
  #target: HTMLElement;
  #still: HTMLCanvasElement;
  #on: ScreenEvents;
  #rfb: RFB | null = null;
  #canvas: HTMLCanvasElement | null = null;
  #interactive = false;
  #wanted = false;
  #retry = new Retry();
  #retrying = false;
  /** Whether the gate answers at all: without it, connecting would only fill the console. */
  reachable = true;
  /** When the last picture was taken over from a closed connection. */
  lastPictureAt: Date | null = null;

  constructor(api: Api, target: HTMLElement, still: HTMLCanvasElement, on: ScreenEvents) {
    this.#api = api;
    this.#target = target;
    this.#still = still;
    this.#on = on;
  }

  /** Whether there should be a connection. It is made, and made again, as long as that holds. */
  want(wanted: boolean): void {
    this.#wanted = wanted;
    if (wanted && !this.#rfb && !this.#retrying) this.#connect();
    if (!wanted && this.#rfb) this.#rfb.disconnect();
  }

  /** Tries at once what waits for its next attempt. */
  hurry(): void {
    this.#retry.now();
  }

  get canvas(): HTMLCanvasElement | null {
    return this.#canvas;
  }

  get focused(): boolean {
    return this.#canvas !== null && document.activeElement === this.#canvas;
  }

  focus(): void {
    this.#rfb?.focus({ preventScroll: true });
  }

  /** Hands the same object to the person, or takes it back. What is held down is released first. */
  interactive(on: boolean): void {
    if (on === this.#interactive) return;
    if (!on) this.releaseKeys();
    this.#interactive = on;
    this.#apply();
  }

  /** Releases every key that the remote browser believes to be down. */
  releaseKeys(): void {
    // noVNC does this when its window loses the focus, and it has no other way that is public.
    // With viewOnly set already its releases would go nowhere.
    window.dispatchEvent(new Event('blur'));
  }

  #apply(): void {
    const rfb = this.#rfb;
    const canvas = this.#canvas;
    if (!rfb || !canvas) return;
    rfb.viewOnly = !this.#interactive;
    rfb.showDotCursor = this.#interactive;
    canvas.tabIndex = this.#interactive ? 0 : -1;
    canvas.setAttribute('role', this.#interactive ? 'application' : 'img');
    canvas.setAttribute(
      'aria-label',
      this.#interactive
        ? 'Live browser, in your hands. Control Alt Shift Escape leaves it.'
        : 'Live picture of the browser',
    );
    if (!this.#interactive && this.focused) canvas.blur();
  }

  #connect(): void {
    const socket = this.#api.socket('/api/rfb');
    this.#on.changed('connecting');
    let code = 0;
    // Before noVNC hears of it: afterwards its canvas is out of the document.
    socket.addEventListener('close', (event) => {
      code = event.code;
      this.#keep();
    });
    const rfb = new RFB(this.#target, socket, { shared: true });
    rfb.viewOnly = true;
    rfb.showDotCursor = false;
    rfb.scaleViewport = true;
    rfb.resizeSession = false;
    rfb.background = 'transparent';
    this.#rfb = rfb;
    this.#canvas = this.#target.querySelector('canvas');
    this.#apply();
    rfb.addEventListener('connect', () => {
      this.#retry.reset();
      this.#on.changed('live');
      setTimeout(() => {
        if (this.#rfb === rfb) this.#still.hidden = true;
      }, FIRST_FRAME);
    });
    rfb.addEventListener('disconnect', () => {
      this.#rfb = null;
      this.#canvas = null;
      this.#on.changed(this.#wanted ? 'lost' : 'off');
      if (code >= 4000) this.#on.refused(code);
      void this.#again();
    });
    if (this.#canvas) new ResizeObserver(() => this.#on.resized()).observe(this.#canvas);
  }

  async #again(): Promise<void> {
    if (this.#retrying) return;
    this.#retrying = true;
    do await this.#retry.wait();
    while (this.#wanted && !this.reachable);
    this.#retrying = false;
    if (this.#wanted && !this.#rfb) this.#connect();
  }

  /** Keeps what is on the canvas as the last picture. */
  #keep(): void {
    const canvas = this.#canvas;
    if (!canvas || canvas.width === 0 || canvas.height === 0) return;
    this.#still.width = canvas.width;
    this.#still.height = canvas.height;
    this.#still.getContext('2d')?.drawImage(canvas, 0, 0);
    this.#still.hidden = false;
    this.lastPictureAt = new Date();
  }
}
