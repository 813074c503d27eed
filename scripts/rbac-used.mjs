// Compares what the operator did with what it may do:
//
//   node scripts/rbac-used.mjs [--since TIME] AUDIT-LOG RENDERED-CHART [system:serviceaccount:NAMESPACE:NAME]
//
// AUDIT-LOG is the API server's (…/log/audit.log of the test cluster), RENDERED-CHART what `helm template`
// or `helm get manifest` printed. Prints the rights that were used and not given, and given and not used
// (but for those that only newer API servers ask for); exit 1 if there are any of either. What was asked
// before TIME (RFC 3339) does not count: take the log of one cluster that ran everything since. HANDBACK_HELM
// is helm, if it is not in the PATH.

import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

import { FOR_NEWER_SERVERS, compare, given, used } from '../tests/chart/rbac.mjs';
import { documents } from '../tests/chart/render.mjs';

const { values: { since }, positionals } = parseArgs({ options: { since: { type: 'string' } }, allowPositionals: true });
const [log, chart, user = 'system:serviceaccount:handback-system:handback'] = positionals;
if (!chart || (since && Number.isNaN(Date.parse(since)))) {
  console.error('rbac-used: say which log and which rendered chart: node scripts/rbac-used.mjs [--since TIME] AUDIT-LOG RENDERED-CHART [USER]');
  process.exit(2);
}
const [, , namespace, name] = user.split(':');
const all = documents(readFileSync(chart, 'utf8'));

// What the account's bindings lead to.
const bound = all.filter(({ kind, subjects }) => kind?.endsWith('RoleBinding') && subjects.some((one) => one.kind === 'ServiceAccount' && one.name === name && one.namespace === namespace));
const roles = bound.map(({ roleRef, metadata }) => {
  const role = all.find((one) => one.kind === roleRef.kind && one.metadata.name === roleRef.name && (roleRef.kind === 'ClusterRole' || one.metadata.namespace === metadata.namespace));
  if (!role) throw new Error(`${roleRef.kind} ${roleRef.name} is bound and not in ${chart}`);
  return role;
});
if (roles.length === 0) {
  console.error(`rbac-used: nothing in ${chart} is bound to ${user}`);
  process.exit(2);
}

// A log may be larger than what fits into memory.
const lines = [];
for await (const line of createInterface({ input: createReadStream(log) })) {
  if (line.includes(user)) lines.push(line);
}
const asked = used(lines, user, since);
if (asked.length === 0) {
  console.error(`rbac-used: ${user} asked for nothing in ${log}${since ? ` since ${since}` : ''}`);
  process.exit(2);
}
// What a Role gives holds in its namespace only.
const rights = roles.flatMap(({ kind, rules, metadata }) => given(rules, kind === 'Role' ? metadata.namespace : undefined));
const { unused: idle, missing } = compare(rights, asked);
const unused = idle.filter((right) => !FOR_NEWER_SERVERS.includes(right));
for (const right of missing) console.log(`used and not given: ${right}`);
for (const right of unused) console.log(`given and not used: ${right}`);
if (missing.length + unused.length === 0) console.log(`${asked.reduce((sum, { count }) => sum + count, 0)} requests used exactly what is given`);
process.exit(missing.length + unused.length === 0 ? 0 : 1);
