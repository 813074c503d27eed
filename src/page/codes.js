// Fields of one character each that take a code together: extends `__hb`.
(() => {
  'use strict';
  const hb = globalThis.__hb;
  if (!hb || !hb.parts || hb.codes) return;
  const { attribute, boxOf, connected, everywhere, focused, frame, nameOf, nativeSet, parentOf, tell, typeOf, valueOf, visible, within } = hb.parts;

  const LEAST = 4;
  const MOST = 10;
  // Sizes and places in CSS pixels that count as equal: borders differ between first and last.
  const SAME = 3;
  const TYPES = new Set(['text', 'tel', 'password', 'number']);
  const limit = (field) => field.maxLength;
  const isField = (element) => nameOf(element) === 'input' && TYPES.has(typeOf(element)) && !element.disabled && !element.readOnly && visible(element);
  const near = (a, b) => Math.abs(a - b) <= SAME;
  const equal = (a, b) => near(a.width, b.width) && near(a.height, b.height);
  const count = (fields) => fields.length >= LEAST && fields.length <= MOST;

  // What stands with a field below one ancestor: of its size in its row, or of its size and for
  // one character each but one (which may take a whole pasted code).
  const peers = (field, root) => {
    const box = boxOf(field);
    const alike = everywhere(root, 'input').filter((other) => isField(other) && equal(boxOf(other), box));
    const row = alike.filter((other) => near(boxOf(other).top, box.top));
    if (count(row)) return row;
    return count(alike) && alike.filter((other) => limit(other) === 1).length >= alike.length - 1 ? alike : null;
  };
  const groupOf = (field) => {
    for (let at = parentOf(field); at; at = parentOf(at)) {
      const boxes = at.querySelectorAll ? peers(field, at) : null;
      if (boxes) return { boxes, root: at };
    }
    return null;
  };
  const fields = () => everywhere(document, 'input').filter(isField);
  const groups = () => {
    const found = [];
    for (const field of fields()) {
      if (found.some((group) => group.boxes.includes(field))) continue;
      const group = groupOf(field);
      if (group) found.push(group);
    }
    return found;
  };
  const oneTime = (field) => (attribute(field, 'autocomplete') || '').toLowerCase().split(/\s+/).includes('one-time-code');
  const short = (field) => limit(field) >= LEAST && limit(field) <= MOST;
  const refs = (elements) => elements.map((element) => hb.ref(element));
  const place = (kind, elements) => {
    const { role, name } = hb.describe(elements[0]);
    return { kind, refs: refs(elements), role, name };
  };
  const about = (field) => {
    const group = limit(field) > 1 && oneTime(field) ? null : groupOf(field);
    return group ? place('boxes', group.boxes) : place('field', [field]);
  };

  // Where a code may go: around an element, or (null) all places of the document.
  hb.codes = ({ n }) => {
    if (n !== null) {
      const field = hb.element(n);
      return field && connected(field) ? [isField(field) ? about(field) : place('field', [field])] : [];
    }
    const places = groups().map((group) => place('boxes', group.boxes));
    const single = (test) => fields().filter((field) => test(field) && !groupOf(field)).map((field) => place('field', [field]));
    const all = [...places, ...single(oneTime)];
    return all.length ? all : single(short);
  };
  // Whether a field takes one character of several.
  hb.isCodeBox = (field) => {
    if (!isField(field)) return false;
    if (limit(field) === 1) return true;
    const { width, height } = boxOf(field);
    return width > 0 && width < height * 1.6 && !!groupOf(field);
  };

  // The boxes as they are now: a page that renders them anew has others in the same place.
  const current = (numbers) => {
    const known = numbers.map((n) => hb.element(n));
    if (known.every((element) => element && connected(element) && visible(element))) return known;
    const at = focused();
    const alive = known.find((element) => element && connected(element)) || (at && isField(at) ? at : null);
    const group = (alive && groupOf(alive)) || (groups().length === 1 ? groups()[0] : null);
    return group ? group.boxes : [];
  };
  // What stands in each box, compared here so that a code stays where it is, and which has the focus.
  hb.codeState = async ({ refs: numbers, code }) => {
    await frame();
    const boxes = current(numbers);
    boxes.forEach((box) => hb.taint(box)); // others than before, if the page renders them anew
    const at = focused();
    const state = (box, index) => {
      const value = valueOf(box);
      if (value === '') return 'empty';
      return value.toLowerCase() === (code[index] || '').toLowerCase() ? 'right' : 'wrong';
    };
    return { refs: refs(boxes), states: boxes.map(state), focus: boxes.findIndex((box) => box === at) };
  };
  // Empties boxes that no key empties.
  hb.codeReset = ({ refs: numbers }) => {
    for (const box of current(numbers)) {
      hb.taint(box);
      if (valueOf(box) !== '') {
        nativeSet(box, 'value', '');
        tell(box);
      }
    }
    for (const box of current(numbers)) hb.taint(box);
    return true;
  };
  // One paste for what did not take keys: on the first box, then on what holds all of them.
  hb.codePaste = async ({ refs: numbers, code }) => {
    const boxes = current(numbers);
    if (!boxes.length) return false;
    boxes[0].focus({ preventScroll: true });
    const carried = new DataTransfer();
    carried.setData('text/plain', code.join(''));
    const paste = (on) => !on.dispatchEvent(new ClipboardEvent('paste', { clipboardData: carried, bubbles: true, cancelable: true, composed: true }));
    if (paste(boxes[0])) return true;
    let common = parentOf(boxes[0]);
    while (common && !boxes.every((box) => within(common, box))) common = parentOf(common);
    await frame();
    return common ? paste(common) : false;
  };
})();
