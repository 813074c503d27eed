// Pictures of the takeover page and of the player, in every state that is worth a look:
// node test/pictures.mjs DIRECTORY

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Mock, startState } from './mock.mjs';
import { launch, state } from './chromium.mjs';
import { pixels, recording } from './media.mjs';
import { chaptersOf, playerFile } from './player-file.mjs';
import { CANDIDATES, results, tellRun } from './scene.mjs';

const WIDTH = 1600, HEIGHT = 988, BARS = 88;
const [directory] = process.argv.slice(2);
if (!directory) {
  console.error('usage: node test/pictures.mjs DIRECTORY');
  process.exit(2);
}
mkdirSync(directory, { recursive: true });

const browser = await launch();
const display = await browser.newPage({ viewport: { width: WIDTH, height: HEIGHT } });
await display.goto(pathToFileURL(fileURLToPath(new URL('display.html', import.meta.url))).href);
const shown = await display.screenshot();
const shot = await display.screenshot({ type: 'jpeg', quality: 70, clip: { x: 0, y: BARS, width: WIDTH, height: HEIGHT - BARS } });
const whole = await display.screenshot({ type: 'jpeg', quality: 90 });
await display.evaluate(() => document.querySelector('#pay').classList.add('pick'));
const picked = await display.screenshot();
await display.close();

const picture = pixels(shown, WIDTH, HEIGHT);
const pickedPicture = pixels(picked, WIDTH, HEIGHT);
const video = recording(20, whole);
const files = {};
for (let n = 1; n <= 10; n += 1) files[`screenshots/${String(n).padStart(3, '0')}_s${n}_click.jpg`] = shot;

async function takeover(colorScheme, width) {
  const height = width > 800 ? 800 : 860;
  const mock = await new Mock({ picture, files: { ...files, 'video.webm': video }, state: startState() }).listen();
  mock.state.browser.display = { width: WIDTH, height: HEIGHT };
  mock.videoMs = 20_000;
  mock.deadline = 581_000;
  mock.files['results.json'] = Buffer.from(JSON.stringify(results(mock)));
  mock.state.viewers.push({ seat: 's0', name: 'grace' });
  mock.tokens.set('used', 'grace');
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
  const page = await context.newPage();
  const take = async (name) => {
    await page.waitForTimeout(500);
    await page.screenshot({ path: join(directory, `${name}-${colorScheme}-${width}.png`), fullPage: width < 800 });
  };
  tellRun(mock, { stopInLast: true });
  await page.goto(mock.address());
  await state(page, 'watching');
  await take('watching');
  mock.events.length = 0;
  await page.evaluate(() => sessionStorage.clear());
  await page.goto('about:blank');
  tellRun(mock);
  mock.state.viewers = [{ seat: 's0', name: 'grace' }];
  mock.finish();
  await page.goto(mock.address());
  await state(page, 'finished');
  await take('finished-rest');
  await page.hover('#over');
  await take('finished');
  await page.click('#take-here');
  await state(page, 'control');
  await page.waitForTimeout(300);
  await page.mouse.move(width / 3, 400);
  await take('control');
  await page.click('#release');
  await take('release');
  await page.keyboard.press('Escape');
  mock.picture = pickedPicture;
  for (const client of mock.ws.clients) if (client !== mock.control) client.close(1012);
  await page.waitForTimeout(900);
  await page.click('#inspect');
  await state(page, 'inspect');
  mock.tell({ type: 'inspectNode', backendNodeId: 12, frame: 'F', name: 'button "Pay now"', candidates: CANDIDATES.map((each) => ({ ...each, matches: 1 })) });
  await take('inspect');
  mock.revoke('released');
  await state(page, 'finished');
  await page.click('#tab-steps');
  await page.click('.step.bad > button');
  await take('looking-back');
  await page.click('#tab-video');
  await page.click('#panel-video .primary');
  await take('video');
  await page.click('#live');
  await page.click('#tab-checks');
  await take('checks');
  await page.click('#tab-steps');
  mock.end();
  await state(page, 'ended');
  await take('ended');
  await page.evaluate(() => sessionStorage.clear());
  await page.goto(`${mock.origin}/?again`).catch(() => {});
  await state(page, 'refused');
  await take('refused');
  await context.close();
  await mock.close();
}

async function player(colorScheme, width, withVideo) {
  const all = results(new Mock());
  const screenshots = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, `data:image/jpeg;base64,${bytes.toString('base64')}`]));
  const path = join(directory, 'player.html');
  writeFileSync(join(directory, 'video.webm'), video);
  writeFileSync(path, playerFile({ name: 'checkout-pr-42', results: all, chapters: chaptersOf(all), screenshots, video: withVideo ? 'video.webm' : null }));
  const context = await browser.newContext({ viewport: { width, height: 860 }, colorScheme });
  const page = await context.newPage();
  await page.goto(pathToFileURL(path).href);
  await page.waitForTimeout(800);
  if (withVideo && width > 800) await page.hover('#track', { position: { x: 120, y: 10 } });
  await page.screenshot({ path: join(directory, `${withVideo ? 'player' : 'report'}-${colorScheme}-${width}.png`), fullPage: width < 800 });
  await context.close();
}

for (const colorScheme of ['light', 'dark']) {
  for (const width of [1280, 400]) {
    await takeover(colorScheme, width);
    await player(colorScheme, width, true);
  }
  await player(colorScheme, 1280, false);
}
await browser.close();
