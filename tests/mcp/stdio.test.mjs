// A whole test by the official TypeScript client, over standard input and output.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

import { PLAN, makePlace, program, startShop } from './server.mjs';

const PATIENCE = { timeout: 300_000 };

let shop;
let place;
let client;

before(async () => {
  shop = await startShop();
  place = makePlace();
  client = new Client({ name: 'tests', version: '1' });
  await client.connect(new StdioClientTransport({ command: program, args: ['mcp'], env: place.env, stderr: 'inherit' }));
});
after(async () => {
  await client?.close();
  await shop?.stop();
  place?.remove();
});

test('the server introduces itself and its tools', async () => {
  assert.equal(client.getServerVersion().name, 'handback');
  assert.match(client.getInstructions(), /before a commit/);
  const { tools } = await client.listTools();
  const tool = tools.find(({ name }) => name === 'test');
  assert.equal(tool.inputSchema.additionalProperties, false);
  assert.ok(tool.inputSchema.properties.plan.description);
});

test('a test runs, tells every step, and shows what failed', PATIENCE, async () => {
  const told = [];
  const result = await client.callTool(
    { name: 'test', arguments: { url: shop.url, plan: PLAN, viewport: 'desktop', keep_alive: 0 } },
    undefined,
    { onprogress: ({ progress, message }) => told.push([progress, message]), resetTimeoutOnProgress: true, ...PATIENCE },
  );
  assert.ok(!result.isError, JSON.stringify(result.content));
  const { structuredContent: found } = result;
  assert.deepEqual([found.verdict, found.reason, found.exit_code], ['failed', 'assertion_failed', 1]);
  assert.deepEqual(found.scenarios.map(({ passed }) => passed), [true, false]);
  assert.ok(existsSync(join(found.directory, 'manifest.json')));
  assert.match(found.player_url, /^http:\/\/mcp-[a-z0-9]+\.localhost:\d+\/#t=/);
  const steps = found.scenarios.flatMap((one) => one.steps);
  for (const { id } of steps) assert.ok(told.some(([, message]) => message.startsWith(`step ${id}: `)), `step ${id}`);
  assert.ok(told.every(([progress], n) => n === 0 || progress > told[n - 1][0]), 'progress grows');
  const pictures = result.content.filter(({ type }) => type === 'image');
  assert.equal(pictures.length, 1);
  assert.equal(pictures[0].mimeType, 'image/jpeg');
  assert.ok(pictures[0].data.length <= 200 * 1024);
});

test('what cannot be carried out is an error with a code', PATIENCE, async () => {
  const result = await client.callTool({ name: 'test', arguments: { url: 'http://127.0.0.1:9', plan: PLAN } });
  assert.equal(result.isError, true);
  assert.equal(result.structuredContent.code, 'preflight_failed');
  assert.ok(existsSync(join(result.structuredContent.directory, 'results.json')));
});
