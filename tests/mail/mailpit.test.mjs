// The double of Mailpit, seen by Mailpit's client of npm.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { MailpitClient } from 'mailpit-api';

import { startMailpit } from './mailpit.mjs';

let mailpit;
let client;

before(async () => {
  mailpit = await startMailpit({ auth: 'qa:correct horse' });
  client = new MailpitClient(mailpit.url, { auth: { username: 'qa', password: 'correct horse' } });
});
after(() => mailpit.close());

const mail = (to, Subject) => ({
  From: { Email: 'no-reply@shop.test', Name: 'Shop' },
  To: [{ Email: to }],
  Subject,
  Text: 'Your code is 123456',
  HTML: '<b>123456</b>',
});

test('a mail is sent, found, read and deleted', async () => {
  assert.match((await client.getInfo()).Version, /^v1\./);
  await client.sendMessage(mail('a@handback.test', 'first'));
  const { ID } = await client.sendMessage(mail('a@handback.test', 'second'));
  await client.sendMessage(mail('b@handback.test', 'other'));

  const found = await client.searchMessages({ query: 'addressed:"a@handback.test"', limit: 1 });
  assert.equal(found.messages_count, 2);
  assert.deepEqual(found.messages.map((one) => [one.ID, one.Subject]), [[ID, 'second']]);
  assert.ok(!Number.isNaN(Date.parse(found.messages[0].Created)));
  assert.deepEqual(found.messages[0].From, { Address: 'no-reply@shop.test', Name: 'Shop' });

  const whole = await client.getMessageSummary(ID);
  assert.equal(whole.Text, 'Your code is 123456');
  assert.equal(whole.HTML, '<b>123456</b>');

  await client.deleteMessagesBySearch({ query: 'addressed:"a@handback.test"' });
  const left = await client.searchMessages({ query: 'to:"handback.test"' });
  assert.deepEqual(left.messages.map((one) => one.Subject), ['other']);
});

test('what Mailpit has not is refused', async () => {
  await assert.rejects(client.searchMessages({ query: 'anything at all' }));
  await assert.rejects(client.getMessageSummary('nothing'));
  const stranger = new MailpitClient(mailpit.url);
  await assert.rejects(stranger.getInfo());
});
