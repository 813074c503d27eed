// Markup from template literals: what is inserted is escaped unless it is markup itself.

class Markup {
  constructor(text) {
    this.text = text;
  }
  toString() {
    return this.text;
  }
}

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text as it must be written between tags and inside quoted attributes. */
export function escape(text) {
  return String(text).replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

/** Text that is markup already, for example a drawing of ours. */
export function raw(text) {
  return new Markup(text);
}

function insert(value) {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(insert).join('');
  if (value === null || value === undefined || value === false) return '';
  return escape(value);
}

/** A piece of HTML. Lists are joined; null, undefined and false vanish. */
export function html(strings, ...values) {
  let text = strings[0];
  values.forEach((value, index) => {
    text += insert(value) + strings[index + 1];
  });
  return new Markup(text);
}

/** Pounds and pence from pence. */
export function money(pence) {
  return `£${(pence / 100).toFixed(2)}`;
}
