// The recording: its tab beside the steps, and the player on the stage in place of the live picture.

import { h, once, sign, text } from './dom';
import { caseTitle, place } from './format';
import { type Story, type Step, isBad, steps } from './story';
import type { State } from './types';

export interface VideoEvents {
  /** Show the recording on the stage, from there on if a place is given. */
  play(ms: number | null): void;
  address(path: string): string;
}

const STATUS: Record<State['video']['status'], string> = {
  recording: 'Recording. It can be watched when the run has ended.',
  pending: 'Being written. One moment.',
  recorded: '',
  off: 'This run was not recorded.',
  unavailable: 'There is no recording.',
  failed: 'The recording failed.',
};

export class Video {
  #element: HTMLVideoElement;
  #panel: HTMLElement;
  #length: HTMLElement;
  #on: VideoEvents;
  #wanted: number | null = null;

  constructor(element: HTMLVideoElement, panel: HTMLElement, length: HTMLElement, on: VideoEvents) {
    this.#element = element;
    this.#panel = panel;
    this.#length = length;
    this.#on = on;
    element.addEventListener('loadedmetadata', () => this.#apply());
  }

  /** Goes there, now or once the recording is loaded. */
  seek(ms: number): void {
    this.#wanted = ms;
    this.#apply();
  }

  play(): void {
    // Refused only when the person has left already: nothing to tell.
    this.#element.play().catch(() => undefined);
  }

  pause(): void {
    this.#element.pause();
  }

  #apply(): void {
    if (this.#wanted === null || this.#element.readyState === 0) return;
    this.#element.currentTime = this.#wanted / 1000;
    this.#wanted = null;
  }

  render(state: State, story: Story): void {
    const { status, reason, path, durationMs } = state.video;
    const ready = status === 'recorded' && path !== null;
    if (ready && !this.#element.src) this.#element.src = path;
    text(this.#length, ready && durationMs !== null ? place(durationMs) : '');
    const all = ready ? story.cases.filter((one) => one.started) : [];
    const key = JSON.stringify([status, reason, path, state.player, all.map((one) => [one.name, one.videoMs, steps(one).map((s) => [s.text, s.videoMs, isBad(s)])])]);
    once(this.#panel, key, () => {
      if (!ready) return [h('p', { className: 'soft' }, [STATUS[status], reason].filter(Boolean).join(' '))];
      const play = h('button', { className: 'primary', type: 'button' }, 'Play the recording');
      play.addEventListener('click', () => this.#on.play(null));
      const player = state.player ? h('a', { href: state.player, target: '_blank', rel: 'noopener' }, 'Open the player') : null;
      return [
        h('div', { className: 'row' }, play, player),
        h('ol', { className: 'chapters' }, ...all.flatMap((one) => [this.#chapter(one.videoMs, caseTitle(one), null), ...steps(one).map((step) => this.#chapter(step.videoMs, step.text, step))])),
      ];
    });
  }

  #chapter(ms: number | null, name: string, step: Step | null): HTMLElement {
    const mark = step === null ? h('span') : isBad(step) ? sign('no', 'Failed:') : sign('ok', 'Done:');
    const button = h('button', { type: 'button', className: step ? '' : 'head' }, h('span', { className: 't' }, ms === null ? '' : place(ms)), mark, h('span', {}, name));
    button.addEventListener('click', () => this.#on.play(ms ?? 0));
    return h('li', {}, button);
  }
}
