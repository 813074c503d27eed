// Which rights a recorded run used, beside those that were given (pure).
//
// What was used comes from an API server's audit log, one line of JSON for each request; what was given
// are rules of RBAC. Both become rights: a group, a resource with its subresource, a verb, and a name if
// the rule has one.

/**
 * Rights that no recorded run can use, with the reason: a port-forward over a WebSocket is a `get`, and
 * API servers after 1.34 ask for `create` as well.
 */
export const FOR_NEWER_SERVERS = ['create pods/portforward'];

/**
 * Every single right of these rules, as `{group, resource, verb, name, namespace}`; a name only where one
 * is given, a namespace only if they hold in no other.
 */
export function given(rules, namespace) {
  return rules.flatMap(({ apiGroups = [], resources = [], verbs = [], resourceNames }) =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.flatMap((verb) => (resourceNames ?? [undefined]).map((name) => ({ group, resource, verb, name, namespace }))))),
  );
}

/** The rights that this user's requests needed, each once, with how often; those before `since` do not count. */
export function used(lines, user, since) {
  const found = new Map();
  const first = since === undefined ? -Infinity : Date.parse(since);
  for (const line of lines) {
    if (!line.trim()) continue;
    let event;
    try {
      event = JSON.parse(line);
    } catch {
      // The last line of a log that is being written.
      continue;
    }
    const { objectRef, verb, stage } = event;
    // Who asks in this user's name, to see what it may do, is somebody else.
    if (event.user?.username !== user || event.impersonatedUser || !objectRef?.resource) continue;
    if (Date.parse(event.requestReceivedTimestamp) < first) continue;
    // One request is told at several stages; a watch has no other until it ends.
    if (stage === 'RequestReceived' || (stage === 'ResponseStarted' && verb !== 'watch')) continue;
    const resource = objectRef.subresource ? `${objectRef.resource}/${objectRef.subresource}` : objectRef.resource;
    const right = { group: objectRef.apiGroup ?? '', resource, verb, name: objectRef.name, namespace: objectRef.namespace };
    const id = JSON.stringify(right);
    const known = found.get(id) ?? { ...right, count: 0 };
    known.count += 1;
    found.set(id, known);
  }
  return [...found.values()];
}

/** Whether a right that was given allows what was asked for. */
function allows(right, asked) {
  const is = (mine, theirs) => mine === '*' || mine === theirs;
  const within = (mine, theirs) => mine === undefined || mine === theirs;
  return is(right.group, asked.group) && is(right.resource, asked.resource) && is(right.verb, asked.verb) && within(right.name, asked.name) && within(right.namespace, asked.namespace);
}

/** What was given and not used, and what was used and not given: two lists of sentences. */
export function compare(rights, asked) {
  const say = ({ group, resource, verb, name }) => `${verb} ${resource}${group ? `.${group}` : ''}${name ? ` ${name}` : ''}`;
  const sentences = (list) => [...new Set(list.map(say))].sort();
  const missing = asked.filter((one) => !rights.some((right) => allows(right, one)));
  return {
    unused: sentences(rights.filter((right) => !asked.some((one) => allows(right, one)))),
    // A name says nothing about a right that is not there for any name.
    missing: sentences(missing.map((one) => ({ ...one, name: undefined }))),
  };
}
