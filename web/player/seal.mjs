// Writes the hashes of the inlined files into the policy of player.html. `--check` only compares.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

const at = (path) => new URL(path, import.meta.url);
const hash = (path) => `'sha256-${createHash('sha256').update(readFileSync(at(path))).digest('base64')}'`;

const before = readFileSync(at('player.html'), 'utf8');
const after = before.replace(/script-src [^;]*; style-src [^;]*;/, `script-src ${hash('player.js')}; style-src ${hash('../src/tokens.css')} ${hash('player.css')};`);

if (process.argv.includes('--check')) {
  if (after !== before) {
    console.error('player.html names old hashes: run `npm run seal`');
    process.exit(1);
  }
} else {
  writeFileSync(at('player.html'), after);
}
