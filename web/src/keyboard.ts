// Keys. In control everything goes to the remote browser but the chord Ctrl+Alt+Shift with a letter or
// Escape; elsewhere the single letters do the same (handoff.md 3.3).

export type Command = 'take' | 'release' | 'inspect' | 'stop' | 'paste' | 'video' | 'leave';

const LETTERS: Record<string, Command> = { t: 'take', r: 'release', i: 'inspect', s: 'stop', p: 'paste', v: 'video' };

export interface KeyboardEvents {
  act(command: Command): void;
  /** Keys already sent are released before the chord acts. */
  releaseKeys(): void;
  /** Escape on its own; true if something here used it up. */
  escape(): boolean;
  /** Whether the remote browser has the keyboard now. */
  driving(): boolean;
  /** Single letters can be switched off: speech input types them by accident. */
  letters(): boolean;
}

export function listen(on: KeyboardEvents): void {
  window.addEventListener(
    'keydown',
    (event) => {
      if (event.isComposing) return;
      const chord = event.ctrlKey && event.altKey && event.shiftKey && !event.metaKey;
      const open = document.querySelector('dialog[open]') !== null;
      const command = named(event);
      if (chord && command) {
        swallow(event);
        on.releaseKeys();
        if (!open) on.act(command);
        return;
      }
      if (open) return;
      const plain = !event.ctrlKey && !event.altKey && !event.metaKey;
      if (event.key === 'Escape' && plain && on.escape()) {
        swallow(event);
        return;
      }
      if (on.driving() || !plain || event.shiftKey || event.repeat || !on.letters() || writing(event.target)) return;
      if (command && command !== 'leave') {
        swallow(event);
        on.act(command);
      }
    },
    { capture: true },
  );
}

/** By the letter it writes; by its place where the layout writes no Latin letter with these modifiers. */
function named(event: KeyboardEvent): Command | null {
  if (event.key === 'Escape') return 'leave';
  const written = event.key.toLowerCase();
  if (/^[a-z]$/.test(written)) return LETTERS[written] ?? null;
  const placed = /^Key([A-Z])$/.exec(event.code)?.[1]?.toLowerCase();
  return placed ? (LETTERS[placed] ?? null) : null;
}

function swallow(event: KeyboardEvent): void {
  event.preventDefault();
  event.stopImmediatePropagation();
}

function writing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input:not([type="checkbox"]), textarea, select');
}
