// What two servers have told is made comparable, and compared.
'use strict';

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIMES = /(Time|Timestamp|Expiration|firstWorkflowTaskBackoff)$/;
// What a server counts as it likes, or makes up itself.
const OWN = new Set(['taskId', 'requestId', 'historySizeBytes', 'stateTransitionCount', 'clock', 'identity', 'lastWorkerIdentity', 'executionDuration']);

// The value with what is up to a server and to chance made the same: times, own numbers, ids in the order in which they came.
// What is empty is as if it was left out.
function masked(value, queue) {
  let ids = new Map();
  const text = (said) => said
    .replaceAll(queue, 'QUEUE')
    .replace(/\d+@[\w.-]+/g, 'IDENTITY')
    .replace(/[0-9a-f]{32}/g, 'HASH')
    .replace(/"\w+_time":\{[^}]*\}/g, 'TIME')
    .replace(UUID, (id) => ids.get(id) ?? (ids.set(id, `ID${ids.size + 1}`), ids.get(id)));
  const all = (part, key) => {
    if (part === null || part === undefined || part === '0') return undefined;
    if (TIMES.test(key)) return 'TIME';
    if (OWN.has(key)) return 'OWN';
    if (key === 'data' && typeof part === 'string') return text(Buffer.from(part, 'base64').toString());
    if (typeof part === 'string') return text(part);
    if (Array.isArray(part)) {
      if (part.every((one) => one?.eventType)) ids = new Map();
      return part.map((one) => all(one, ''));
    }
    if (typeof part !== 'object') return part;
    const fields = Object.entries(part).map(([name, one]) => [text(name), all(one, name)]).filter(([, one]) => one !== undefined);
    return fields.length ? Object.fromEntries(fields) : undefined;
  };
  return all(value, '');
}

// Where two values differ, below a path: `scene.histories.id.EVENT_TYPE.attribute`.
function differences(ours, theirs, path) {
  const isObject = (one) => typeof one === 'object' && one !== null;
  if (!isObject(ours) || !isObject(theirs) || Array.isArray(ours) !== Array.isArray(theirs)) {
    return ours === theirs ? [] : [{ path, ours, theirs }];
  }
  if (Array.isArray(ours) && [ours, theirs].every((list) => list.every((one) => one?.eventType))) {
    const types = [ours, theirs].map((list) => list.map((one) => one.eventType.replace('EVENT_TYPE_', '')));
    if (types[0].join() !== types[1].join()) {
      const at = types[0].findIndex((type, index) => type !== types[1][index]);
      return [{ path: `${path}.events from ${at}`, ours: types[0].slice(at).join(' '), theirs: types[1].slice(at).join(' ') }];
    }
  }
  const keys = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
  return [...keys].flatMap((key) => {
    const name = Array.isArray(ours) ? (ours[key]?.eventType?.replace('EVENT_TYPE_', '.') ?? `[${key}]`) : `.${key}`;
    return differences(ours[key], theirs[key], path + name);
  });
}

module.exports = { differences, masked };
