// Types every line of examples/quickstart.md into one shell, as somebody would who reads it, and opens
// the address that it prints in a real browser. Ends with 0 only if every line worked.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { inControl, startPerson, until } from '../takeover/stage.mjs';

const root = new URL('../../', import.meta.url).pathname;
const text = readFileSync(`${root}examples/quickstart.md`, 'utf8');
const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, lines]) => lines);
const lines = blocks.join('').replaceAll('\\\n', ' ').split('\n').filter(Boolean);
assert.ok(lines.length > 12, `only ${lines.length} lines: the file was not read whole`);

const cluster = process.env.HANDBACK_CLUSTER ?? 'quickstart';
const env = { ...process.env, HANDBACK_CLUSTER: cluster };
// A group of its own, so that nothing of it outlives a failure.
const shell = spawn('bash', ['-e'], { cwd: root, env, stdio: ['pipe', 'pipe', 'inherit'], detached: true });
const printed = [];
createInterface({ input: shell.stdout }).on('line', (line) => {
  printed.push(line);
  console.log(line);
});
const ended = once(shell, 'exit').then(([code]) => ({ code }));

/** Sends what a shell gets, and waits until it has done it. */
let typed = 0;
async function type(line) {
  const mark = `done-${(typed += 1)}`;
  console.log(`$ ${line}`);
  // The shells of a line like `tests/cluster/in bash` and `exit` are another one afterwards.
  shell.stdin.write(`${line}\n${line.endsWith(' bash') ? 'set -e\n' : ''}echo ${mark}\n`);
  await done(mark, line);
}

/** The longest that any line may take: the first one, which may have a Kubernetes to compile. */
const PATIENCE = 40 * 60_000;

async function done(mark, line) {
  for (const end = Date.now() + PATIENCE; ;) {
    if (Date.now() > end) throw new Error(`it does not end: ${line}`);
    const over = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 200))]);
    if (printed.includes(mark)) return;
    if (over) throw new Error(`the shell ended with ${over.code} at: ${line}`);
  }
}

/** The process whose command line ends with these words. */
function process_of(words) {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() === words) return Number(pid);
    } catch {
      // It has ended.
    }
  }
  return null;
}

/** Takes the browser as a person does, and gives it back with Ctrl-C. */
async function take(line) {
  const mark = `done-${(typed += 1)}`;
  console.log(`$ ${line}`);
  shell.stdin.write(`${line}\necho ${mark}\n`);
  const address = await until(() => `an address after:\n${printed.join('\n')}`, () => printed.find((one) => one.startsWith('http://')));
  const person = await startPerson(cluster);
  try {
    const page = await person.newPage();
    await page.goto(address);
    await page.locator('#picture canvas').waitFor();
    await inControl(page);
  } finally {
    await person.close();
  }
  process.kill(process_of(line), 'SIGINT');
  await done(mark, line);
}

let failure = null;
try {
  for (const line of lines) await (line.includes(' take ') ? take(line) : type(line));
  assert.ok(printed.some((line) => /^checkout +Finished +Passed +2\/2 +tr-checkout-1/.test(line)), 'the table of runs');
} catch (error) {
  failure = error;
  // Of its own end a shell that was told to end with the first failure leaves nothing to kill.
  if (shell.exitCode === null) process.kill(-shell.pid, 'SIGKILL');
}
shell.stdin.end();
const { code } = await ended;
if (failure) {
  // What it began is not left behind.
  await once(spawn(`${root}tests/cluster/down`, [cluster], { stdio: 'inherit' }), 'exit');
  throw failure;
}
assert.equal(code, 0);
console.log(`all ${lines.length} lines work`);
