// Files from the runner into a page: extends `__hb`. The browser itself cannot read our files.
(() => {
  'use strict';
  const hb = globalThis.__hb;
  if (!hb || !hb.parts || hb.receives) return;
  const { attribute, connected, tell, typeOf } = hb.parts;
  const setFiles = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'files').set;

  // The input of an open chooser; it may stand in no document.
  let chosen = null;
  let parcel = [];
  const receiver = (n) => (n === null ? chosen : hb.element(n));
  const about = (element) => ({
    ok: true, input: typeOf(element) === 'file', accept: attribute(element, 'accept') || '', multiple: !!element.multiple,
    disabled: !!element.disabled,
  });
  // What would get the files; null is the open chooser's input.
  hb.receives = ({ n }) => {
    const element = receiver(n);
    return element && (n === null || connected(element)) ? about(element) : { ok: false };
  };
  // Called with the chooser's input. What it is called, if it stands in the document.
  hb.choose_for = (element, floor) => {
    chosen = element;
    if (!connected(element)) return null;
    const { role, name } = hb.describe(element);
    return { n: hb.ref(element, floor), role, name };
  };
  // Files come in pieces: `begin` starts one, `data` (base64) is added to the latest.
  hb.parcel = ({ empty, begin, data }) => {
    if (empty) parcel = [];
    if (begin) parcel.push({ ...begin, parts: [] });
    if (data) parcel[parcel.length - 1].parts.push(Uint8Array.from(atob(data), (char) => char.charCodeAt(0)));
    return true;
  };
  // Hands them over; the names of what is chosen then.
  hb.give = ({ n }) => {
    const element = receiver(n);
    const carried = new DataTransfer();
    for (const { name, type, parts } of parcel) carried.items.add(new File(parts, name, { type }));
    parcel = [];
    if (!element || (n !== null && !connected(element))) return { ok: false, names: [] };
    if (typeOf(element) === 'file') {
      setFiles.call(element, carried.files);
      const names = [...element.files].map((file) => file.name);
      if (n === null) chosen = null;
      tell(element);
      return { ok: true, names };
    }
    // A drop zone says by preventing the default that it takes what is over it.
    const box = element.getBoundingClientRect();
    const at = { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 };
    const send = (type) => !element.dispatchEvent(new DragEvent(type, { ...at, dataTransfer: carried, bubbles: true, cancelable: true, composed: true }));
    send('dragenter');
    if (!send('dragover')) {
      send('dragleave');
      return { ok: false, names: [] };
    }
    send('drop');
    return { ok: true, names: [...carried.files].map((file) => file.name) };
  };
})();
