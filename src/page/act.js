// The acting half of our isolated world: extends `__hb` of walker.js. Elements come and go as
// numbers (the N of a ref); results are plain objects. Nothing here is visible to the page.
(() => {
  'use strict';
  const hb = globalThis.__hb;
  if (!hb || hb.check) return;

  // ---- Reading the tree --------------------------------------------------------------------
  // A form answers `form.parentNode` with its field of that name, hence the prototypes' getters.
  const getter = (proto, name) => {
    const get = Object.getOwnPropertyDescriptor(proto, name).get;
    return (object) => get.call(object);
  };
  const parentNodeOf = getter(Node.prototype, 'parentNode');
  const connected = getter(Node.prototype, 'isConnected');
  const slotOf = getter(Element.prototype, 'assignedSlot');
  const shadowOf = getter(Element.prototype, 'shadowRoot');
  const nameOf = getter(Element.prototype, 'localName');
  const clientWidthOf = getter(Element.prototype, 'clientWidth');
  const clientHeightOf = getter(Element.prototype, 'clientHeight');
  const has = (element, name) => Element.prototype.hasAttribute.call(element, name);
  const attribute = (element, name) => Element.prototype.getAttribute.call(element, name);
  const matches = (element, selector) => Element.prototype.matches.call(element, selector);
  const boxOf = (element) => Element.prototype.getBoundingClientRect.call(element);
  const quadsOf = (element) => Element.prototype.getClientRects.call(element);

  const parentOf = (node) => {
    if (node instanceof Element) {
      const slot = slotOf(node);
      if (slot) return slot;
    } else if (node instanceof Text && node.assignedSlot) {
      return node.assignedSlot;
    }
    const parent = parentNodeOf(node);
    return parent instanceof ShadowRoot ? parent.host : parent;
  };
  const within = (ancestor, node) => {
    for (let at = node; at; at = parentOf(at)) if (at === ancestor) return true;
    return false;
  };
  const up = (element, test) => {
    for (let at = element; at instanceof Element; at = parentOf(at)) if (test(at)) return at;
    return null;
  };
  const roleOf = (element) => (attribute(element, 'role') || '').trim().split(/\s+/)[0].toLowerCase();
  const deepest = (x, y) => {
    let hit = document.elementFromPoint(x, y);
    for (let root = hit && shadowOf(hit); root; root = hit && shadowOf(hit)) {
      const inner = root.elementFromPoint(x, y);
      if (!inner || inner === hit) break;
      hit = inner;
    }
    return hit;
  };
  const focused = () => {
    let at = document.activeElement;
    while (at && shadowOf(at) && shadowOf(at).activeElement) at = shadowOf(at).activeElement;
    return at;
  };
  const describe = (element) => {
    const { role, name } = hb.describe(element);
    const label = name || attribute(element, 'id') || '';
    const what = role === 'generic' ? nameOf(element) : role;
    return label ? `${what} "${label.slice(0, 80)}"` : what;
  };

  // ---- What can be done with an element ----------------------------------------------------
  const TEXT_TYPES = new Set(['text', 'search', 'url', 'tel', 'email', 'password']);
  const VALUE_TYPES = new Set(['date', 'time', 'datetime-local', 'month', 'week', 'color', 'range', 'number']);
  const CONTROL_ROLES = new Set(['button', 'link', 'checkbox', 'radio', 'switch', 'option', 'tab', 'menuitem',
    'menuitemcheckbox', 'menuitemradio', 'treeitem', 'combobox']);
  const CONTROL_NAMES = new Set(['button', 'select', 'input', 'textarea', 'summary', 'option']);
  const isControl = (element) => CONTROL_NAMES.has(nameOf(element))
    || (nameOf(element) === 'a' && has(element, 'href')) || CONTROL_ROLES.has(roleOf(element));
  const labelsOf = (element) => [...(element instanceof HTMLElement && element.labels || [])];
  const typeOf = (element) => (nameOf(element) === 'input' ? element.type : '');
  const editingHost = (element) => up(element, (at) => at instanceof HTMLElement && at.isContentEditable
    && !(parentOf(at) instanceof HTMLElement && parentOf(at).isContentEditable));
  const isText = (element) => nameOf(element) === 'textarea'
    || (nameOf(element) === 'input' && (TEXT_TYPES.has(typeOf(element)) || VALUE_TYPES.has(typeOf(element))));

  const rendered = (element) => Element.prototype.checkVisibility.call(element, { visibilityProperty: true });
  const visible = (element) => {
    if (!rendered(element)) return false;
    return [...quadsOf(element)].some((quad) => quad.width > 0 && quad.height > 0);
  };
  const inert = (element) => {
    if (up(element, (at) => at instanceof HTMLElement && at.inert)) return true;
    const modals = [...document.querySelectorAll('dialog:modal')];
    return modals.length > 0 && !modals.some((modal) => within(modal, element));
  };
  const disabled = (element) => matches(element, ':disabled')
    || !!up(element, (at) => (attribute(at, 'aria-disabled') || '').toLowerCase() === 'true');

  // The control that an element stands for, and the element whose box a person would aim at.
  const retarget = (element, kind) => {
    let subject = element;
    if (kind === 'click' || kind === 'scroll') {
      if (kind === 'click') subject = up(element, isControl) || element;
    } else if (kind === 'type' && !isText(element) && !editingHost(element)) {
      const inside = [...element.querySelectorAll('input, textarea, [contenteditable]')].filter(visible);
      if (inside.length === 1) [subject] = inside;
    }
    const label = ['hover', 'drop'].includes(kind) ? null : up(subject, (at) => nameOf(at) === 'label');
    if (label && label.control && !within(subject, label.control) && !isControl(subject)) subject = label.control;
    if (kind === 'type') subject = isText(subject) ? subject : editingHost(subject) || subject;
    let surface = subject;
    if (kind === 'upload' && typeOf(subject) !== 'file') {
      // A drop zone around its input.
      const inside = [...subject.querySelectorAll('input[type=file]')];
      if (inside.length === 1) [subject] = inside;
    }
    if (['checkbox', 'radio', 'file'].includes(typeOf(subject))) {
      const style = visible(subject) && getComputedStyle(subject);
      if (!style || style.opacity === '0' || !pointOf(subject, false)) {
        surface = labelsOf(subject).find(visible) || surface;
      }
    }
    return { subject, surface };
  };

  // ---- Stillness of a box ------------------------------------------------------------------
  const MOVING = /^(transform|translate|rotate|scale|left|top|right|bottom|inset.*|width|height|margin.*|offset.*)$/;
  const boxes = new WeakMap();
  const sameBox = (a, b) => a && a.x === b.x && a.y === b.y && a.width === b.width && a.height === b.height;
  const frame = () => new Promise((resolve) => {
    const timer = setTimeout(resolve, 100); // a tab that produces no frames
    requestAnimationFrame(() => { clearTimeout(timer); resolve(); });
  });
  const moving = (element) => {
    const running = document.getAnimations().filter((animation) => animation.playState === 'running');
    return running.some((animation) => {
      const target = animation.effect && animation.effect.target;
      return target && within(target, element)
        && animation.effect.getKeyframes().some((step) => Object.keys(step).some((key) => MOVING.test(key)));
    });
  };
  const still = async (element) => {
    if (moving(element)) return false;
    const known = boxes.get(element);
    const now = boxOf(element);
    if (known && performance.now() - known.at > 17 && sameBox(known.box, now)) return true;
    await frame();
    const first = boxOf(element);
    await frame();
    const second = boxOf(element);
    boxes.set(element, { box: second, at: performance.now() });
    return sameBox(first, second) && !moving(element);
  };

  // ---- Where to aim ------------------------------------------------------------------------
  const clipped = (rect, element) => {
    let { left, top, right, bottom } = rect;
    let position = getComputedStyle(element).position;
    for (let at = parentOf(element); at instanceof Element; at = parentOf(at)) {
      if (position === 'fixed') break;
      const style = getComputedStyle(at);
      if (position === 'absolute' && style.position === 'static' && style.transform === 'none') continue;
      const root = at === document.documentElement || (at === document.body && document.scrollingElement !== at);
      if (!root && (style.overflowX !== 'visible' || style.overflowY !== 'visible') && style.display !== 'contents') {
        const box = boxOf(at);
        if (style.overflowX !== 'visible') { left = Math.max(left, box.left); right = Math.min(right, box.right); }
        if (style.overflowY !== 'visible') { top = Math.max(top, box.top); bottom = Math.min(bottom, box.bottom); }
      }
      position = style.position;
    }
    return { left, top, right, bottom };
  };
  const view = () => ({ left: 0, top: 0, right: document.documentElement.clientWidth || innerWidth, bottom: innerHeight });
  const pointOf = (element, inView = true) => {
    let best = null;
    let most = 1;
    const limit = view();
    for (const quad of quadsOf(element)) {
      const part = clipped(quad, element);
      if (inView) {
        part.left = Math.max(part.left, limit.left); part.top = Math.max(part.top, limit.top);
        part.right = Math.min(part.right, limit.right); part.bottom = Math.min(part.bottom, limit.bottom);
      }
      const area = Math.max(0, part.right - part.left) * Math.max(0, part.bottom - part.top);
      if (area >= most && (!best || area > most)) {
        most = area;
        const inside = (low, high) => {
          const middle = Math.round((low + high) / 2);
          return middle > low && middle < high ? middle : (low + high) / 2;
        };
        best = { x: inside(part.left, part.right), y: inside(part.top, part.bottom) };
      }
    }
    return best;
  };
  const ALIGNMENTS = ['nearest', 'end', 'center', 'start'];
  const bring = (element, attempt) => {
    const align = ALIGNMENTS[attempt % ALIGNMENTS.length];
    Element.prototype.scrollIntoView.call(element, { block: align, inline: align === 'nearest' ? align : 'nearest', behavior: 'instant' });
  };
  const accepts = (subject, surface, hit) => {
    if (!hit) return false;
    if (within(surface, hit) || within(subject, hit)) return true;
    return labelsOf(subject).some((label) => within(label, hit));
  };
  // The outermost element that covers without containing.
  const coverOf = (hit, target) => {
    let cover = hit;
    for (let at = hit; at instanceof Element && !within(at, target); at = parentOf(at)) cover = at;
    return cover;
  };
  const covered = (hit, target) => {
    const cover = hit ? coverOf(hit, target) : null;
    if (!cover) return { ok: false, reason: 'covered', by: null, what: 'something' };
    const { role, name } = hb.describe(cover);
    return { ok: false, reason: 'covered', by: hb.ref(cover), what: describe(cover), role, name };
  };

  // ---- The guard ---------------------------------------------------------------------------
  let armed = null;
  const DECIDING = new Set(['pointerover', 'pointermove', 'pointerdown']);
  const GUARDED = ['pointerover', 'pointerenter', 'mouseover', 'mouseenter', 'pointermove', 'mousemove', 'pointerdown',
    'mousedown', 'pointerup', 'mouseup', 'click', 'dblclick', 'auxclick', 'contextmenu'];
  const onGuarded = (event) => {
    if (!armed || !event.isTrusted) return;
    if (!armed.missed && DECIDING.has(event.type)) {
      const hit = event.composedPath()[0];
      if (armed.passage) {
        // Over the frame element the events belong to the frame, except that it was entered.
        if (event.type !== 'pointerover' || !within(armed.surface, hit)) armed.missed = { hit };
      } else if (!accepts(armed.subject, armed.surface, hit)) {
        armed.missed = { hit };
      } else if (event.type === 'pointerdown') {
        armed.landed = true;
      } else {
        armed.reached = true;
      }
    }
    if (armed.missed) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  };
  const listen = () => {
    for (const type of GUARDED) addEventListener(type, onGuarded, { capture: true, passive: false });
  };
  const arm = (subject, surface, passage) => {
    listen();
    armed = { subject, surface, passage, missed: null, landed: false, reached: false };
  };
  listen();

  // What became of the gesture so far.
  hb.verdict = () => {
    const was = armed;
    if (!was) return { landed: false, reached: false, missed: null };
    const missed = was.missed && was.missed.hit instanceof Element ? covered(was.missed.hit, was.surface)
      : was.missed && { by: null, what: 'something' };
    return { landed: was.landed, reached: was.reached, missed: missed && !was.landed ? missed : null };
  };
  hb.disarm = () => { armed = null; return true; };

  // ---- Drags -------------------------------------------------------------------------------
  // Whether the page lets the browser drag something since it was last asked.
  let started = null;
  const onDragStart = (event) => { if (event.isTrusted) started = event; };
  const listenForDrags = () => addEventListener('dragstart', onDragStart, { capture: true });
  listenForDrags();
  hb.dragStarted = () => {
    listenForDrags(); // gone after document.open()
    const was = started;
    started = null;
    return !!was && !was.defaultPrevented;
  };

  // ---- One attempt -------------------------------------------------------------------------
  const fail = (reason, more) => ({ ok: false, reason, ...more });
  // kind: click, hover, drop, type, upload, select, scroll, focus. `aim` asks for a point, `guard`
  // for the guard. `was` is what the reader of the ref was told: a role and a name.
  hb.check = async ({ n, kind, attempt, aim, guard, was }) => {
    const element = n === null ? focused() : hb.element(n);
    if (!element || !connected(element)) return fail('stale');
    if (was) {
      const is = hb.describe(element);
      if (is.role !== was.role || is.name !== was.name) return fail('stale');
    }
    const { subject, surface } = retarget(element, kind);
    if (!visible(surface)) return fail('not_visible');
    if (inert(subject)) return fail('inert');
    if (!['hover', 'drop', 'scroll'].includes(kind) && disabled(subject)) return fail('disabled');
    if (kind === 'type') {
      const host = editingHost(subject);
      if (!isText(subject) && !host) return fail('not_editable');
      if (subject.readOnly || (attribute(subject, 'aria-readonly') || '') === 'true') return fail('readonly');
    }
    if (kind !== 'scroll' && !(await still(surface))) return fail('not_stable');
    if (!connected(subject)) return fail('detached');
    const { role, name } = hb.describe(subject);
    const about = {
      ok: true, n: hb.ref(subject), role, name, width: innerWidth, height: innerHeight, field: fieldOf(subject),
    };
    let point = pointOf(surface);
    if (!point || kind === 'scroll' || (aim && attempt > 0 && !accepts(subject, surface, deepest(point.x, point.y)))) {
      bring(surface, attempt);
      point = pointOf(surface);
    }
    if (!aim) return { ...about, ...(point || { x: 0, y: 0 }) };
    if (!point) return fail(pointOf(surface, false) ? 'outside_viewport' : 'not_visible');
    let hit = deepest(point.x, point.y);
    if (!accepts(subject, surface, hit)) {
      // The rest of a sticky bar, perhaps: another alignment within the same attempt is free.
      bring(surface, attempt + 2);
      const again = pointOf(surface);
      if (again && accepts(subject, surface, deepest(again.x, again.y))) point = again;
      else if (getComputedStyle(subject).pointerEvents === 'none') return fail('inert');
      else return covered(hit, surface);
      hit = deepest(point.x, point.y);
    }
    if (guard) arm(subject, surface, false);
    return { ...about, ...point };
  };
  // The same in a frame on the way: the point must meet the frame element.
  hb.passage = ({ n, x, y, guard }) => {
    const element = hb.element(n);
    if (!element || !connected(element)) return fail('detached');
    if (!visible(element)) return fail('not_visible');
    if (inert(element)) return fail('inert');
    const limit = view();
    if (x < limit.left || y < limit.top || x >= limit.right || y >= limit.bottom) {
      const before = [scrollX, scrollY];
      const over = (at, low, high) => (at < low || at >= high ? at - (low + high) / 2 : 0);
      scrollBy({ left: over(x, limit.left, limit.right), top: over(y, limit.top, limit.bottom), behavior: 'instant' });
      return fail(before[0] !== scrollX || before[1] !== scrollY ? 'moved' : 'outside_viewport');
    }
    const hit = deepest(x, y);
    if (!hit || !within(element, hit)) {
      const inside = clipped({ left: x, top: y, right: x + 1, bottom: y + 1 }, element);
      if (inside.right - inside.left < 1 || inside.bottom - inside.top < 1) {
        const before = boxOf(element);
        bring(element, 0);
        return fail(sameBox(before, boxOf(element)) ? 'outside_viewport' : 'moved');
      }
      return covered(hit, element);
    }
    if (guard) arm(element, element, true);
    return { ok: true, n, width: innerWidth, height: innerHeight, x, y, field: null };
  };
  hb.size = () => ({ width: innerWidth, height: innerHeight });

  // ---- Fields ------------------------------------------------------------------------------
  const nativeSet = (element, name, value) => {
    const proto = { input: HTMLInputElement, textarea: HTMLTextAreaElement, select: HTMLSelectElement, option: HTMLOptionElement }[nameOf(element)].prototype;
    Object.getOwnPropertyDescriptor(proto, name).set.call(element, value);
  };
  const tell = (element) => {
    element.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
    element.dispatchEvent(new Event('change', { bubbles: true }));
  };
  const wasPassword = new WeakSet();
  const masked = (element) => {
    if (typeOf(element) === 'password') wasPassword.add(element);
    return wasPassword.has(element) || (hb.masked ? hb.masked(element) : false);
  };
  const valueOf = (element) => {
    if (nameOf(element) === 'select') return [...element.selectedOptions].map((option) => option.label.trim()).join(', ');
    if ('value' in element && (nameOf(element) === 'input' || nameOf(element) === 'textarea')) return element.value;
    return element instanceof HTMLElement ? element.innerText.replace(/\n$/, '') : '';
  };
  const fieldOf = (element) => {
    const name = nameOf(element);
    const byValue = name === 'input' && VALUE_TYPES.has(element.type);
    const kind = byValue ? 'value' : isText(element) ? 'text' : editingHost(element) === element ? 'editing' : name;
    return { kind, type: typeOf(element), masked: masked(element), multiline: name === 'textarea' || kind === 'editing', one: hb.isCodeBox(element) };
  };
  const before = new WeakMap();
  // What an insertion came to: `is` as wanted, `same` as before the focus, or `other`.
  hb.filled = ({ n, wanted, added }) => {
    const element = hb.element(n);
    if (!element || !connected(element)) return 'other';
    const value = valueOf(element);
    const was = before.get(element) || '';
    return value === (added ? was + wanted : wanted) ? 'is' : value === was ? 'same' : 'other';
  };
  // The caret behind everything. Some fields know no selection but the document's.
  const toTheEnd = (element) => {
    if (isText(element) && element.selectionStart !== null) {
      element.setSelectionRange(element.value.length, element.value.length);
    } else if (isText(element)) {
      getSelection().modify('move', 'forward', 'documentboundary');
    } else {
      getSelection().selectAllChildren(element);
      getSelection().collapseToEnd();
    }
  };
  // Focus, and everything selected (`all`) or the caret at the end (`end`).
  hb.focus = ({ n, select }) => {
    const element = hb.element(n);
    if (!element || !connected(element)) return { ok: false };
    before.set(element, valueOf(element));
    element.focus({ preventScroll: true });
    if (select === 'end') {
      toTheEnd(element);
    } else if (select === 'all' && isText(element)) {
      element.select();
    } else if (select === 'all' && editingHost(element)) {
      const range = document.createRange();
      range.selectNodeContents(element);
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
    }
    const at = focused();
    return { ok: !!at && (at === element || within(element, at) || within(at, element)) };
  };
  hb.value = ({ n }) => {
    const element = n === null ? focused() : hb.element(n);
    if (!element || !connected(element)) return null;
    const hidden = masked(element);
    return { value: hidden ? (valueOf(element) ? '••••' : '') : valueOf(element), masked: hidden };
  };
  // Compares in place, so that a masked value stays where it is.
  hb.compares = ({ n, op, wanted }) => {
    const element = hb.element(n);
    if (!element || !connected(element)) return null;
    return op === 'matches' ? new RegExp(wanted, 'u').test(valueOf(element)) : hb.compare(element, op, wanted);
  };
  // The ref of a record of the latest walk.
  hb.seenRef = ({ walk, record, floor }) => {
    const element = hb.seen(walk, record);
    return element ? hb.ref(element, floor) : null;
  };
  // The element that keys go to, as far as this document knows: it may be a frame.
  hb.focusRef = () => {
    const element = focused();
    if (!element || element === document.body || element === document.documentElement) return null;
    return { n: hb.ref(element), frame: ['iframe', 'frame'].includes(nameOf(element)) };
  };
  // For fields whose parts a person types one by one. A refused or changed value is put back.
  hb.setValue = ({ n, value }) => {
    const element = hb.element(n);
    const before = element.value;
    nativeSet(element, 'value', value);
    const after = element.value;
    const number = ['range', 'number'].includes(element.type);
    const same = after === value || (number && after !== '' && Number(after) === Number(value))
      || (element.type === 'color' && after.toLowerCase() === value.toLowerCase())
      || (/^(time|datetime-local)$/.test(element.type) && after !== '' && (after.startsWith(value) || value.startsWith(after)));
    if (!same) {
      nativeSet(element, 'value', before);
      return { ok: false, got: after, type: element.type, min: element.min, max: element.max };
    }
    element.focus({ preventScroll: true });
    tell(element);
    return { ok: true, got: element.value };
  };
  hb.state = ({ n }) => {
    const element = hb.element(n);
    if (!element || !connected(element)) return null;
    const aria = (name) => { const value = attribute(element, name); return value === null ? null : value.toLowerCase(); };
    const native = ['checkbox', 'radio'].includes(typeOf(element));
    const details = nameOf(element) === 'summary' && parentOf(element) instanceof HTMLDetailsElement ? parentOf(element)
      : element instanceof HTMLDetailsElement ? element : null;
    return {
      checked: native ? (element.indeterminate ? 'mixed' : String(element.checked)) : aria('aria-checked') || aria('aria-pressed') || aria('aria-selected'),
      expanded: details ? String(details.open) : aria('aria-expanded'),
    };
  };

  // ---- Choosing ----------------------------------------------------------------------------
  const norm = (text) => text.replace(/\s+/g, ' ').trim();
  const labelOf = (option) => norm(nameOf(option) === 'option' ? option.label : attribute(option, 'aria-label') || option.innerText || option.textContent);
  const valueAttribute = (option) => (nameOf(option) === 'option' ? option.value : attribute(option, 'data-value') || attribute(option, 'value') || labelOf(option));
  const pick = (options, wanted) => {
    const low = norm(wanted).toLowerCase();
    return options.find((option) => valueAttribute(option) === wanted)
      || options.find((option) => labelOf(option) === norm(wanted))
      || options.find((option) => valueAttribute(option).toLowerCase() === low)
      || options.find((option) => labelOf(option).toLowerCase() === low);
  };
  const listed = (options) => options.slice(0, 50).map((option) => ({ value: valueAttribute(option).slice(0, 200), label: labelOf(option).slice(0, 200) }));
  const disabledOption = (option) => disabled(option) || (option.parentElement instanceof HTMLOptGroupElement && option.parentElement.disabled);
  hb.choose = ({ n, values }) => {
    const select = hb.element(n);
    if (!select || !connected(select)) return { ok: false, why: 'stale' };
    if (nameOf(select) !== 'select') return { ok: false, why: 'custom' };
    const options = [...select.options];
    const chosen = values.map((value) => pick(options, value));
    const missing = chosen.findIndex((option) => !option);
    if (missing >= 0) return { ok: false, why: 'missing', wanted: missing, options: listed(options) };
    if (chosen.some(disabledOption)) return { ok: false, why: 'disabled' };
    if (!select.multiple && chosen.length > 1) return { ok: false, why: 'single' };
    select.focus({ preventScroll: true });
    for (const option of options) {
      const wanted = chosen.includes(option);
      if (option.selected !== wanted && (select.multiple || wanted)) nativeSet(option, 'selected', wanted);
    }
    tell(select);
    return { ok: true, selected: listed([...select.selectedOptions]) };
  };
  // What a custom widget offers: what it controls or owns, else the list that is to be seen.
  const OPTIONS = '[role=option], [role=radio], [role=menuitemradio], [role=menuitem], [role=treeitem], input[type=radio]';
  const everywhere = (root, selector, found = []) => {
    for (const element of root.querySelectorAll('*')) {
      if (matches(element, selector)) found.push(element);
      const shadow = shadowOf(element);
      if (shadow) everywhere(shadow, selector, found);
    }
    return found;
  };
  hb.offers = ({ n, values }) => {
    const widget = hb.element(n);
    if (!widget || !connected(widget)) return { ok: false, why: 'stale' };
    const root = widget.getRootNode();
    const inner = [widget, ...widget.querySelectorAll('[aria-controls], [aria-owns], [role=combobox], input')];
    const ids = inner.flatMap((at) => `${attribute(at, 'aria-controls') || ''} ${attribute(at, 'aria-owns') || ''}`.split(/\s+/)).filter(Boolean);
    let options = [widget, ...ids.map((id) => root.getElementById && root.getElementById(id)).filter(Boolean)]
      .flatMap((at) => [...at.querySelectorAll(OPTIONS)]).filter(visible);
    if (!options.length) {
      options = everywhere(document, '[role=listbox], [role=menu], [role=tree]').filter(visible)
        .flatMap((at) => [...at.querySelectorAll(OPTIONS)]).filter(visible);
    }
    const name = (option) => (nameOf(option) === 'input' ? norm((labelsOf(option)[0] || option).innerText || option.value) : labelOf(option));
    const low = (text) => norm(text).toLowerCase();
    const found = values.map((value) => pick(options.filter((option) => nameOf(option) !== 'input'), value)
      || options.find((option) => name(option) === norm(value)) || options.find((option) => low(name(option)) === low(value)));
    const missing = found.findIndex((option) => !option);
    return {
      ok: missing < 0, why: missing < 0 ? null : 'missing', wanted: missing,
      found: found.map((option) => (option ? hb.ref(option) : null)),
      options: options.slice(0, 50).map((option) => ({ value: valueAttribute(option).slice(0, 200), label: name(option).slice(0, 200) })),
      expanded: (attribute(widget, 'aria-expanded') || '').toLowerCase() === 'true', editable: isText(widget),
    };
  };
  // Whether a custom widget shows what was chosen.
  hb.shows = ({ n, option, label }) => {
    const widget = hb.element(n);
    const chosen = option === null ? null : hb.element(option);
    if (chosen && connected(chosen)) {
      if (['aria-selected', 'aria-checked'].some((name) => attribute(chosen, name) === 'true') || chosen.checked) return true;
    }
    return !!widget && connected(widget) && norm(`${valueOf(widget)} ${widget.innerText || ''}`).toLowerCase().includes(norm(label).toLowerCase());
  };

  // ---- Scrolling ---------------------------------------------------------------------------
  const scrolls = (element) => {
    const style = getComputedStyle(element);
    const can = (overflow) => overflow === 'auto' || overflow === 'scroll' || overflow === 'overlay';
    return (can(style.overflowY) && element.scrollHeight > clientHeightOf(element) + 1)
      || (can(style.overflowX) && element.scrollWidth > clientWidthOf(element) + 1);
  };
  const page = () => document.scrollingElement || document.documentElement;
  let scroller = null;
  const position = (at) => {
    const maxX = Math.max(0, at.scrollWidth - (at === page() ? innerWidth : clientWidthOf(at)));
    const maxY = Math.max(0, at.scrollHeight - (at === page() ? innerHeight : clientHeightOf(at)));
    return {
      x: Math.round(at.scrollLeft), y: Math.round(at.scrollTop), max_x: maxX, max_y: maxY,
      at_top: at.scrollTop <= 1, at_bottom: at.scrollTop >= maxY - 1,
    };
  };
  // Finds what scrolls, and where the wheel must turn.
  hb.scroller = ({ n }) => {
    const from = n === null ? deepest(innerWidth / 2, innerHeight / 2) : hb.element(n);
    if (n !== null && (!from || !connected(from))) return null;
    const inner = n === null ? null : [from, ...from.querySelectorAll('*')].find(scrolls);
    scroller = inner || up(from, (at) => at !== page() && at !== document.body && scrolls(at)) || page();
    const point = scroller === page() ? { x: Math.floor(innerWidth / 2), y: Math.floor(innerHeight / 2) } : pointOf(scroller);
    const height = scroller === page() ? innerHeight : clientHeightOf(scroller);
    const width = scroller === page() ? innerWidth : clientWidthOf(scroller);
    return { ...(point || { x: innerWidth / 2, y: innerHeight / 2 }), height, width, at: position(scroller) };
  };
  hb.scrollEdge = ({ top }) => {
    if (scroller) scroller.scrollTo({ top: top ? 0 : scroller.scrollHeight, behavior: 'instant' });
    return true;
  };
  // The offset once it is equal in two frames (and the wheel has had time to arrive).
  hb.scrolled = async ({ before }) => {
    let last = null;
    for (let turn = 0; turn < 60; turn += 1) {
      await frame();
      const now = position(scroller || page());
      const same = last && last.x === now.x && last.y === now.y;
      const arrived = now.x !== before.x || now.y !== before.y || turn >= 9;
      if (same && arrived) return now;
      last = now;
    }
    return last;
  };

  // Whether some visible text with these words is in the viewport.
  hb.inView = ({ text }) => {
    const wanted = norm(text);
    const limit = view();
    const roots = [document];
    while (roots.length) {
      const root = roots.pop();
      const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT);
      for (let at = walker.nextNode(); at; at = walker.nextNode()) {
        if (shadowOf(at)) roots.push(shadowOf(at));
        if (!(at instanceof HTMLElement) || at.children.length > 8 || !norm(at.textContent).includes(wanted)) continue;
        const box = boxOf(at);
        if (box.bottom > limit.top && box.top < limit.bottom && box.right > limit.left && box.left < limit.right && visible(at)) return true;
      }
    }
    return false;
  };

  // ---- Secrets -----------------------------------------------------------------------------
  // The selector that obscures a field, for a style sheet of the inspector's.
  hb.obscure = ({ n }) => {
    let element = hb.element(n);
    for (let root = element.getRootNode(); root instanceof ShadowRoot; root = element.getRootNode()) element = root.host;
    for (const name of ['id', 'name']) {
      const value = attribute(element, name);
      if (value) {
        const selector = `${nameOf(element)}[${name}="${CSS.escape(value)}"]`;
        if (document.querySelectorAll(selector).length === 1) return selector;
      }
    }
    return element === hb.element(n) ? 'input, textarea, [contenteditable]' : nameOf(element);
  };
  // Reads back whether it is obscured, by our own hand if need be, and taints it.
  hb.veil = ({ n }) => {
    const element = hb.element(n);
    hb.taint(element);
    const veiled = () => getComputedStyle(element).webkitTextSecurity === 'disc' || typeOf(element) === 'password';
    if (!veiled()) element.style.setProperty('-webkit-text-security', 'disc', 'important');
    return veiled();
  };

  // ---- Coming to rest ----------------------------------------------------------------------
  // One observer for everything that changes. `stamps` says when an element changed outside of our
  // own settling: what ticked before an action does not hold up its result.
  const NOISE_MEMORY = 2000;
  const STAMPS_APART = 200;
  const STAMPS_KEPT = 200; // 40 s: more than the navigation deadline
  const stamps = new WeakMap();
  const tallies = new WeakMap();
  const settled = []; // periods that belonged to actions
  let watchers = [];
  let content = 0;
  let lastContent = performance.now();
  let busiest = null;
  const VISUAL = /^(class|style|hidden|disabled|open|aria-.*)$/;
  const watched = new WeakSet();
  const observer = new MutationObserver((records) => {
    const now = performance.now();
    for (const record of records) {
      const target = record.target instanceof Element ? record.target : parentOf(record.target) || document;
      if (record.type === 'attributes') {
        if (!VISUAL.test(record.attributeName)) continue;
      } else {
        content += 1;
        lastContent = now;
        const tally = (tallies.get(target) || 0) + 1;
        tallies.set(target, tally);
        if (!busiest || tally > busiest.tally) busiest = { element: new WeakRef(target), tally };
      }
      for (const watcher of watchers) watcher(target, now);
      // Sparse, so that they reach back far enough however long the action waits for its network.
      const times = stamps.get(target) || [];
      if (times.length && now - times[times.length - 1] < STAMPS_APART) continue;
      times.push(now);
      if (times.length > STAMPS_KEPT) times.shift();
      stamps.set(target, times);
    }
  });
  const observe = (root) => {
    if (watched.has(root)) return;
    watched.add(root);
    observer.observe(root, { subtree: true, childList: true, characterData: true, attributes: true });
  };
  const observeAll = () => {
    observe(document);
    const roots = (root) => {
      for (const element of root.querySelectorAll('*')) {
        const shadow = shadowOf(element);
        if (shadow) { observe(shadow); roots(shadow); }
      }
    };
    roots(document);
  };
  observe(document);
  const noisy = (target, t0) => (stamps.get(target) || []).some((at) => at < t0 && at > t0 - NOISE_MEMORY
    && !settled.some((period) => at >= period.from && at <= period.to));
  // Waits for two frames, then `quiet` ms without a change that the action may have made; at most
  // `cap` ms in all. `since`: ms ago that the action began.
  hb.quiet = async ({ since, quiet, cap }) => {
    const began = performance.now();
    const t0 = began - since;
    observeAll();
    let last = 0;
    const watcher = (target, now) => { if (!noisy(target, t0)) last = now; };
    watchers.push(watcher);
    await frame();
    await frame();
    observeAll();
    last = performance.now();
    let rest = true;
    for (;;) {
      const now = performance.now();
      const left = Math.min(last + quiet - now, began + cap - now);
      if (now - last >= quiet) break;
      if (left <= 0) { rest = false; break; }
      await new Promise((resolve) => { setTimeout(resolve, left); });
    }
    watchers = watchers.filter((one) => one !== watcher);
    settled.push({ from: t0, to: performance.now() });
    while (settled.length > 8) settled.shift();
    return rest;
  };
  // Resolves when child lists and texts have not changed for `quiet` ms, counted from the call at
  // the earliest, or after `cap` ms.
  hb.calm = async ({ quiet, cap, since }) => {
    const began = performance.now();
    const from = began - since;
    observeAll();
    for (;;) {
      const now = performance.now();
      const idle = now - Math.max(lastContent, from);
      if (idle >= quiet || now - began >= cap) return true;
      await new Promise((resolve) => { setTimeout(resolve, Math.min(quiet - idle, began + cap - now)); });
      observeAll();
    }
  };
  hb.rest = ({ since }) => {
    const now = performance.now();
    const top = busiest && busiest.element.deref();
    return { idle: now - Math.max(lastContent, now - since), mutations: content, busiest: top instanceof Element ? describe(top) : null, tally: busiest ? busiest.tally : 0 };
  };
  // For the scripts that come after this one.
  hb.parts = {
    attribute, boxOf, connected, everywhere, focused, frame, isText, labelsOf, nameOf, nativeSet, parentOf, shadowOf, tell, typeOf,
    up, valueOf, visible, within,
  };
  hb.origin = () => self.origin;
  hb.title = () => document.title;
  hb.place = () => ({ url: location.href, title: document.title });
})();
