// Inspect: what was picked, how a test could name it, how many elements each name matches.

import { h, once } from './dom';
import { politely } from './announce';
import { plural } from './format';
import type { Candidate, InspectNode } from './types';

const KIND: Record<Candidate['kind'], string> = { role: 'role', testid: 'test id', css: 'CSS', xpath: 'XPath' };

/** What a page around this one can listen for; it bubbles. */
export const PICKED = 'handback:inspectnode';

export interface InspectEvents {
  highlight(backendNodeId: number | null): void;
}

export function dispatch(from: HTMLElement, node: InspectNode): void {
  from.dispatchEvent(new CustomEvent(PICKED, { bubbles: true, detail: node }));
}

export function renderInspect(panel: HTMLElement, node: InspectNode | null, on: InspectEvents): void {
  once(panel, JSON.stringify(node), () => {
    if (!node) return [h('p', { className: 'soft' }, 'Nothing picked yet. Click an element in the browser, and the ways to name it in a test appear here.')];
    const name = node.name ?? node.candidates[0]?.value ?? 'Element';
    const ways = node.candidates.length;
    return [
      h('div', {}, h('strong', {}, name), h('div', { className: 'meta' }, ways === 0 ? 'No way to name it in a test was found.' : `${plural(ways, 'way', 'ways')} to name it in a test`)),
      h('ul', { className: 'cands' }, ...node.candidates.map((each) => candidate(each, node.backendNodeId, on))),
    ];
  });
}

function candidate(each: Candidate, node: number, on: InspectEvents): HTMLElement {
  const code = h('code', {}, each.value);
  const copy = h('button', { type: 'button', 'aria-label': `Copy ${KIND[each.kind]}: ${each.value}` }, 'Copy');
  copy.addEventListener('click', () => void copyText(each.value, code, copy));
  const item = h('li', { className: 'cand' }, h('span', { className: 'meta' }, KIND[each.kind]), code, h('span', { className: 'meta matches' }, plural(each.matches, 'match', 'matches')), copy);
  item.addEventListener('pointerenter', () => on.highlight(node));
  item.addEventListener('pointerleave', () => on.highlight(null));
  item.addEventListener('focusin', () => on.highlight(node));
  item.addEventListener('focusout', () => on.highlight(null));
  return item;
}

async function copyText(words: string, code: HTMLElement, button: HTMLButtonElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(words);
    button.textContent = 'Copied';
    politely('Copied.');
    setTimeout(() => (button.textContent = 'Copy'), 2000);
  } catch {
    // The clipboard is not ours to write: select it, and the person copies.
    getSelection()?.selectAllChildren(code);
    politely('Selected. Copy it with the keyboard.');
  }
}
