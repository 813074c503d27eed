// The three questions: how it went, what to paste, whether to stop.

import { byId, text } from './dom';

/** A note is at most 4 KiB (handoff.md 3.1), a pasted text must fit into one control frame. */
const NOTE_BYTES = 4096;
const PASTE_BYTES = 60 * 1024;

export interface Outcome {
  outcome: 'finish' | 'cancel';
  note: string;
}

function bytes(words: string): number {
  return new TextEncoder().encode(words).length;
}

/** Opens a dialog; `submit` returns what is wrong, or null when it is done. */
function ask(id: string, submit: (form: FormData) => string | null, reset = true): void {
  const dialog = byId<HTMLDialogElement>(id);
  if (dialog.open) return;
  const form = dialog.querySelector('form') as HTMLFormElement;
  const problem = form.querySelector('.problem');
  if (reset) form.reset();
  if (problem) text(problem, '');
  const close = (): void => dialog.close();
  const buttons = form.querySelectorAll<HTMLButtonElement>('[data-close]');
  buttons.forEach((button) => button.addEventListener('click', close));
  const submitted = (event: Event): void => {
    event.preventDefault();
    const wrong = submit(new FormData(form));
    if (wrong === null) dialog.close();
    else if (problem) text(problem, wrong);
  };
  const keys = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  };
  form.addEventListener('submit', submitted);
  form.addEventListener('keydown', keys);
  dialog.addEventListener(
    'close',
    () => {
      form.removeEventListener('submit', submitted);
      form.removeEventListener('keydown', keys);
      buttons.forEach((button) => button.removeEventListener('click', close));
    },
    { once: true },
  );
  dialog.showModal();
}

export function askRelease(done: (outcome: Outcome) => boolean): void {
  ask('release-dialog', (form) => {
    const note = String(form.get('note') ?? '').trim();
    if (bytes(note) > NOTE_BYTES) return `The note is ${bytes(note)} bytes long; 4096 fit. Shorten it.`;
    const outcome = form.get('outcome') === 'cancel' ? 'cancel' : 'finish';
    return done({ outcome, note }) ? null : 'The connection is being mended. Try again in a moment.';
  });
}

export function askPaste(done: (words: string) => boolean): void {
  ask('paste-dialog', (form) => {
    const words = String(form.get('text') ?? '');
    if (words === '') return 'There is nothing to paste yet.';
    if (bytes(words) > PASTE_BYTES) return 'The text is longer than 60 KiB. Paste it in parts.';
    return done(words) ? null : 'The connection is being mended. Try again in a moment.';
  });
  byId('paste-dialog').querySelector('textarea')?.focus();
}

export function askStop(what: 'run' | 'browser', done: () => void): void {
  text(byId('stop-title'), what === 'run' ? 'Stop the run?' : 'Stop the browser?');
  text(
    byId('stop-text'),
    what === 'run'
      ? 'The agent stops and the run counts as cancelled. The browser stays, and you can take it over.'
      : 'It closes for everybody, with all that is open in it. The recording and the results stay.',
  );
  text(byId('stop-keep'), what === 'run' ? 'Let it run' : 'Keep it open');
  text(byId('stop-yes'), what === 'run' ? 'Stop run' : 'Stop browser');
  ask('stop-dialog', () => {
    done();
    return null;
  });
}

/** Closes what asks about a control that has ended. */
export function closeControlDialogs(): void {
  byId<HTMLDialogElement>('release-dialog').close();
  byId<HTMLDialogElement>('paste-dialog').close();
}
