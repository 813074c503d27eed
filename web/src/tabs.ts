// The tabs beside the stage: arrows move between them, as tab lists do.

import { byId } from './dom';

export type Tab = 'inspect' | 'steps' | 'checks' | 'video';

const TABS: Tab[] = ['inspect', 'steps', 'checks', 'video'];

export class Tabs {
  #selected: Tab = 'steps';

  constructor() {
    for (const tab of TABS) {
      const button = byId(`tab-${tab}`);
      button.addEventListener('click', () => this.select(tab));
      button.addEventListener('keydown', (event) => this.#move(event, tab));
    }
    this.select('steps');
  }

  get selected(): Tab {
    return this.#selected;
  }

  select(tab: Tab): void {
    this.#selected = tab;
    for (const each of TABS) {
      const button = byId(`tab-${each}`);
      button.setAttribute('aria-selected', String(each === tab));
      button.tabIndex = each === tab ? 0 : -1;
      byId(`panel-${each}`).hidden = each !== tab;
    }
  }

  /** Inspect has a tab only while there is something to inspect. */
  offerInspect(there: boolean): void {
    byId('tab-inspect').hidden = !there;
    if (!there && this.#selected === 'inspect') this.select('steps');
  }

  #move(event: KeyboardEvent, from: Tab): void {
    const there = TABS.filter((tab) => !byId(`tab-${tab}`).hidden);
    const at = there.indexOf(from);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: there.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const tab = there[(to + there.length) % there.length] as Tab;
    this.select(tab);
    byId(`tab-${tab}`).focus();
  }
}
