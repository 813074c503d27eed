// The takeover page on a real run, in a second real browser: what a person can and cannot do to the
// browser that the agent left, read from a ledger that the page under test keeps on its own server.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { axe, handBack, sentence, startPerson, startRun, startShop, takeOver, until } from './stage.mjs';

const PLAN = `#Case 1: Half-filled
Open /ledger
Scroll to "Pay now"
Type "half" into the "Message" field
Verify "Half way" is visible`;

let shop, run, person;

before(async () => {
  shop = await startShop();
  run = await startRun(shop.url, PLAN);
  person = await startPerson();
}, { timeout: 120_000 });

after(async () => {
  await person?.close();
  await run?.stop();
  await shop?.stop();
});

async function watcher() {
  const context = await person.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const problems = [];
  page.on('console', (message) => { if (message.type() === 'error') problems.push(message.text()); });
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.goto(await run.address());
  await page.locator('#picture canvas').waitFor();
  return { page, context, problems };
}

/** Leaves as a person does who goes elsewhere: only then is the page's goodbye sure to arrive. */
async function leave({ page, context }) {
  await page.goto('about:blank');
  await context.close();
}

/** Where an element of the remote page lies on the watcher's canvas. */
async function onCanvas(page, x, y) {
  const box = await page.locator('#picture canvas').boundingBox();
  const size = await page.locator('#picture canvas').evaluate((canvas) => [canvas.width, canvas.height]);
  return { x: box.x + (x / size[0]) * box.width, y: box.y + (y / size[1]) * box.height };
}

/** A patched client: its own RFB connection with the seat's own proof, sending raw input. */
async function sendPastThePage(page) {
  const sent = await page.evaluate(() => new Promise((resolve, reject) => {
    const seat = JSON.parse(sessionStorage.getItem('handback.seat'));
    const socket = new WebSocket(`ws://${location.host}/api/rfb`, ['handback', `seat.${seat.id}.${seat.secret}`]);
    socket.binaryType = 'arraybuffer';
    let stage = 0;
    let bytes = 0;
    socket.onerror = () => reject(new Error('refused'));
    socket.onmessage = ({ data }) => {
      bytes += data.byteLength;
      if (stage === 0 && bytes >= 12) {
        stage = 1; bytes = 0;
        socket.send(new TextEncoder().encode('RFB 003.008\n'));
      } else if (stage === 1 && bytes >= 2) {
        stage = 2; bytes = 0;
        socket.send(new Uint8Array([1]));
      } else if (stage === 2 && bytes >= 4) {
        stage = 3; bytes = 0;
        socket.send(new Uint8Array([1]));
      } else if (stage === 3 && bytes >= 24) {
        stage = 4;
        const key = (down, code) => [4, down, 0, 0, 0, 0, 0, code];
        const pointer = (mask) => [5, mask, 1, 0, 1, 0];
        for (let n = 0; n < 5; n += 1) {
          socket.send(new Uint8Array([...key(1, 0x78), ...key(0, 0x78), ...pointer(1), ...pointer(0)]));
        }
        // An answer to this one proves that the gate has read what stands before it.
        socket.send(new Uint8Array([3, 0, 0, 0, 0, 0, 0, 8, 0, 8]));
      } else if (stage === 4) {
        socket.close();
        resolve(true);
      }
    };
  }));
  assert.equal(sent, true);
}

test('what a watcher types and clicks reaches nothing, through the page or past it', async () => {
  const { page, context, problems } = await watcher();
  const earlier = (await shop.ledger()).length;
  await page.locator('#picture canvas').click({ position: { x: 200, y: 200 }, force: true });
  await page.keyboard.type('xyz');
  await sendPastThePage(page);
  // The next thing that does reach the page is the owner's: nothing may stand before it.
  await takeOver(page);
  await page.keyboard.type('!');
  const entries = await until('the first admitted key', async () => {
    const now = (await shop.ledger()).slice(earlier);
    return now.some((entry) => entry.type === 'input') ? now : null;
  });
  const keys = entries.filter((entry) => entry.type === 'keydown' && entry.key.length === 1).map((entry) => entry.key);
  assert.deepEqual(keys, ['!']);
  assert.deepEqual(entries.filter((entry) => entry.type.startsWith('pointer')), []);
  await page.keyboard.press('Backspace');
  await handBack(page);
  assert.deepEqual(problems, []);
  await leave({ page, context });
});

