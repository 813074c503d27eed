// The Checks tab: what the plan asked to hold, and whether it does.

import { h, once, sign } from './dom';
import { caseTitle, plural } from './format';
import { type Check, type Story } from './story';

export function renderChecks(panel: HTMLElement, story: Story, running: boolean): void {
  const all = story.cases.filter((one) => one.checks.length > 0);
  const expected = countChecks(story);
  once(panel, JSON.stringify([running, expected, all.map((one) => [one.name, one.checks])]), () => {
    if (all.length === 0) {
      const none = expected === 0 ? 'The plan has no checks.' : `None of ${plural(expected, 'check', 'checks')} was made yet.`;
      return [h('p', { className: 'empty' }, none)];
    }
    return all.map((one) =>
      h('section', { className: 'case' }, h('h2', {}, h('span', { className: 'name' }, caseTitle(one))), h('ul', { className: 'checks' }, ...one.checks.map((check) => row(check, running)))),
    );
  });
}

export function countChecks(story: Story): number {
  return story.cases.reduce((sum, one) => sum + Math.max(one.checks.length, one.expected), 0);
}

function row(check: Check, running: boolean): HTMLElement {
  const bad = check.status === 'failed' || (check.status === 'uncovered' && !running);
  const word = { passed: 'passed', failed: 'failed', uncovered: 'not checked', pending: running ? 'open' : 'not checked' }[check.status];
  const mark = check.status === 'passed' ? sign('ok', 'Passed:') : bad ? sign('no', 'Failed:') : sign('wait', 'Open:');
  return h(
    'li',
    { className: `check${bad ? ' bad' : ''}` },
    mark,
    h('span', {}, check.text),
    h('span', { className: 'meta' }, word),
    check.status !== 'pending' && check.why ? h('span', { className: 'why' }, check.why) : null,
    check.status === 'passed' && !check.verified ? h('span', { className: 'why' }, 'Claimed by the model; the runner could not verify it.') : null,
  );
}
