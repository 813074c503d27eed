// A run to look at: three cases of a shop's checkout, the last one failing. Used by the tests and by
// pictures.mjs. The names contain text that fights back.

export const FAILED_WHY = '"Thank you" did not appear within 10 s. The page says "Expiry is not complete".';

export const CASES = [
  { name: 'Guest checkout', steps: [['Open the home page', 800], ['Click "Add to cart"', 300], ['Verify "1 item" is visible', 100]], verdict: 'passed', ms: 12_100 },
  { name: 'Case 2: Search', steps: [['Type "lamp" into the search box', 400], ['Press Enter', 200], ['Verify there are 3 items in the list', 200]], verdict: 'passed', ms: 6_400 },
  { name: 'Pay by card', steps: [['Type "4242 4242 4242 4242" into Card number', 600], ['Type "12/3" into Expiry', 300], ['Click "Pay now"', 300], ['Verify "Thank you" is visible', 10_000]], verdict: 'failed', ms: 11_000 },
];

/** Hostile text in every place that a run can put text. */
export const HOSTILE = '</script><img src=x onerror="window.hurt=1"><b>bold</b>';

const checksOf = (one) => one.steps.flatMap(([text], index) => (text.startsWith('Verify') ? [{ id: `c${index + 1}`, kind: 'verify', line: index + 1, text: text.replace('Verify ', '') }] : []));

/** Ids of steps count over the run. */
function firstId(cases, index) {
  return cases.slice(0, index).reduce((sum, each) => sum + each.steps.length, 0) + 1;
}

/** Tells the run to the mock; `stopInLast` leaves the last step but one under way. */
export function tellRun(mock, { cases = CASES, stopInLast = false, start = Date.now() - 41_000 } = {}) {
  let now = start;
  mock.event('run_start', { url: mock.state.run.url, scenarios: cases.map((one) => ({ name: one.name, driver: 'direct', checks: checksOf(one).length })) }, null, now);
  mock.event('video', { state: 'started', reason: null }, null, now);
  cases.forEach((one, index) => {
    mock.event('scenario_start', { index, name: one.name, total: cases.length, driver: 'direct', checks: checksOf(one).length }, index, now);
    one.steps.forEach(([text, ms], position) => {
      const id = firstId(cases, index) + position;
      const underway = stopInLast && index === cases.length - 1 ? position - (one.steps.length - 2) : -1;
      if (underway > 0) return;
      const failed = one.verdict === 'failed' && position === one.steps.length - 1;
      const step = { id, tool: text.startsWith('Verify') ? 'assert' : 'click', action: 'click', description: text, args: {}, code: null, error: null, url: mock.state.run.url, line: position + 1 };
      mock.event('step', { ...step, status: 'running', duration_ms: 0 }, index, now);
      if (underway === 0) return;
      now += ms;
      mock.event('step', { ...step, status: failed ? 'failed' : 'completed', code: failed ? 'assertion_failed' : null, duration_ms: ms }, index, now);
      const path = `screenshots/${String(id).padStart(3, '0')}_s${id}_click.jpg`;
      if (text.startsWith('Verify')) mock.event('assertion', { id: `a${id}`, step: id, check: `c${position + 1}`, description: text, passed: !failed, evidence: failed ? FAILED_WHY : 'Seen.', verified: true, screenshot: path }, index, now);
      mock.event('screenshot', { path, step: id, kind: 'after' }, index, now);
      now += 200;
    });
    if (stopInLast && index === cases.length - 1) return;
    mock.event('scenario_complete', { index, name: one.name, verdict: one.verdict, reasons: one.verdict === 'failed' ? ['assertion_failed'] : [], duration_ms: one.ms }, index, now);
  });
}

/** The same run as results.json, for the player. */
export function results(mock, cases = CASES) {
  const scenarios = cases.map((one, index) => ({
    index, name: one.name, line: 1, driver: 'direct', verdict: one.verdict, passed: one.verdict === 'passed', reasons: one.verdict === 'failed' ? ['assertion_failed'] : [], summary: '', duration_ms: one.ms,
    steps: one.steps.map(([text, ms], position) => {
      const failed = one.verdict === 'failed' && position === one.steps.length - 1;
      const id = firstId(cases, index) + position;
      return { id, tool: text.startsWith('Verify') ? 'assert' : 'click', action: 'click', description: text, args: {}, line: position + 1, status: failed ? 'failed' : 'completed', code: failed ? 'assertion_failed' : null, error: failed ? FAILED_WHY : null, duration_ms: ms, url: mock.state.run.url, screenshot: `screenshots/${String(id).padStart(3, '0')}_s${id}_click.jpg` };
    }),
    assertions: one.steps.flatMap(([text], position) => (text.startsWith('Verify') ? [{ id: `a${position + 1}`, step: firstId(cases, index) + position, check: `c${position + 1}`, description: text, passed: !(one.verdict === 'failed' && position === one.steps.length - 1), evidence: one.verdict === 'failed' && position === one.steps.length - 1 ? FAILED_WHY : 'Seen.', verified: true, predicates: [] }] : [])),
    checks: checksOf(one).map((check) => ({ ...check, status: one.verdict === 'failed' && check.id === `c${one.steps.length}` ? 'failed' : 'passed', assertions: [`a${check.id.slice(1)}`] })),
  }));
  const failed = cases.some((one) => one.verdict === 'failed');
  return {
    schema: 'handback.results/v1', run_id: mock.state.run.id, name: mock.state.run.name, url: mock.state.run.url, verdict: failed ? 'failed' : 'passed', reason: failed ? 'assertion_failed' : null, exit_code: failed ? 1 : 0,
    started_at: '2026-11-21T12:03:50.000Z', finished_at: '2026-11-21T12:04:31.000Z', duration_ms: 41_000, driver: 'direct', viewport: { width: 1600, height: 900 },
    counts: { total: cases.length, passed: cases.filter((one) => one.verdict === 'passed').length, failed: failed ? 1 : 0, errored: 0, aborted: 0, skipped: 0, unverified: 0 },
    browser: { version: 'Chromium 156.0', sandbox: 'own' }, scenarios, error: null, video: { status: 'recorded', reason: null },
  };
}

export const CANDIDATES = [
  { kind: 'role', value: 'button "Pay now"', matches: 1 },
  { kind: 'testid', value: 'pay-submit', matches: 1 },
  { kind: 'css', value: 'form.card > button', matches: 1 },
  { kind: 'xpath', value: '//form[1]/button[1]', matches: 2 },
];
