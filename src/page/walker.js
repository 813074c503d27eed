// The walker: makes the accessibility tree of one frame as one string (snapshot.md 1 and 2.1).
//
// Installed in an isolated world of every frame at document start. It adds `__hb` to that world's
// global and nothing that the page can see.
//
// Format of a walk, parsed by `page::snapshot::record`: records end with U+001E, their fields are
// separated by U+001F, items of a list field by U+001D, parts of an item by U+001C. Page text never
// holds these: `clean` removes all control characters. Empty fields at a record's end are left out.
//
//   head  HB1, walk, next, url, title, origin, page WxH, viewport WxH, scroll X,Y, cut (1 or empty),
//         document
//   text  depth, #, flags, break, text, text as rendered (only if it differs), box
//   node  depth, role, flags, ref, name, value, marks*, box, labels*, hint, options*, cover
//
// `next` is the first number that no ref has. `break` says how a text joins the one before it: 0
// directly, 1 with a blank, 2 as a new run. A mark is `key` or `key=value`, in printing order; of
// `options` only the place is given. An option is flags (1 selected, 2 disabled), label, value,
// group. A box is `x,y,w,h` in CSS pixels of the frame's viewport; an iframe's is its content box.
// `document` tells documents apart; a depth is followed by a dot and what tells the elements of one
// document apart, as long as it lives (of a text it is the element that holds it).
// Records are counted from 0 after the head: `seen(walk, i)` is the element.
//
// flags: 1 visible, 2 interactive, 4 has a line in any case (it covers something), 8 takes text,
// 16 name is from content, 32 value is masked, 64 was hit-tested, 128 form, 256 section, 512 frame,
// 1024 heading of a `details`, 2048 has no role of its own, 4096 native select, 8192 has a value,
// 16384 cannot be used for a reason that is marked further up (inert).
(() => {
  'use strict';
  if (globalThis.__hb) return;

  // -- The DOM, read through prototypes: `<input name=children>` hides a form's own property. ------
  const get = (proto, key) => {
    const read = Object.getOwnPropertyDescriptor(proto, key).get;
    return (o) => read.call(o);
  };
  const E = Element.prototype, N = Node.prototype, D = Document.prototype;
  const fn = (f) => (o, a) => f.call(o, a);
  const tagOf = get(E, 'localName'), shadowOf = get(E, 'shadowRoot'), slotOf = get(E, 'assignedSlot');
  const firstOf = get(N, 'firstChild'), nextOf = get(N, 'nextSibling'), parentOf = get(N, 'parentNode');
  const attr = fn(E.getAttribute), has = fn(E.hasAttribute), hasAny = fn(E.hasAttributes), matches = fn(E.matches);
  const closest = fn(E.closest), one = fn(E.querySelector), all = fn(E.querySelectorAll);
  const boxOf = fn(E.getBoundingClientRect), rectsOf = fn(E.getClientRects);
  const rootOf = fn(N.getRootNode), holds = fn(N.contains), textOf = get(N, 'textContent');
  const visibleNow = fn(E.checkVisibility), connected = get(N, 'isConnected');
  const scrollW = get(E, 'scrollWidth'), scrollH = get(E, 'scrollHeight');
  const clientW = get(E, 'clientWidth'), clientH = get(E, 'clientHeight');
  const clientX = get(E, 'clientLeft'), clientY = get(E, 'clientTop');
  const scrollX1 = get(E, 'scrollLeft'), scrollY1 = get(E, 'scrollTop');
  const innerText = get(HTMLElement.prototype, 'innerText');
  const isEditable = get(HTMLElement.prototype, 'isContentEditable');
  const isInert = get(HTMLElement.prototype, 'inert');
  const docBody = get(D, 'body'), docRoot = get(D, 'documentElement'), docTitle = get(D, 'title');
  const docActive = get(D, 'activeElement'), docBase = get(N, 'baseURI');
  const docAll = fn(D.querySelectorAll), docFocus = fn(D.hasFocus);
  const docSheets = get(D, 'styleSheets'), docAdopted = get(D, 'adoptedStyleSheets');
  const docScroller = get(D, 'scrollingElement');
  const atPoint = (x, y) => D.elementFromPoint.call(document, x, y);
  const isHtml = (e) => e instanceof HTMLElement;
  const parentElement = (e) => {
    const slot = slotOf(e);
    if (slot) return slot;
    const p = parentOf(e);
    return p ? (p.nodeType === 1 ? p : p.nodeType === 11 && p.host ? p.host : null) : null;
  };
  const within = (e, top) => {
    for (let p = e; p; p = parentElement(p)) if (p === top) return true;
    return false;
  };
  const byId = (root, id) =>
    root.nodeType === 9 ? D.getElementById.call(root, id)
      : root.getElementById ? root.getElementById(id) : null;

  // -- Text ---------------------------------------------------------------------------------------
  const ODD = /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]/g;
  const BLANK = /[\s\u00a0\u2028\u2029]+/g;
  // Most texts need nothing done to them. (Long ones would need a deep stack to be found so.)
  const TIDY = /^[!-~]+(?: [!-~]+)*$/;
  const norm = (s) => (!s ? '' : s.length < 500 && TIDY.test(s) ? s
    : s.replace(ODD, '').replace(BLANK, ' ').trim());
  const LONG = 65536;
  const cut = (s) => {
    if (s.length <= LONG) return s;
    const at = s.lastIndexOf(' ', LONG);
    return s.slice(0, at > 0 ? at : LONG) + '…';
  };
  const lines = (s) => cut(norm(s.replace(/\r\n?|\n/g, ' ⏎ ')));

  const words = (s) => new Set(s.split(' '));
  const SKIP = words('script style template noscript head link meta base title param source track ' +
    'datalist noembed noframes');
  const SVG_SKIP = words('title desc metadata defs symbol clipPath mask pattern linearGradient ' +
    'radialGradient marker filter script style');
  const ROLES = words('alert alertdialog application article banner blockquote button caption cell ' +
    'checkbox code columnheader combobox complementary contentinfo definition deletion dialog ' +
    'directory document emphasis feed figure form generic grid gridcell group heading image img ' +
    'insertion link list listbox listitem log main mark marquee math menu menubar menuitem ' +
    'menuitemcheckbox menuitemradio meter navigation none note option paragraph presentation ' +
    'progressbar radio radiogroup region row rowgroup rowheader scrollbar search searchbox ' +
    'separator slider spinbutton status strong subscript suggestion superscript switch tab table ' +
    'tablist tabpanel term textbox time timer toolbar tooltip tree treegrid treeitem ' +
    'graphics-document graphics-object graphics-symbol');
  const CONTENT = words('button cell checkbox columnheader gridcell heading link menuitem ' +
    'menuitemcheckbox menuitemradio option radio row rowheader switch tab tooltip treeitem');
  const NAMELESS = words('caption code definition deletion emphasis insertion mark paragraph strong ' +
    'subscript superscript term time');
  const WIDGET = words('button checkbox combobox link listbox menuitem menuitemcheckbox ' +
    'menuitemradio option radio scrollbar searchbox slider spinbutton switch tab textbox treeitem');
  const CONTAINER = words('banner complementary contentinfo form main navigation region search ' +
    'dialog alertdialog table grid treegrid tree');
  const DISABLES = words('application button checkbox columnheader combobox grid gridcell group ' +
    'link listbox menu menubar menuitem menuitemcheckbox menuitemradio option radio radiogroup row ' +
    'rowheader scrollbar searchbox select separator slider spinbutton switch tab tablist textbox ' +
    'toolbar tree treegrid treeitem');
  const CHECKS = words('checkbox menuitemcheckbox menuitemradio option radio switch treeitem');
  const SELECTS = words('gridcell option row rowheader columnheader tab treeitem');
  const RANGES = words('slider spinbutton scrollbar progressbar meter separator');
  const LEAF = words('input textarea select progress meter img canvas video audio iframe frame ' +
    'object embed br hr wbr');
  const TYPES = words('date time datetime-local month week color password file');
  const PLAIN = words('text email tel url password date time datetime-local month week color');
  const LANDS = ['article', 'aside', 'main', 'nav', 'section'];
  const GLOBAL = ['aria-atomic', 'aria-busy', 'aria-controls', 'aria-current', 'aria-describedby',
    'aria-description', 'aria-details', 'aria-dropeffect', 'aria-flowto', 'aria-grabbed',
    'aria-hidden', 'aria-keyshortcuts', 'aria-label', 'aria-labelledby', 'aria-live', 'aria-owns',
    'aria-relevant', 'aria-roledescription'];
  const HANDLERS = ['onclick', 'onmousedown', 'onmouseup', 'onpointerdown', 'onpointerup'];
  const TAGS = {
    article: 'article', aside: 'complementary', address: 'group', blockquote: 'blockquote',
    button: 'button', caption: 'caption', code: 'code', dd: 'definition', del: 'deletion',
    details: 'group', dfn: 'term', dialog: 'dialog', dt: 'term', em: 'emphasis',
    fieldset: 'group', figure: 'figure', h1: 'heading', h2: 'heading', h3: 'heading',
    h4: 'heading', h5: 'heading', h6: 'heading', hgroup: 'group', hr: 'separator',
    ins: 'insertion', li: 'listitem', main: 'main', mark: 'mark', math: 'math', menu: 'list',
    meter: 'meter', nav: 'navigation', ol: 'list', optgroup: 'group', option: 'option',
    output: 'status', p: 'paragraph', progress: 'progressbar', s: 'deletion', search: 'search',
    strong: 'strong', sub: 'subscript', sup: 'superscript', table: 'table', tbody: 'rowgroup',
    tfoot: 'rowgroup', thead: 'rowgroup', textarea: 'textbox', time: 'time', tr: 'row',
    ul: 'list', canvas: 'canvas', video: 'video', audio: 'audio', iframe: 'iframe',
    frame: 'iframe', embed: 'embed', object: 'embed',
  };

  // -- What outlives a walk -----------------------------------------------------------------------
  const numbers = new WeakMap(), elements = new Map();
  let next = 1, serial = 0, last = [];
  const number = (e) => {
    let n = numbers.get(e);
    if (!n) {
      numbers.set(e, (n = next++));
      elements.set(n, new WeakRef(e));
    }
    return n;
  };
  // Tells this document from others, and its elements from each other, with or without a ref.
  const birth = Math.floor(Math.random() * 2 ** 52), ids = new WeakMap();
  let born = 0;
  const identity = (e) => {
    let id = ids.get(e);
    if (!id) ids.set(e, (id = ++born));
    return id.toString(36);
  };
  const secret = new WeakSet(), listening = new WeakSet(), watched = new WeakSet();
  // Custom elements that show nothing: they are called by their tag.
  const closed = new WeakSet();

  // Fields that ever were passwords. The observer sees a type that changes back between two walks.
  const notice = (e) => {
    if (tagOf(e) === 'input' && e.type === 'password') secret.add(e);
    const root = shadowOf(e);
    if (root) watch(root);
  };
  const watcher = new MutationObserver((records) => {
    for (const r of records) {
      if (r.type === 'attributes') {
        if (r.oldValue && r.oldValue.trim().toLowerCase() === 'password') secret.add(r.target);
        notice(r.target);
      } else {
        for (const n of r.addedNodes) {
          if (n.nodeType !== 1) continue;
          notice(n);
          for (const e of all(n, '*')) notice(e);
        }
      }
    }
  });
  function watch(root) {
    if (watched.has(root)) return;
    watched.add(root);
    watcher.observe(root, { subtree: true, childList: true, attributes: true,
      attributeFilter: ['type'], attributeOldValue: true });
    for (const e of root.nodeType === 9 ? docAll(root, '*') : root.querySelectorAll('*')) notice(e);
  }
  watch(document);
  // A root that is attached to an element already in the document makes no mutation: look again
  // when the document is ready, and at whatever is typed into.
  const again = () => { for (const e of docAll(document, '*')) notice(e); };
  for (const type of ['DOMContentLoaded', 'load']) addEventListener(type, again, { once: true, capture: true });
  for (const type of ['focusin', 'beforeinput', 'input']) {
    addEventListener(type, (event) => {
      for (const e of event.composedPath()) {
        if (e.nodeType === 1) notice(e);
        else if (e.nodeType === 11) watch(e);
      }
    }, { capture: true, passive: true });
  }
  const masked = (e) => {
    if (tagOf(e) === 'input' && e.type === 'password') secret.add(e);
    return secret.has(e);
  };

  // -- One walk's memory --------------------------------------------------------------------------
  let styles, roles, names, owners, ownedLists, pseudos, standIns, labelled, modal, entries, brk, count, late;
  let texts, stop, boxes, from, page, active, sheets = new WeakMap();

  const begin = () => {
    styles = new Map(); roles = new Map(); names = new Map(); owners = new Map();
    ownedLists = new Map(); pseudos = new Map(); standIns = new Map(); labelled = new Map();
    entries = []; brk = 2; count = 0; texts = 0; stop = false;
    adopt(document);
    modal = topModal();
    active = docFocus(document) ? docActive(document) : null;
    while (active && shadowOf(active) && shadowOf(active).activeElement) {
      active = shadowOf(active).activeElement;
    }
    if (active === docBody(document) || active === docRoot(document)) active = null;
  };
  const style = (e) => {
    let s = styles.get(e);
    if (!s) {
      const cs = getComputedStyle(e);
      s = { cs, d: cs.display, v: cs.visibility === 'visible' };
      styles.set(e, s);
    }
    return s;
  };
  const inlineBox = (d) => d === 'inline' || d === 'contents' || d === 'ruby';

  // The modal dialog that is on top of the others: only it answers a hit test at its centre.
  function topModal() {
    const found = [...docAll(document, 'dialog:modal')];
    if (found.length < 2) return found[0] || null;
    let top = found[found.length - 1];
    for (const d of found) {
      const b = boxOf(d), hit = atPoint(b.left + b.width / 2, b.top + b.height / 2);
      if (hit && within(hit, d) && !found.some((o) => o !== d && within(o, d) && within(hit, o))) top = d;
    }
    return top;
  }

  // aria-owns of one root. First owner wins; what would be its own ancestor is ignored.
  function adopt(root) {
    for (const owner of root.nodeType === 9 ? docAll(root, '[aria-owns]')
      : root.querySelectorAll('[aria-owns]')) {
      for (const e of refs(owner, 'aria-owns')) {
        if (owners.has(e)) continue;
        let p = owner;
        for (let i = 0; p && p !== e && i < 1000; i++) p = owners.get(p) || parentElement(p);
        if (p) continue;
        owners.set(e, owner);
        if (!ownedLists.has(owner)) ownedLists.set(owner, []);
        ownedLists.get(owner).push(e);
      }
    }
  }
  // A control's labels. Its own list is live: making one searches the whole tree, for every control
  // and again after every change. So each root's labels are asked once what they are for.
  const NONE = [];
  function labelsFor(e) {
    const root = rootOf(e);
    let known = labelled.get(root);
    if (!known) {
      labelled.set(root, (known = new Map()));
      const found = root.nodeType === 9 ? docAll(root, 'label') : root.querySelectorAll('label');
      for (const l of found) {
        const control = l.control;
        if (!control) continue;
        if (known.has(control)) known.get(control).push(l); else known.set(control, [l]);
      }
    }
    return known.get(e) || NONE;
  }
  // Children in the flat tree: shadow root, else what is slotted, then what is owned.
  function children(e) {
    const root = shadowOf(e), out = [];
    let list = null;
    if (root) {
      if (!pseudos.has(root)) {
        watch(root);
        adopt(root);
        pseudos.set(root, generates(root));
      }
    } else if (e instanceof HTMLSlotElement) {
      list = e.assignedNodes();
      if (!list.length) list = null;
    }
    if (list) {
      for (const n of list) if (!owners.has(n)) out.push(n);
    } else {
      for (let n = firstOf(root || e); n; n = nextOf(n)) {
        if (n.nodeType === 3 || (n.nodeType === 1 && !(owners.size && owners.has(n)))) out.push(n);
      }
    }
    const owned = ownedLists.get(e);
    return owned ? out.concat(owned) : out;
  }
  function refs(e, name) {
    const list = attr(e, name);
    if (!list) return [];
    const root = rootOf(e), out = [];
    for (const id of list.split(/\s+/)) {
      const t = id && byId(root, id);
      if (t && !out.includes(t)) out.push(t);
    }
    return out;
  }

  // ::before and ::after are read only where a style sheet makes some, or hides its rules from us.
  const hasPseudo = (rules) => {
    for (const r of rules) {
      if (r.selectorText && /::?(before|after)/.test(r.selectorText)) return true;
      if (r.cssRules && r.cssRules.length && hasPseudo(r.cssRules)) return true;
      if (r.styleSheet && sheetHas(r.styleSheet)) return true;
    }
    return false;
  };
  const sheetHas = (sheet) => {
    try {
      const rules = sheet.cssRules, known = sheets.get(sheet);
      if (known && known.length === rules.length) return known.has;
      const found = hasPseudo(rules);
      sheets.set(sheet, { length: rules.length, has: found });
      return found;
    } catch {
      return true;
    }
  };
  const generates = (root) => {
    const own = root.nodeType === 9 ? [docSheets(root), docAdopted(root)]
      : [root.styleSheets, root.adoptedStyleSheets];
    return own.some((list) => [...list].some(sheetHas));
  };
  function pseudo(e, which) {
    const root = rootOf(e);
    let on = pseudos.get(root);
    if (on === undefined) pseudos.set(root, (on = generates(root)));
    if (!on) return '';
    const cs = getComputedStyle(e, which), content = cs.content;
    if (!content || content === 'none' || content === 'normal' || cs.display === 'none' ||
      cs.visibility !== 'visible') return '';
    let out = '', alternative = null;
    for (const m of content.matchAll(/"((?:[^"\\]|\\.)*)"|attr\(\s*([\w-]+)[^)]*\)|(\/)/g)) {
      if (m[3]) { alternative = ''; continue; }
      const s = m[1] !== undefined ? m[1].replace(/\\(.)/g, '$1') : attr(e, m[2]) || '';
      if (alternative === null) out += s; else alternative += s;
    }
    if (alternative !== null) out = alternative;
    return inlineBox(cs.display) || !out ? out : ' ' + out + ' ';
  }

  // -- Roles --------------------------------------------------------------------------------------
  const focusable = (e, tag) => {
    if (has(e, 'tabindex') && !isNaN(parseInt(attr(e, 'tabindex')))) return true;
    switch (tag) {
      case 'a': case 'area': return has(e, 'href');
      case 'input': return e.type !== 'hidden' && !matches(e, ':disabled');
      case 'button': case 'select': case 'textarea': return !matches(e, ':disabled');
      case 'iframe': case 'summary': return true;
      case 'video': case 'audio': return has(e, 'controls');
    }
    return editingHost(e);
  };
  const editingHost = (e) => {
    const v = attr(e, 'contenteditable');
    if (v === null || v === 'false' || !isHtml(e) || !isEditable(e)) return false;
    const p = parentElement(e);
    return !(p && isHtml(p) && isEditable(p));
  };
  const authorName = (e) => norm(attr(e, 'aria-label')) ||
    refs(e, 'aria-labelledby').length || norm(attr(e, 'title'));
  const landed = (e) => {
    for (let p = parentElement(e); p; p = parentElement(p)) {
      if (LANDS.includes(tagOf(p))) return true;
    }
    return false;
  };
  const isSummary = (e, tag) => {
    if (tag !== 'summary') return false;
    const p = parentOf(e);
    if (!p || p.nodeType !== 1 || tagOf(p) !== 'details') return false;
    for (let n = firstOf(p); n; n = nextOf(n)) if (n.nodeType === 1 && tagOf(n) === 'summary') return n === e;
    return false;
  };
  const presentational = (e) => {
    const r = explicit(e);
    return (r === 'none' || r === 'presentation') && roleOf(e) === '';
  };
  const tableOf = (e) => closest(e, 'table');
  const explicit = (e) => {
    const list = attr(e, 'role');
    if (!list) return '';
    for (const t of list.trim().toLowerCase().split(/\s+/)) if (ROLES.has(t)) return t === 'image' ? 'img' : t;
    return '';
  };
  function roleOf(e) {
    let r = roles.get(e);
    if (r === undefined) {
      const tag = tagOf(e);
      r = explicit(e);
      if (r === 'none' || r === 'presentation') {
        r = focusable(e, tag) || GLOBAL.some((a) => has(e, a) && attr(e, a) !== '') ? implicit(e, tag) : '';
      } else if (!r) {
        r = implicit(e, tag);
      }
      roles.set(e, r);
    }
    return r;
  }
  function implicit(e, tag) {
    if (!isHtml(e)) {
      if (!(e instanceof SVGElement)) return tag === 'math' ? 'math' : '';
      switch (tag) {
        case 'svg': return 'img';
        case 'a': return has(e, 'href') || has(e, 'xlink:href') ? 'link' : '';
        case 'image': return svgNamed(e) || has(e, 'href') ? 'img' : '';
        case 'circle': case 'ellipse': case 'line': case 'path': case 'polygon': case 'polyline':
        case 'rect': case 'use': return svgNamed(e) ? 'graphics-symbol' : '';
        case 'g': return svgNamed(e) ? 'group' : '';
      }
      return '';
    }
    switch (tag) {
      case 'a': case 'area': return has(e, 'href') ? 'link' : editingHost(e) ? 'textbox' : '';
      case 'input': switch (e.type) {
        case 'button': case 'submit': case 'reset': case 'image': case 'file': return 'button';
        case 'checkbox': return 'checkbox';
        case 'radio': return 'radio';
        case 'range': return 'slider';
        case 'number': return 'spinbutton';
        case 'hidden': return '';
        case 'search': return e.list ? 'combobox' : 'searchbox';
        case 'text': case 'email': case 'tel': case 'url': return e.list ? 'combobox' : 'textbox';
        default: return 'textbox';
      }
      case 'select': return e.multiple || e.size > 1 ? 'listbox' : 'combobox';
      case 'header': return landed(e) ? '' : 'banner';
      case 'footer': return landed(e) ? '' : 'contentinfo';
      case 'section': return authorName(e) ? 'region' : '';
      case 'form': return authorName(e) ? 'form' : '';
      case 'img': return attr(e, 'alt') === '' && !authorName(e) && !focusable(e, tag) ? '' : 'img';
      case 'summary': return isSummary(e, tag) ? 'button' : '';
      case 'li': { const p = parentOf(e); return p && p.nodeType === 1 && presentational(p) ? '' : 'listitem'; }
      case 'dt': case 'dd': { const p = closest(e, 'dl'); return p && presentational(p) ? '' : TAGS[tag]; }
      case 'thead': case 'tbody': case 'tfoot': case 'tr': {
        const t = tableOf(e);
        return t && presentational(t) ? '' : TAGS[tag];
      }
      case 'td': case 'th': {
        const t = tableOf(e);
        if (t && presentational(t)) return '';
        const grid = t && /^(grid|treegrid)$/.test(explicit(t));
        return tag === 'td' ? (grid ? 'gridcell' : 'cell') : header(e);
      }
    }
    if (editingHost(e)) return TAGS[tag] && tag !== 'p' ? TAGS[tag] : 'textbox';
    return Object.hasOwn(TAGS, tag) ? TAGS[tag] : '';
  }
  const svgChild = (e) => {
    for (let n = firstOf(e); n; n = nextOf(n)) {
      if (n.nodeType === 1 && tagOf(n) === 'title' && n instanceof SVGElement) return n;
    }
    return null;
  };
  const svgNamed = (e) => norm(attr(e, 'aria-label')) || refs(e, 'aria-labelledby').length ||
    (svgChild(e) && norm(textOf(svgChild(e))));
  const header = (e) => {
    const scope = (attr(e, 'scope') || '').toLowerCase();
    if (scope === 'col' || scope === 'colgroup') return 'columnheader';
    if (scope === 'row' || scope === 'rowgroup') return 'rowheader';
    const data = (n) => n && tagOf(n) === 'td' && (norm(textOf(n)) || one(n, '*'));
    return data(e.previousElementSibling) || data(e.nextElementSibling) ? 'rowheader' : 'columnheader';
  };

  // -- Names (accname 1.2, in the order of snapshot.md 1.3) ---------------------------------------
  // o: top, the element being named; in, collected for another name; ref, inside a reference; hid,
  // hidden content counts; skip, the control whose label this is; seen, against cycles.
  const hiddenTarget = (e) => !visibleNow(e, { visibilityProperty: true }) || !!closest(e, '[aria-hidden=true]');
  const gather = (list, o) => list.map((t) =>
    alt(t, { ...o, in: true, ref: true, hid: hiddenTarget(t), seen: new Set() })).join(' ');
  function alt(e, o) {
    if (e === o.skip || o.seen.has(e)) return '';
    const tag = tagOf(e);
    if (tag === 'script' || tag === 'style' || tag === 'template' || tag === 'noscript') return '';
    if (o.in && !o.hid && (style(e).d === 'none' || attr(e, 'aria-hidden') === 'true')) return '';
    if (!o.ref && has(e, 'aria-labelledby')) {
      const s = norm(gather(refs(e, 'aria-labelledby'), o));
      if (s) return s;
    }
    const role = roleOf(e);
    if (o.in && e !== o.top) {
      const s = embedded(e, tag, role);
      if (s !== null) return s;
    }
    const label = norm(attr(e, 'aria-label'));
    if (label) return label;
    const native = host(e, tag, role, o);
    if (native && norm(native)) return native;
    if (o.in || CONTENT.has(role)) {
      o.seen.add(e);
      const s = content(e, o);
      if (norm(s)) {
        if (!o.in) from = true;
        return s;
      }
    }
    const title = norm(attr(e, 'title'));
    if (title) return title;
    return (tag === 'input' || tag === 'textarea' || role === 'textbox' || role === 'searchbox' ||
      role === 'combobox') && !o.in
      ? norm(attr(e, 'placeholder') || attr(e, 'aria-placeholder')) : '';
  }
  // The value of a control inside a label or other content; null if it is no such control.
  function embedded(e, tag, role) {
    switch (role) {
      case 'textbox': case 'searchbox':
        if (masked(e)) return '';
        return tag === 'input' || tag === 'textarea' ? e.value : textOf(e);
      case 'combobox': case 'listbox': {
        if (masked(e)) return '';
        if (tag === 'select') return [...e.selectedOptions].map((x) => x.label).join(' ');
        if (tag === 'input') return e.value;
        const lists = role === 'listbox' ? [e] : [e, ...refs(e, 'aria-controls'), ...refs(e, 'aria-owns')];
        const picked = lists.flatMap((l) => [...all(l, '[role=option][aria-selected=true]')]);
        if (picked.length) return picked.map((x) => textOf(x)).join(' ');
        return role === 'combobox' ? textOf(e) : '';
      }
      case 'slider': case 'spinbutton': case 'scrollbar': case 'progressbar': case 'meter': {
        const t = attr(e, 'aria-valuetext') || attr(e, 'aria-valuenow');
        return t !== null ? t : tag === 'input' || tag === 'progress' || tag === 'meter' ? String(e.value) : '';
      }
    }
    return null;
  }
  function host(e, tag, role, o) {
    switch (tag) {
      case 'input': case 'select': case 'textarea': case 'button': case 'meter': case 'output':
      case 'progress': {
        if (!o.in && labelsFor(e).length) {
          const s = norm(labelTexts(e, o).join(' '));
          if (s) return s;
        }
        if (tag !== 'input') return '';
        switch (e.type) {
          case 'submit': return e.value || 'Submit';
          case 'reset': return e.value || 'Reset';
          case 'button': return e.value;
          case 'image': return norm(attr(e, 'alt')) || norm(attr(e, 'title')) || 'Submit';
          case 'file': return norm(attr(e, 'title')) ? '' : 'Choose File';
        }
        return '';
      }
      case 'img': case 'area': return attr(e, 'alt') || attr(e, 'title') || '';
      case 'fieldset': return first(e, 'legend', o);
      case 'figure': return first(e, 'figcaption', o);
      case 'table': return first(e, 'caption', o) || attr(e, 'summary') || '';
      case 'optgroup': return attr(e, 'label') || '';
      case 'option': return attr(e, 'label') || '';
    }
    if (!isHtml(e) && e instanceof SVGElement) {
      const t = svgChild(e);
      if (t) return textOf(t);
      if (tag === 'a') return attr(e, 'xlink:title') || '';
    }
    return '';
  }
  const labelTexts = (e, o) => labelsFor(e).map((l) =>
    alt(l, { ...o, in: true, skip: e, hid: hiddenTarget(l), seen: new Set() }));
  const first = (e, tag, o) => {
    for (let n = firstOf(e); n; n = nextOf(n)) {
      if (n.nodeType === 1 && tagOf(n) === tag) return alt(n, { ...o, in: true });
    }
    return '';
  };
  function content(e, o) {
    const shown = o.hid || style(e).v;
    let s = shown ? pseudo(e, '::before') : '';
    for (const n of children(e)) {
      if (n.nodeType === 3) {
        if (shown) s += n.data;
        continue;
      }
      if (n.nodeType !== 1) continue;
      const tag = tagOf(n);
      if (tag === 'br') { s += ' '; continue; }
      if (closedPart(e, n, tag) && !o.hid) continue;
      if (SVG_SKIP.has(tag) && n instanceof SVGElement) continue;
      const part = alt(n, { ...o, in: true });
      if (part) s += inlineBox(style(n).d) && tag !== 'img' ? part : ' ' + part + ' ';
    }
    return shown ? s + pseudo(e, '::after') : s;
  }
  // Inside a closed `details`, everything but its summary.
  const closedPart = (e, n, tag) => tagOf(e) === 'details' && isHtml(e) && !e.open && !isSummary(n, tag);

  function nameOf(e, role) {
    let known = names.get(e);
    if (known) return known;
    from = false;
    const none = NAMELESS.has(role) || (role === 'generic' && !editingHost(e));
    const name = none ? '' : cut(norm(alt(e, { top: e, in: false, ref: false, hid: false, skip: null, seen: new Set() })));
    known = { name, from };
    names.set(e, known);
    return known;
  }
  const asText = (list, e) => norm(gather(list, { top: e, skip: null, seen: new Set() }));
  const description = (e, name) => asText(refs(e, 'aria-describedby'), e) ||
    norm(attr(e, 'aria-description')) ||
    (norm(attr(e, 'title')) !== name ? norm(attr(e, 'title')) : '');

  // -- Marks, values, hints -----------------------------------------------------------------------
  const yes = (e, a) => attr(e, a) === 'true';
  function marksOf(e, tag, role, name, value, box, c) {
    const m = [];
    const put = (k, v) => { if (v !== null && v !== undefined && v !== '') m.push(k + '=' + norm(String(v))); };
    const input = tag === 'input';
    if (CHECKS.has(role)) {
      const native = input && (e.type === 'checkbox' || e.type === 'radio');
      const s = native ? (e.indeterminate ? 'mixed' : String(e.checked)) : attr(e, 'aria-checked');
      if (s === 'true') m.push('checked'); else if (s === 'mixed') m.push('checked=mixed');
    }
    if (isDisabled(e, role, c)) m.push('disabled');
    const open = tag === 'summary' && role === 'button' && !has(e, 'aria-expanded')
      ? String(!!(parentOf(e) && parentOf(e).open)) : attr(e, 'aria-expanded');
    if (open === 'true') m.push('expanded'); else if (open === 'false') m.push('collapsed');
    if (e === active) m.push('active');
    const bad = invalidOf(e);
    if (bad) m.push(bad === 'true' ? 'invalid' : 'invalid=' + bad);
    if (role === 'heading') put('level', level(attr(e, 'aria-level')) || (/^h[1-6]$/.test(tag) ? tag[1] : 2));
    else if (role) put('level', level(attr(e, 'aria-level')));
    if (role === 'button') {
      const p = attr(e, 'aria-pressed');
      if (p === 'true') m.push('pressed'); else if (p === 'mixed') m.push('pressed=mixed');
    }
    if (SELECTS.has(role) && yes(e, 'aria-selected')) m.push('selected');
    if (e === modal) m.push('modal');
    if ((tag === 'select' || input) && e.multiple || yes(e, 'aria-multiselectable')) m.push('multiple');
    if ((input || tag === 'select' || tag === 'textarea') && e.required || yes(e, 'aria-required')) m.push('required');
    if ((input || tag === 'textarea') && e.readOnly && matches(e, ':read-only') || yes(e, 'aria-readonly')) m.push('readonly');
    if (editingHost(e)) m.push('editable');
    if (input && TYPES.has(e.type)) m.push('type=' + e.type);
    if (input || tag === 'textarea' || RANGES.has(role)) {
      put('min', attr(e, 'min') || attr(e, 'aria-valuemin'));
      put('max', attr(e, 'max') || attr(e, 'aria-valuemax'));
      put('step', attr(e, 'step'));
      put('maxlength', attr(e, 'maxlength'));
    }
    const not = (v) => (v && v !== 'false' && v !== 'none' ? v : '');
    put('current', not(attr(e, 'aria-current')));
    const popup = not(attr(e, 'aria-haspopup'));
    put('haspopup', popup === 'true' ? 'menu' : popup);
    put('sort', not(attr(e, 'aria-sort')));
    const hold = norm(attr(e, 'placeholder') || attr(e, 'aria-placeholder'));
    if (hold !== name && hold !== value) put('placeholder', hold);
    const told = description(e, name);
    if (told !== name && told !== value) put('description', told);
    if (bad) {
      put('error', asText(refs(e, 'aria-errormessage'), e) ||
        (e.validationMessage !== undefined && matches(e, ':user-invalid') ? e.validationMessage : ''));
    }
    if (tag === 'select') m.push('options');
    if (input && e.type === 'file') put('accept', attr(e, 'accept'));
    if (box && (tag === 'canvas' || tag === 'embed' || tag === 'object')) {
      if (tag !== 'canvas') put('type', attr(e, 'type'));
      m.push('size=' + Math.round(box.width) + 'x' + Math.round(box.height));
    }
    if (tag === 'video' || tag === 'audio') {
      m.push(e.paused ? 'paused' : 'playing');
      if (e.muted) m.push('muted');
    }
    return m;
  }
  const level = (v) => (v && /^[1-9]\d*$/.test(v.trim()) ? v.trim() : '');
  const isDisabled = (e, role, c) => matches(e, ':disabled') && isHtml(e) ||
    (DISABLES.has(role) && (c.off || yes(e, 'aria-disabled')));
  const invalidOf = (e) => {
    const v = (attr(e, 'aria-invalid') || '').trim();
    if (v && v !== 'false') return v === 'grammar' || v === 'spelling' ? v : 'true';
    return matches(e, ':user-invalid') && tagOf(e) !== 'form' && tagOf(e) !== 'fieldset' ? 'true' : '';
  };
  function urlOf(e) {
    const raw = attr(e, 'href') ?? attr(e, 'xlink:href');
    if (raw === null) return '';
    let u;
    try { u = new URL(raw, docBase(e)); } catch { return norm(raw).slice(0, 200); }
    if (u.protocol === 'javascript:') return '';
    if (u.protocol === 'data:') return 'data:' + u.pathname.split(/[;,]/)[0];
    const here = location;
    let s = u.origin !== here.origin || u.origin === 'null' ? u.href
      : u.pathname === here.pathname && u.search === here.search && u.hash ? u.hash
      : u.pathname + u.search + u.hash;
    const hash = s.indexOf('#'), q = s.indexOf('?');
    if (q >= 0 && (hash < 0 || q < hash)) {
      const end = hash < 0 ? s.length : hash;
      s = s.slice(0, q) + s.slice(q, end).replace(/=([^&]{12})([^&]{5,})/g, '=$1…') + s.slice(end);
    }
    return s.length > 200 ? s.slice(0, 199) + '…' : s;
  }
  // The value as printed, without masking; null if this has none.
  function valueOf(e, tag, role) {
    switch (tag) {
      case 'select': return [...e.selectedOptions].map((o) => norm(o.label)).join(', ');
      case 'textarea': return e.value;
      case 'input':
        switch (e.type) {
          case 'checkbox': case 'radio': case 'button': case 'submit': case 'reset': case 'image':
          case 'hidden': return null;
          case 'file': return [...e.files].map((f) => f.name).join(', ');
          case 'range': return attr(e, 'aria-valuetext') || e.value;
        }
        return e.value;
      case 'progress': return attr(e, 'aria-valuetext') || (e.position < 0 ? '' : String(e.value));
      case 'meter': return attr(e, 'aria-valuetext') || String(e.value);
    }
    if (editingHost(e)) return innerText(e);
    if (RANGES.has(role)) return attr(e, 'aria-valuetext') || attr(e, 'aria-valuenow');
    return null;
  }
  const ICON = /(?:^|\s)(?:fa|icon|bi|mdi|ti|ri|glyphicon|lucide|codicon|octicon|la|pi)-([\w-]+)/;
  function hintOf(e, tag) {
    for (const a of ['data-testid', 'data-test-id', 'data-test', 'data-cy', 'data-qa', 'name']) {
      const v = norm(attr(e, a));
      if (v) return v.slice(0, 40);
    }
    const use = one(e, 'use');
    const href = use && (attr(use, 'href') || attr(use, 'xlink:href'));
    if (href && href.includes('#')) return norm(href.slice(href.indexOf('#') + 1)).slice(0, 40);
    const icon = has(e, 'data-icon') ? e : one(e, '[data-icon]');
    if (icon && norm(attr(icon, 'data-icon'))) return norm(attr(icon, 'data-icon')).slice(0, 40);
    for (const x of [e, ...[...all(e, '[class]')].slice(0, 5)]) {
      const m = (attr(x, 'class') || '').match(ICON);
      if (m) return m[1].slice(0, 40);
    }
    const img = tag === 'img' || (tag === 'input' && e.type === 'image') ? e : one(e, 'img');
    const src = img && attr(img, 'src');
    if (src && !/^(data|blob):/.test(src)) {
      const file = norm(src.split(/[?#]/)[0].split('/').pop().replace(/\.\w+$/, ''));
      if (file) return file.slice(0, 40);
    }
    const id = attr(e, 'id');
    return id && /^[A-Za-z][A-Za-z_-]*\d{0,2}$/.test(id) ? id.slice(0, 40) : '';
  }

  // -- Visibility ---------------------------------------------------------------------------------
  const away = (cs) => {
    const p = cs.clipPath;
    if (p !== 'none' && (/^inset\((50|100)%/.test(p) || /^(circle|ellipse)\(0/.test(p) ||
      /^polygon\((?:0(?:px|%)? 0(?:px|%)?(?:, )?)+\)$/.test(p))) return true;
    if (cs.clip !== 'auto' && (cs.position === 'absolute' || cs.position === 'fixed')) {
      const n = cs.clip.match(/-?[\d.]+/g);
      if (n && n.length === 4 && (n[1] - n[3] <= 1 || n[2] - n[0] <= 1)) return true;
    }
    return false;
  };
  const overlap = (b, k) => {
    const l = Math.max(b.left, k.left), t = Math.max(b.top, k.top);
    return { left: l, top: t, right: Math.max(l, Math.min(b.right, k.right)),
      bottom: Math.max(t, Math.min(b.bottom, k.bottom)) };
  };
  const tiny = (b) => b.right - b.left <= 1 || b.bottom - b.top <= 1;
  const empty = (b) => !(b.width > 0 && b.height > 0);
  // Left or above for good: no scrolling reaches negative coordinates.
  const unreachable = (b, fixed) => {
    const x = fixed ? 0 : page.x, y = fixed ? 0 : page.y;
    return b.bottom + y <= 0 || (!page.rtl && b.right + x <= 0) ||
      (fixed && (b.top >= page.vh || b.left >= page.vw));
  };
  // Whether a person sees this control, wherever it is: decides who stands for a styled checkbox.
  function seen(e) {
    if (!visibleNow(e, { visibilityProperty: true, opacityProperty: true })) return false;
    const b = boxOf(e);
    if (tiny(b) || unreachable(b, style(e).cs.position === 'fixed')) return false;
    let box = b;
    for (let p = e; p && p !== docBody(document); p = parentElement(p)) {
      const cs = style(p).cs;
      if (away(cs)) return false;
      if (p !== e && /hidden|clip/.test(cs.overflow)) {
        box = overlap(box, boxOf(p));
        if (tiny(box)) return false;
      }
    }
    return true;
  }
  const stylable = (e) => tagOf(e) === 'input' &&
    (e.type === 'checkbox' || e.type === 'radio' || e.type === 'file');
  // The label that stands for a control which is not visible itself, or null.
  function standIn(e) {
    if (!stylable(e)) return null;
    let l = standIns.get(e);
    if (l === undefined) {
      l = null;
      if (!seen(e)) for (const x of labelsFor(e)) if (seen(x) || shownBox(x)) { l = x; break; }
      standIns.set(e, l);
    }
    return l;
  }
  // An inline label around blocks has an empty box of its own.
  const shownBox = (e) => visibleNow(e, { visibilityProperty: true, opacityProperty: true }) && !empty(spread(e));
  const spread = (e) => {
    const b = boxOf(e);
    if (!empty(b)) return b;
    const r = document.createRange();
    r.selectNodeContents(e);
    return r.getBoundingClientRect();
  };

  // -- The walk -----------------------------------------------------------------------------------
  const ELEMENTS = 100000, TIME = 4500;
  const gap = (d) => (inlineBox(d) ? 0 : /^inline|^table-cell/.test(d) ? 1 : 2);
  const pause = (n) => { if (n > brk) brk = n; };

  function chunk(data, depth, e, c, cs) {
    const t = norm(data);
    if (!t) { if (data) pause(1); return; }
    if (/^[\s\u00a0]/.test(data)) pause(1);
    const entry = { e, d: depth, r: '#', f: c.unseen ? 0 : 1, k: brk, t: cut(t), w: '' };
    const change = cs.textTransform;
    if (change && change !== 'none') {
      const w = change.includes('uppercase') ? t.toUpperCase() : change.includes('lowercase') ? t.toLowerCase()
        : change.includes('capitalize') ? t.replace(/(^|[^\p{L}\p{N}'’])(\p{L})/gu, (_, a, b) => a + b.toUpperCase()) : t;
      if (w !== t) entry.w = cut(w);
    }
    entries.push(entry);
    texts++;
    brk = /[\s\u00a0]$/.test(data) ? 1 : 0;
  }

  function visit(e, depth, c) {
    if (stop) return;
    if (++count > ELEMENTS || ((count & 1023) === 0 && performance.now() > late)) { stop = true; return; }
    const tag = tagOf(e), html = isHtml(e);
    if (html ? SKIP.has(tag) : SVG_SKIP.has(tag)) return;
    const s = style(e), cs = s.cs, d = s.d;
    if (d === 'none') return;
    if (html && tag === 'input' && (e.type === 'hidden' || standIn(e))) return;
    if (html && (tag === 'option' || tag === 'optgroup')) return;
    if (tag === 'br') { pause(1); return; }
    if (tag === 'wbr') return;
    const brake = gap(d);
    pause(brake);

    // What is inherited. A new context is made only where something changes.
    let k = c;
    const change = (o) => { k = k === c ? { ...c, ...o } : Object.assign(k, o); };
    const pos = cs.position, top = e === docBody(document);
    let box = null;
    const measure = () => box || (box = spread(e));
    if (pos === 'fixed') { if (c.clip || c.port) change({ clip: null, port: null }); }
    else if (pos === 'absolute' && (c.clip !== c.clipA || c.port !== c.portA)) change({ clip: c.clipA, port: c.portA });
    // What an ancestor's box cuts off is not lost for good: fixed descendants escape every such box,
    // absolute ones all boxes below their containing block.
    let gone = pos === 'fixed' ? c.unseenF : pos === 'absolute' ? c.unseenA : c.unseen;
    if (!gone) {
      if (cs.opacity === '0' || away(cs)) { gone = true; change({ unseenA: true, unseenF: true }); }
      else if (!top && (pos === 'absolute' || pos === 'fixed' || pos === 'relative' || k.clip)) {
        const b = measure();
        const flows = d !== 'contents' && !empty(b);
        if (flows && !c.scrolled && unreachable(b, pos === 'fixed')) gone = true;
        else if (flows && k.clip && tiny(overlap(b, k.clip))) gone = true;
      }
    }
    const over = cs.overflow;
    let scrolls = [];
    if (over !== 'visible' && !top && e !== docScroller(document) && d !== 'inline' && d !== 'contents' && html && !LEAF.has(tag)) {
      const b = box = boxOf(e);
      const w = clientW(e), h = clientH(e), mx = scrollW(e) - w, my = scrollH(e) - h;
      const scroller = /auto|scroll/.test(over);
      if (!gone && tiny(b)) gone = true;
      const port = k.port ? overlap(b, k.port) : b;
      if (scroller) {
        if ((mx > 1 || my > 1)) change({ clip: null, scrolled: true });
        const parts = [];
        const [ox, oy] = over.includes(' ') ? over.split(' ') : [over, over];
        if (my > h * 0.1 && /auto|scroll/.test(oy) && h) parts.push('scroll=' + Math.round(scrollY1(e)) + '/' + my);
        if (mx > w * 0.1 && /auto|scroll/.test(ox) && w) parts.push('scroll-x=' + Math.round(scrollX1(e)) + '/' + mx);
        scrolls = parts;
      } else if (mx > 1 || my > 1 || k.clip) {
        change({ clip: k.clip ? overlap(b, k.clip) : b });
      }
      change({ port });
      if (pos !== 'static' || cs.transform !== 'none') change({ clipA: k.clip, portA: port });
    } else if (pos !== 'static') {
      if (k.clipA !== k.clip || k.portA !== k.port) change({ clipA: k.clip, portA: k.port });
    }
    if (gone !== c.unseen) change({ unseen: gone });
    if (gone !== k.unseenA && (pos !== 'static' || cs.transform !== 'none')) change({ unseenA: gone });

    const inEdit = c.edit;
    if (inEdit && (!html || isEditable(e))) {
      for (const n of children(e)) if (n.nodeType === 1) visit(n, depth, k);
      return;
    }
    if (!s.v) {
      if (!LEAF.has(tag)) inner(e, tag, depth, k, s, false, inEdit);
      pause(brake);
      return;
    }

    // A label stands for the styled control that it hides.
    let self = e, selfTag = tag;
    if (tag === 'label' && html) {
      const control = e.control;
      if (control && stylable(control) && standIn(control) === e) { self = control; selfTag = 'input'; }
    }
    const role = roleOf(self), editing = editingHost(self);
    const widget = WIDGET.has(role) || selfTag === 'canvas' || editing;
    const pointer = cs.cursor === 'pointer';
    let clicks = false;
    if (!widget && !top && html) {
      clicks = listening.has(e) || (hasAny(e) && HANDLERS.some((a) => has(e, a))) ||
        (pointer && !c.pointer && !c.widget && !(tag === 'label' && e.control) && tag !== 'iframe');
    }
    if (pointer !== c.pointer) change({ pointer });
    const tab = attr(self, 'tabindex');
    const media = selfTag === 'video' || selfTag === 'audio';
    if (media && !has(e, 'controls') && !authorName(e) && !listening.has(e) && !clicks) return;
    const embed = role === 'embed';
    const interactive = widget || clicks || embed || media || (tab !== null && parseInt(tab) >= 0) ||
      attr(self, 'draggable') === 'true';
    if (interactive) {
      measure();
      if (empty(box) && d !== 'contents') { pause(brake); return; }
    }
    if (widget && role && !k.widget) change({ widget: true });

    // Marks that depend on the place.
    let inertHere = false;
    if (!c.inert) {
      if (html && isInert(e)) inertHere = true;
      else if (modal && e !== modal && !within(modal, e) && !within(e, modal)) inertHere = true;
      if (inertHere) change({ inert: true });
    }
    const dead = interactive && !c.inert && !inertHere && cs.pointerEvents === 'none';
    const hiddenHere = !c.hidden && attr(e, 'aria-hidden') === 'true';
    if (hiddenHere) change({ hidden: true });
    if (attr(e, 'aria-disabled') === 'true' && !k.off) change({ off: true });

    let flags = (gone ? 0 : 1) | (interactive ? 2 : 0);
    if (!role) flags |= 2048;
    const { name, from: inside } = role || interactive || has(e, 'aria-label') || has(e, 'title') || has(e, 'aria-labelledby')
      ? nameOf(self, role) : { name: '', from: false };
    if (inside) flags |= 16;
    let value = valueOf(self, selfTag, role), shown = '';
    if (value !== null) {
      flags |= 8192;
      if (masked(self)) { flags |= 32; shown = value ? '••••' : ''; } else shown = lines(value);
    }
    const takes = editing || selfTag === 'textarea' || (selfTag === 'input' &&
      (PLAIN.has(self.type) || self.type === 'search' || self.type === 'number')) ||
      (role === 'textbox' || role === 'searchbox' || role === 'spinbutton');
    if (takes) flags |= 8;
    if (tag === 'form') flags |= 128;
    if (tag === 'section' || tag === 'article' || tag === 'fieldset' || tag === 'details') flags |= 256;
    if (tag === 'iframe' || tag === 'frame') flags |= 512;
    if (selfTag === 'select') flags |= 4096;
    if (c.inert || inertHere || dead) flags |= 16384;

    const plain = !role && !interactive;
    const list = plain && !hasAria(e) ? [] : marksOf(self, selfTag, role, name, shown, box, c);
    if (plain && e === active) { if (!list.includes('active')) list.push('active'); }
    list.push(...scrolls);
    if (role === 'link') { const u = urlOf(self); if (u) list.push('url=' + norm(u)); }
    const hintAt = list.length;
    if (clicks && !(role && WIDGET.has(role))) list.push('clickable');
    if (gone && !c.unseen) list.push('unseen');
    if (hiddenHere) list.push('aria-hidden');
    const coverAt = list.length;
    if (inertHere || dead) list.push('inert');

    const entry = { e: self, d: depth, r: role, f: flags, n: name, v: shown, m: list, b: box, hint: '', o: null,
      ref: interactive || CONTAINER.has(role) || (flags & 512) !== 0 || scrolls.length > 0, place: e,
      port: k.port, cover: null, coverAt, l: null, own: false, mute: false };
    if ((flags & 8) || role === 'combobox' || role === 'listbox' || role === 'slider' || stylableRole(role)) entry.l = labelsOf(self);
    if (selfTag === 'select') entry.o = self;
    if (flags & 512) entry.b = contentBox(e, measure());
    else if (boxes && !entry.b) entry.b = measure();
    const before = texts, at = entries.length;
    entries.push(entry);

    if (editing) {
      change({ edit: true });
      inner(e, tag, depth + 1, k, s, true, true);
    } else if (!LEAF.has(tag)) {
      if (cs.contentVisibility !== 'hidden') entry.own = inner(e, tag, depth + 1, k, s, true, false);
    } else {
      pause(1);
      // What stands on a button of this kind is visible text.
      if (selfTag === 'input' && self === e && /^(button|submit|reset)$/.test(e.type)) {
        chunk(e.value || (e.type === 'submit' ? 'Submit' : e.type === 'reset' ? 'Reset' : ''), depth + 1, e, k, cs);
        pause(1);
      }
    }
    if (interactive && !name && !shown && texts === before) {
      entry.hint = hintOf(self, selfTag);
      if (entry.hint) list.splice(hintAt, 0, 'hint=' + entry.hint), (entry.coverAt += 1);
    }
    if (html && tag.includes('-') && entries.length === at + 1 && !shadowOf(e) && !interactive) {
      const b = measure();
      if (!empty(b)) {
        entry.n = entry.n || tag;
        closed.add(e);
        entry.f |= 2;
        entry.ref = true;
        list.push('closed');
      }
    }
    // A wrapper that says nothing needs no record, unless it turns out to cover something.
    entry.mute = !role && !entry.n && !list.length && !entry.ref && !(flags & (128 | 256)) && !entry.own;
    pause(brake);
  }
  const stylableRole = (r) => r === 'checkbox' || r === 'radio' || r === 'switch' || r === 'spinbutton';
  const hasAria = (e) => hasAny(e) && (has(e, 'aria-current') || has(e, 'aria-describedby') || has(e, 'aria-description') ||
    has(e, 'aria-expanded') || has(e, 'aria-haspopup') || has(e, 'aria-invalid') || has(e, 'aria-sort'));
  const labelsOf = (e) => {
    const out = [];
    for (const t of labelTexts(e, { top: e, in: false, ref: false })) if (norm(t)) out.push(norm(t));
    const hold = norm(attr(e, 'placeholder') || attr(e, 'aria-placeholder'));
    if (hold) out.push(hold);
    return out;
  };
  const contentBox = (e, b) => {
    const cs = style(e).cs;
    const x = b.left + clientX(e) + parseFloat(cs.paddingLeft), y = b.top + clientY(e) + parseFloat(cs.paddingTop);
    return { left: x, top: y, width: clientW(e) - parseFloat(cs.paddingLeft) - parseFloat(cs.paddingRight),
      height: clientH(e) - parseFloat(cs.paddingTop) - parseFloat(cs.paddingBottom) };
  };

  function inner(e, tag, depth, c, s, shown, edit) {
    const before = shown && !edit ? pseudo(e, '::before') : '';
    let own = false;
    if (before) { chunk(before, depth, e, c, s.cs); own = true; }
    for (const n of children(e)) {
      if (n.nodeType === 3) {
        if (!shown || edit) continue;
        if (c.clip && !c.unseen && /\S/.test(n.data) && clippedText(n, c.clip)) {
          chunk(n.data, depth, e, { ...c, unseen: true }, s.cs);
        } else chunk(n.data, depth, e, c, s.cs);
        own = own || /\S/.test(n.data);
      } else if (n.nodeType === 1 && !closedPart(e, n, tagOf(n))) visit(n, depth, c);
    }
    const after = shown && !edit ? pseudo(e, '::after') : '';
    if (after) { chunk(after, depth, e, c, s.cs); own = true; }
    return own;
  }
  const clippedText = (n, clip) => {
    const r = document.createRange();
    r.selectNodeContents(n);
    return tiny(overlap(r.getBoundingClientRect(), clip));
  };

  // -- Hit tests ----------------------------------------------------------------------------------
  const deepHit = (x, y) => {
    let e = atPoint(x, y);
    for (let root = e && shadowOf(e); root; root = e && shadowOf(e)) {
      const t = root.elementFromPoint(x, y);
      if (!t || t === e) break;
      e = t;
    }
    return e;
  };
  // The centre of the largest rectangle, clipped to the viewport and to what clips it.
  function pointOf(place, box, port) {
    let best = box;
    // Most elements of a large page are elsewhere.
    if (box.right < 1 || box.bottom < 1 || box.left > page.vw - 1 || box.top > page.vh - 1) return null;
    const rects = rectsOf(place);
    if (rects.length > 1) {
      for (const r of rects) if (best === box || r.width * r.height > best.width * best.height) best = r;
    }
    let b = overlap(best, { left: 0, top: 0, right: page.vw, bottom: page.vh });
    if (port) b = overlap(b, port);
    return b.right - b.left < 1 || b.bottom - b.top < 1 ? null : { x: (b.left + b.right) / 2, y: (b.top + b.bottom) / 2 };
  }
  function coverOf(e, place, hit) {
    if (!hit || within(hit, place) || within(hit, e)) return null;
    for (const l of labelsFor(e)) if (within(hit, l)) return null;
    let top = null;
    for (let p = hit; p && !within(place, p); p = parentElement(p)) top = p;
    return top;
  }
  function hitTests() {
    const covers = new Set();
    for (const n of entries) {
      if (n.r === '#' || !(n.f & 2) || !(n.f & 1) || (n.f & 16384) || !n.b) continue;
      const p = pointOf(n.place, n.b, n.port);
      if (!p) continue;
      n.f |= 64;
      n.cover = coverOf(n.e, n.place, deepHit(p.x, p.y));
      if (n.cover) covers.add(n.cover);
    }
    return covers;
  }

  // -- Out ----------------------------------------------------------------------------------------
  const round = (v) => Math.round(v * 10) / 10;
  const boxText = (b) => round(b.left) + ',' + round(b.top) + ',' + round(b.width) + ',' + round(b.height);
  const optionList = (e) => [...e.options].map((o) => {
    const p = parentOf(o), group = p && p.nodeType === 1 && tagOf(p) === 'optgroup' ? p : null;
    return ((o.selected ? 1 : 0) | (o.disabled || (group && group.disabled) ? 2 : 0)) + '\x1c' + norm(o.label) +
      '\x1c' + norm(o.value) + (group ? '\x1c' + norm(group.label) : '');
  }).join('\x1d');

  function walk(floor, withBoxes, over) {
    if (floor > next) next = floor;
    boxes = !!withBoxes;
    late = performance.now() + TIME;
    const root = docRoot(document), scroller = docScroller(document) || root;
    page = { x: scrollX, y: scrollY, vw: innerWidth, vh: innerHeight,
      rtl: root && getComputedStyle(root).direction === 'rtl' };
    serial++;
    begin();
    const body = docBody(document) || root;
    if (body && style(root).d !== 'none') {
      visit(body, 0, { inert: false, hidden: false, unseen: false, unseenA: false, unseenF: false, clip: null, clipA: null, port: null, portA: null,
        pointer: style(body).cs.cursor === 'pointer', widget: false, off: false, edit: false, scrolled: false });
    }
    const covers = hitTests();
    // Where everything is matters only if not all of it can be seen or told.
    if (over) {
      let size = 0;
      for (const n of entries) size += n.r === '#' ? n.t.length + 12 : n.n.length + n.v.length + 24;
      boxes = boxes || size > over ||
        (!!scroller && (scrollH(scroller) > page.vh || scrollW(scroller) > page.vw));
    }
    const out = [['HB1', serial, 0, norm(location.href), norm(docTitle(document)), norm(self.origin),
      scroller ? scrollW(scroller) + 'x' + scrollH(scroller) : '0x0', page.vw + 'x' + page.vh,
      Math.round(page.x) + ',' + Math.round(page.y), stop ? '1' : '', birth].join('\x1f')];
    // Wrappers without a record do not count as a level.
    const seenNow = [], above = [];
    for (const n of entries) {
      while (above.length && above[above.length - 1] >= n.d) above.pop();
      const depth = above.length;
      if (n.r === '#') {
        out.push(depth + '.' + identity(n.e) + '\x1f#\x1f' + n.f + '\x1f' + n.k + '\x1f' + n.t +
          (n.w || boxes ? '\x1f' + n.w : '') + (boxes ? '\x1f' + boxText(spread(n.e)) : ''));
        seenNow.push(n.e);
        continue;
      }
      const covering = covers.size && covers.has(n.e);
      if (n.mute && !covering) continue;
      if (covering) { n.f |= 4; n.ref = true; }
      above.push(n.d);
      const fields = [depth + '.' + identity(n.e), n.r || 'generic', n.f, n.ref ? number(n.e) : '', n.n, n.v];
      seenNow.push(n.e);
      n.fields = fields;
      n.at = out.length;
      out.push('');
    }
    for (const n of entries) {
      if (!n.fields) continue;
      if (n.cover) n.m.splice(n.coverAt, 0, 'covered=e' + number(n.cover));
      const f = n.fields;
      if (boxes && !n.b) n.b = spread(n.e);
      f.push(n.m.length ? n.m.join('\x1d') : '', n.b ? boxText(n.b) : '', n.l && n.l.length ? n.l.join('\x1d') : '', n.hint,
        n.o ? optionList(n.o) : '', n.cover ? number(n.cover) : '');
      while (f[f.length - 1] === '') f.pop();
      out[n.at] = f.join('\x1f');
    }
    out[0] = out[0].replace('\x1f0\x1f', '\x1f' + next + '\x1f');
    last = seenNow;
    const text = out.join('\x1e') + '\x1e';
    styles = roles = names = owners = ownedLists = pseudos = standIns = labelled = entries = null;
    return text;
  }

  // Answers between two walks use a memory of their own, dropped at once.
  const fresh = (use) => {
    page = { x: scrollX, y: scrollY, vw: innerWidth, vh: innerHeight, rtl: false };
    begin();
    try { return use(); } finally {
      styles = roles = names = owners = ownedLists = pseudos = standIns = labelled = entries = null;
    }
  };
  const quote = (s) => '"' + s.replace(/[\\"]/g, '\\$&') + '"';

  globalThis.__hb = {
    // The tree of this frame. Refs start at `floor` at least; `boxes` gives every node its box, and
    // `over` does so if the page scrolls or has more text than that.
    walk,
    // The element of a ref, or null if it is gone or not connected.
    element(n) {
      const w = elements.get(n), e = w && w.deref();
      if (!e) { elements.delete(n); return null; }
      return connected(e) ? e : null;
    },
    // The element of a record of the latest walk; null if another walk came between.
    seen: (walk, i) => (walk === serial && last[i] && connected(last[i]) ? last[i] : null),
    // The ref of an element, given on demand; `floor` as in `walk`.
    ref(e, floor) {
      if (floor > next) next = floor;
      return number(e);
    },
    // Its value is masked from now on.
    taint(e) { secret.add(e); },
    masked,
    // These have listeners for clicks (the runner asked the debugger).
    clickable(...list) { for (const e of list.flat()) if (e && e.nodeType === 1) listening.add(e); },
    // What guards and stale refs compare, and how the element is called.
    describe: (e) => fresh(() => {
      const role = roleOf(e) || 'generic', name = nameOf(e, roleOf(e)).name || (closed.has(e) ? tagOf(e) : '');
      return { role, name, description: description(e, name), line: role + (name ? ' ' + quote(name) : '') + ' [ref=e' + number(e) + ']' };
    }),
    // The label that takes the pointer for a styled control, else the element itself.
    standIn: (e) => fresh(() => standIn(e) || e),
    // Compares a masked value here, so that it never leaves the page.
    compare: (e, op, text) => fresh(() => {
      const v = valueOf(e, tagOf(e), roleOf(e));
      const a = norm(v === null ? '' : v), b = norm(text);
      switch (op) {
        case 'equals': return a === b;
        case 'not_equals': return a !== b;
        case 'contains': return a.includes(b);
        case 'not_contains': return !a.includes(b);
        case 'starts_with': return a.startsWith(b);
        case 'ends_with': return a.endsWith(b);
      }
      return null;
    }),
  };
})();
