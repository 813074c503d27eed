// The list of cases and steps. It follows while the run goes on, until one scrolls.

import { h, once, sign, text } from './dom';
import { caseTitle, seconds, span } from './format';
import { type Case, type Step, type Story, isBad, steps } from './story';

export interface StepsEvents {
  chosen(step: Step): void;
  /** The address of a run file. */
  address(path: string): string;
}

interface Row {
  item: HTMLLIElement;
  button: HTMLButtonElement;
}

export class Steps {
  #panel: HTMLElement;
  #on: StepsEvents;
  #cases: { section: HTMLElement; list: HTMLOListElement }[] = [];
  #rows = new Map<string, Row>();
  #follows = true;
  #newest: HTMLElement | null = null;

  constructor(panel: HTMLElement, on: StepsEvents) {
    this.#panel = panel;
    this.#on = on;
    const stopFollowing = (): void => {
      this.#follows = false;
    };
    panel.addEventListener('wheel', stopFollowing, { passive: true });
    panel.addEventListener('touchmove', stopFollowing, { passive: true });
    panel.addEventListener('keydown', (event) => {
      if (/^(Arrow|Page|Home|End)/.test(event.key)) stopFollowing();
    });
    panel.addEventListener('scroll', () => {
      // Scrolled back to the end: follow again.
      if (panel.scrollTop + panel.clientHeight >= panel.scrollHeight - 4) this.#follows = true;
    });
  }

  render(story: Story, running: boolean, shown: string | null): void {
    if (story.cases.length === 0) {
      once(this.#panel, `empty ${running} ${story.problem ?? story.status ?? ''}`, () => [
        h('p', { className: 'empty' }, story.problem ?? (running ? (story.status ?? 'No step yet.') : 'The run had no steps.')),
      ]);
      return;
    }
    if (this.#cases.length === 0) {
      this.#panel.replaceChildren();
      delete this.#panel.dataset['key'];
    }
    let newest: HTMLElement | null = null;
    for (const one of story.cases) {
      const { section, list } = this.#case(one);
      once(section.firstElementChild as HTMLElement, `${one.name}|${one.verdict}|${one.started}|${one.ms}|${running}`, () => [
        h('span', { className: 'name' }, caseTitle(one)),
        verdict(one, running),
      ]);
      const [, , reasons] = section.children;
      // A reason that no failed step tells already.
      const open = one.verdict !== null && one.verdict !== 'passed' && !steps(one).some((step) => isBad(step));
      text(reasons as HTMLElement, open ? one.reasons.map((reason) => reason.replaceAll('_', ' ')).join(', ') : '');
      (reasons as HTMLElement).hidden = !open || one.reasons.length === 0;
      one.entries.forEach((entry, position) => {
        if (entry.kind === 'said') {
          const key = `${one.index}-said-${position}`;
          if (!this.#rows.has(key)) {
            const item = h('li', { className: 'think' }, entry.text);
            list.append(item);
            this.#rows.set(key, { item, button: h('button') });
          }
          return;
        }
        const item = this.#step(list, entry.step, entry.step.key === shown, running);
        newest = item;
      });
    }
    if (newest && newest !== this.#newest) {
      this.#newest = newest;
      if (this.#follows && running) this.#panel.scrollTop = this.#panel.scrollHeight;
    }
  }

  /** Brings a step to where it can be seen. */
  reveal(step: Step): void {
    this.#rows.get(step.key)?.item.scrollIntoView({ block: 'nearest' });
  }

  #case(one: Case): { section: HTMLElement; list: HTMLOListElement } {
    const known = this.#cases[one.index];
    if (known) return known;
    const list = h('ol', { className: 'steps' });
    const section = h('section', { className: 'case' }, h('h2', {}), list, h('p', { className: 'no', hidden: true }));
    this.#panel.append(section);
    return (this.#cases[one.index] = { section, list });
  }

  #step(list: HTMLOListElement, step: Step, shown: boolean, running: boolean): HTMLLIElement {
    let row = this.#rows.get(step.key);
    if (!row) {
      const button = h('button', { type: 'button' });
      const item = h('li', { className: 'step' }, button);
      button.addEventListener('click', () => this.#on.chosen(step));
      list.append(item);
      row = { item, button };
      this.#rows.set(step.key, row);
    }
    const { item, button } = row;
    const bad = isBad(step);
    item.className = `step${bad ? ' bad' : ''}${step.status === 'skipped' ? ' skip' : ''}${shown ? ' shown' : ''}`;
    if (shown) button.setAttribute('aria-current', 'true');
    else button.removeAttribute('aria-current');
    once(button, `${step.status}|${bad}|${step.text}|${step.ms}|${running}`, () => [
      stepSign(step, bad, running),
      h('span', { className: 'text' }, step.text),
      h('span', { className: 't' }, step.ms === null ? '' : seconds(step.ms)),
    ]);
    this.#detail(item, step, bad);
    return item;
  }

  /** A failed step is open: why, and its picture. */
  #detail(item: HTMLLIElement, step: Step, bad: boolean): void {
    const key = bad ? `${step.why ?? ''}|${step.shot ?? ''}` : '';
    if ((item.dataset['detail'] ?? '') === key) return;
    item.dataset['detail'] = key;
    while (item.children.length > 1) item.lastElementChild?.remove();
    if (!bad) return;
    if (step.why) item.append(h('p', { className: 'why' }, step.why));
    if (!step.shot) return;
    const image = h('img', { src: this.#on.address(step.shot), alt: '', loading: 'lazy' });
    const button = h('button', { className: 'shot', type: 'button', 'aria-label': `Show the picture of step ${step.number}` }, image);
    button.addEventListener('click', () => this.#on.chosen(step));
    item.append(button);
  }
}

function stepSign(step: Step, bad: boolean, running: boolean): HTMLElement {
  if (bad) return sign('no', 'Failed:');
  if (step.status === 'running') return running ? sign('now', 'Running:') : sign('skip', 'Cut short:');
  if (step.status === 'skipped') return sign('skip', 'Skipped:');
  return sign('ok', 'Done:');
}

function verdict(one: Case, running: boolean): HTMLElement {
  const took = one.ms === null ? '' : ` ${span(one.ms)}`;
  if (one.verdict === 'passed') return h('span', { className: 'state' }, sign('ok', 'Passed'), took);
  if (one.verdict === 'skipped') return h('span', { className: 'state' }, 'skipped');
  if (one.verdict === 'cancelled') return h('span', { className: 'state' }, 'cancelled');
  if (one.verdict) {
    const word = one.verdict === 'failed' ? 'Failed' : one.verdict === 'errored' ? 'Errored' : 'Aborted';
    return h('span', { className: 'state' }, h('span', { className: 'no' }, sign('no', word), took));
  }
  return h('span', { className: 'state' }, one.started ? (running ? 'running' : 'cut short') : running ? 'waiting' : 'not run');
}
