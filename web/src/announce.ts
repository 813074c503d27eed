// Words for those who hear the page. The banner's sentence is a live region of its own; this is for
// what has no place there.

import { byId } from './dom';

function say(id: string, words: string): void {
  const region = byId(id);
  // The same words twice are an announcement only if the region was empty in between.
  region.textContent = '';
  requestAnimationFrame(() => {
    region.textContent = words;
  });
}

/** When the reader has a moment. */
export function politely(words: string): void {
  say('polite', words);
}

/** At once: time is running out. */
export function atOnce(words: string): void {
  say('assertive', words);
}