test('taking over goes on in the half-filled form, where the agent left it', async () => {
  const { page, context } = await watcher();
  const canvas = await page.locator('#picture canvas').elementHandle();
  const before = (await shop.ledger()).at(-1);
  const earlier = (await shop.ledger()).length;
  await takeOver(page);
  await page.keyboard.type('-done');
  // Beacons of one page may overtake each other: the last to arrive need not be the last sent.
  let values = [];
  const last = await until(() => `the whole text, only ${values}`, async () => {
    const now = (await shop.ledger()).slice(earlier);
    values = now.map((entry) => entry.value);
    return now.find((entry) => entry.value === 'half-done');
  });
  assert.ok(last.scroll > 500, `scrolled to ${last.scroll}`);
  assert.equal(last.cookie, 'trail=breadcrumbs');
  assert.deepEqual([last.visit, last.born, last.scroll], [before.visit, before.born, before.scroll]);
  assert.ok(await canvas.evaluate((element) => element.isConnected), 'it is the same canvas');
  await handBack(page);
  const count = (await shop.ledger()).length;
  await page.keyboard.type('zzz');
  await takeOver(page);
  await page.keyboard.press('Backspace');
  const since = await until('the key after', async () => {
    const now = (await shop.ledger()).slice(count);
    return now.length > 1 ? now : null;
  });
  assert.deepEqual(since.filter((entry) => entry.type === 'keydown').map((entry) => entry.key), ['Backspace']);
  await handBack(page);
  await leave({ page, context });
});

test('a second tab watches, is refused unless it asks to move the hold, and may then move it', async () => {
  const first = await watcher();
  const second = await watcher();
  await takeOver(first.page);
  // In `run` both tabs are the same person's: the second is offered to go on, not to take.
  await until('the second tab knows', async () => (await sentence(second.page)).includes('in control in another tab'));
  await until('only these two watch', async () => /\b2 watching/.test(await second.page.locator('body').innerText()));
  const refused = await second.page.evaluate(async () => {
    const seat = JSON.parse(sessionStorage.getItem('handback.seat'));
    const answer = await fetch('/api/takeover', { method: 'POST', headers: { 'X-Handback-Seat': `${seat.id}.${seat.secret}` } });
    return { status: answer.status, body: await answer.json() };
  });
  assert.equal(refused.status, 409);
  assert.equal(refused.body.error.code, 'already_held');
  await takeOver(second.page);
  await until('the first tab only watches', async () => !(await sentence(first.page)).startsWith('You are in control.'));
  const count = (await shop.ledger()).length;
  await first.page.keyboard.type('q');
  // While somebody holds the input there is a way for it to the page, but not for the first tab's.
  await sendPastThePage(first.page);
  await second.page.keyboard.type('w');
  const since = await until('the second tab\'s key', async () => {
    const now = (await shop.ledger()).slice(count);
    return now.some((entry) => entry.type === 'input') ? now : null;
  });
  assert.deepEqual(since.filter((entry) => entry.type === 'keydown').map((entry) => entry.key), ['w']);
  assert.deepEqual(since.filter((entry) => entry.type.startsWith('pointer')), []);
  await second.page.keyboard.press('Backspace');
  await handBack(second.page);
  await until('free again', async () => !(await sentence(first.page)).includes('control'));
  await leave(first);
  await leave(second);
});

test('a reload keeps the seat, and an address works once', async () => {
  const { page, context } = await watcher();
  const seat = () => page.evaluate(() => JSON.parse(sessionStorage.getItem('handback.seat')).id);
  const mine = await seat();
  await page.reload();
  await page.locator('#picture canvas').waitFor();
  assert.equal(await seat(), mine);
  const again = await person.newContext();
  const other = await again.newPage();
  const address = await run.address();
  await other.goto(address);
  await other.locator('#picture canvas').waitFor();
  const third = await (await person.newContext()).newPage();
  await third.goto(address);
  await third.locator('#door').waitFor();
  assert.match(await third.locator('#door').innerText(), /used/);
  await leave({ page, context });
  await again.close();
  await third.context().close();
});

