// Ways to find the element again that this function is called on. It only reads.
function () {
  const element = this.nodeType === 1 ? this : this.parentElement;
  const scope = element.getRootNode();
  const document = element.ownerDocument;
  const candidates = [];
  const count = (selector) => {
    try {
      return scope.querySelectorAll(selector).length;
    } catch {
      return 0;
    }
  };
  const quoted = (value) => '"' + value.replace(/["\\]/g, '\\$&').replace(/\n/g, '\\a ') + '"';

  for (const name of ['data-testid', 'data-test', 'data-test-id', 'data-cy', 'data-qa']) {
    const value = element.getAttribute(name);
    if (value) {
      const selector = `[${name}=${quoted(value)}]`;
      candidates.push({ kind: 'testid', value: selector, matches: count(selector) });
    }
  }

  // What one element can be called without its place, shortest first.
  const names = (of) => {
    const tag = CSS.escape(of.localName);
    const found = [tag];
    if (of.id) found.push('#' + CSS.escape(of.id));
    for (const one of of.classList) found.push('.' + CSS.escape(one), tag + '.' + CSS.escape(one));
    for (const name of ['name', 'type', 'placeholder', 'aria-label', 'title', 'alt', 'href']) {
      const value = of.getAttribute(name);
      if (value && value.length <= 60) found.push(`${tag}[${name}=${quoted(value)}]`);
    }
    return found.sort((a, b) => a.length - b.length);
  };
  const place = (of) => {
    let nth = 1;
    for (let before = of.previousElementSibling; before; before = before.previousElementSibling) {
      if (before.localName === of.localName) nth += 1;
    }
    return `${CSS.escape(of.localName)}:nth-of-type(${nth})`;
  };
  const unique = (selector) => count(selector) === 1;
  const css = () => {
    const own = names(element);
    const alone = own.find(unique);
    if (alone) return alone;
    // Below the nearest ancestor that can be named, then by the whole path.
    let path = place(element);
    for (let above = element.parentElement; above; above = above.parentElement) {
      const within = [];
      for (const outer of names(above)) {
        for (const inner of own) within.push(`${outer} ${inner}`);
        within.push(`${outer} > ${path}`);
      }
      const found = within.sort((a, b) => a.length - b.length).find(unique);
      if (found) return found;
      path = `${place(above)} > ${path}`;
    }
    return path;
  };
  const selector = css();
  candidates.push({ kind: 'css', value: selector, matches: count(selector) });

  if (scope === document) {
    let path = '';
    for (let step = element; step; step = step.parentElement) {
      if (step.id && !step.id.includes('"') && document.querySelectorAll('#' + CSS.escape(step.id)).length === 1) {
        path = `//*[@id="${step.id}"]${path}`;
        break;
      }
      let nth = 1;
      for (let before = step.previousElementSibling; before; before = before.previousElementSibling) {
        if (before.localName === step.localName) nth += 1;
      }
      const name = step.namespaceURI === 'http://www.w3.org/1999/xhtml' ? step.localName : `*[name()="${step.nodeName}"]`;
      path = `/${name}[${nth}]${path}`;
    }
    let matches = 0;
    try {
      matches = document.evaluate(path, document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null).snapshotLength;
    } catch {
      // A name that XPath cannot say: left at no match.
    }
    if (matches > 0) candidates.push({ kind: 'xpath', value: path, matches });
  }
  return { candidates, url: document.location.href, tag: element.localName };
}
