// A whole test by the official Python client, over streamable HTTP.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { PLAN, firstLine, makePlace, program, startShop } from './server.mjs';

const python = new URL('.venv/bin/python', import.meta.url).pathname;
const client = new URL('client.py', import.meta.url).pathname;
const TOKEN = 'correct-horse-battery-staple';

let shop;
let place;
let server;
let url;

before(async () => {
  shop = await startShop();
  place = makePlace();
  const token = join(place.place, 'token');
  writeFileSync(token, `${TOKEN}\n`, { mode: 0o600 });
  server = spawn(program, ['mcp', '--http', '127.0.0.1:0', '--http-token-file', token],
    { env: place.env, stdio: ['ignore', 'pipe', 'inherit'] });
  url = await firstLine(server);
});
after(async () => {
  const gone = once(server, 'exit');
  server.kill('SIGTERM');
  const [code] = await gone;
  await shop.stop();
  place.remove();
  assert.equal(code, 0);
});

test('the address is on this machine', () => assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/mcp$/));

test('who has no token, or comes from elsewhere, is not let in', async () => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
  const ask = async (more) => (await fetch(url, { method: 'POST', body, headers: { ...headers, ...more } })).status;
  assert.equal(await ask({}), 401);
  assert.equal(await ask({ Authorization: 'Bearer wrong-horse-battery-staple' }), 401);
  assert.equal(await ask({ Authorization: `Bearer ${TOKEN}`, Origin: 'http://evil.example' }), 403);
});

for (const mode of ['auto', 'legacy']) {
  test(`a whole test, as the ${mode} protocol has it`, { timeout: 300_000 }, async () => {
    const child = spawn(python, [client, url, TOKEN, mode, shop.url], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.end(PLAN);
    let said = '';
    child.stdout.on('data', (part) => { said += part; });
    const [code] = await once(child, 'exit');
    assert.equal(code, 0, said);
    const { name, tools, told, first, error } = JSON.parse(said);
    assert.equal(name, 'handback');
    assert.ok(tools.includes('test'));
    assert.deepEqual([first.isError, first.verdict, first.pictures], [false, 'failed', 1]);
    for (const id of first.steps) assert.ok(told.some((message) => message.startsWith(`step ${id}: `)), `step ${id}`);
    assert.deepEqual([error.isError, error.code], [true, 'invalid_argument']);
  });
}