test('the picked element is named in ways that find it, and the click stays with the inspector', async () => {
  const { page, context } = await watcher();
  await takeOver(page);
  const paid = (await shop.ledger()).at(-1)?.paid ?? 0;
  const count = (await shop.ledger()).length;
  const at = await buttonOnDisplay(page);
  await page.locator('#inspect').click();
  // The overlay is on once its label appears above the button.
  const paint = () => page.locator('#picture canvas').evaluate((canvas, { x, y }) => {
    const box = canvas.getBoundingClientRect();
    const pixel = [(x - box.x) * canvas.width / box.width, (y - box.y) * canvas.height / box.height];
    return canvas.getContext('2d').getImageData(pixel[0], pixel[1], 60, 20).data.join();
  }, { x: at.x, y: at.y - 60 });
  const plain = await paint();
  let moved = 0;
  await until('a highlight', async () => {
    moved += 1;
    await page.mouse.move(at.x + (moved % 3), at.y);
    return await paint() !== plain;
  });
  await page.mouse.click(at.x, at.y);
  const values = await until('candidates', async () => {
    const texts = await page.locator('#panel-inspect code').allInnerTexts();
    return texts.length ? texts : null;
  });
  assert.ok(values.includes('button "Pay now"') && values.includes('[data-testid="pay-submit"]'), values.join(' | '));
  const copy = await (await person.newContext()).newPage();
  await copy.goto(`${shop.url}/ledger`);
  const css = values[2];
  assert.equal(await copy.evaluate((selector) => document.querySelector(selector)?.id, css), 'pay');
  const xpath = values[3];
  assert.equal(await copy.evaluate((path) => document.evaluate(path, document, null, 9, null).singleNodeValue?.id, xpath), 'pay');
  await copy.context().close();
  await page.keyboard.press('Escape');
  // A key that does reach the page tells what it has seen until then.
  await page.keyboard.press('Shift');
  const since = await until('the key after', async () => {
    const now = (await shop.ledger()).slice(count);
    return now.some((entry) => entry.key === 'Shift') ? now : null;
  });
  assert.deepEqual(since.filter((entry) => /^(pointer|click)/.test(entry.type)), []);
  assert.equal(since.at(-1).paid, paid, 'the picking click did not pay');
  await handBack(page);
  await leave({ page, context });
});

/** The middle of the button "Pay now" on the watcher's canvas: a copy of the page, scrolled as the
 * ledger says of the remote one, has it at the same place below the browser's own bars. */
async function buttonOnDisplay(page) {
  const copy = await (await person.newContext({ viewport: { width: 1600, height: 900 } })).newPage();
  await copy.goto(`${shop.url}/ledger`);
  const last = (await shop.ledger()).filter((entry) => entry.scroll > 0).at(-1);
  const box = await copy.evaluate((scroll) => {
    scrollTo(0, scroll);
    const rect = document.getElementById('pay').getBoundingClientRect();
    return { x: rect.x + rect.width / 2, y: rect.y + rect.height / 2 };
  }, last.scroll);
  await copy.context().close();
  const size = await page.locator('#picture canvas').evaluate((canvas) => [canvas.width, canvas.height]);
  return onCanvas(page, box.x, box.y + (size[1] - 900));
}

test('axe finds no violation while watching and while in control', async () => {
  const { page, context } = await watcher();
  const violations = async () => {
    // A content security policy is in force: the library is evaluated, not added as a script.
    const { readFileSync } = await import('node:fs');
    await page.evaluate(readFileSync(axe, 'utf8'));
    const found = await page.evaluate(() => globalThis.axe.run());
    return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(', ')}`);
  };
  assert.deepEqual(await violations(), []);
  await takeOver(page);
  assert.deepEqual(await violations(), []);
  await handBack(page);
  await leave({ page, context });
});

test('Stop browser ends the run and leaves the results on the page', async () => {
  const { page, context } = await watcher();
  await page.locator('#stop').click();
  await page.locator('#stop-yes').click();
  await until('ended', async () => /closed|stopped/i.test(await sentence(page)));
  const [code] = await run.ended;
  assert.equal(code, 0, 'the exit code is the run\'s');
  await leave({ page, context });
});
