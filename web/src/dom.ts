// Small helpers over the DOM. Text from the run or the page goes in as text nodes only; nothing here
// (or anywhere in this page) parses HTML.

type Child = Node | string | null | undefined | false;
type Props<E> = Partial<Pick<E & HTMLElement, 'className' | 'id' | 'title' | 'hidden' | 'tabIndex'>> &
  Record<string, unknown>;

/** Makes an element: known properties are set, `aria-…`, `role` and `data-…` become attributes. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props<HTMLElementTagNameMap[K]> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (name.includes('-') || name === 'role') element.setAttribute(name, String(value));
    else Reflect.set(element, name, value);
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

export function byId<E extends HTMLElement = HTMLElement>(id: string): E {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element as E;
}

/** Sets text only when it differs, so that live regions speak only about changes. */
export function text(element: Element, value: string): void {
  if (element.textContent !== value) element.textContent = value;
}

/** Replaces the children only when `key` differs from the last time. */
export function once(element: HTMLElement, key: string, make: () => Child[]): void {
  if (element.dataset['key'] === key) return;
  element.dataset['key'] = key;
  element.replaceChildren(...(make().filter(Boolean) as (Node | string)[]));
}

/** The sign of a state and the word for those who do not see it. */
export function sign(state: 'ok' | 'no' | 'now' | 'wait' | 'skip', word: string): HTMLElement {
  const glyph = { ok: '✓', no: '✕', now: '●', wait: '○', skip: '–' }[state];
  const colour = { ok: 'ok', no: 'no', now: 'now', wait: 'soft', skip: 'soft' }[state];
  return h('span', { className: colour }, h('span', { 'aria-hidden': 'true' }, glyph), h('span', { className: 'sr' }, word));
}
