// The workflows of the scenes.
'use strict';

const wf = require('@temporalio/workflow');

const soon = { initialInterval: '50ms', backoffCoefficient: 1 };
const activities = wf.proxyActivities({ startToCloseTimeout: '20s', retry: soon });
const locals = wf.proxyLocalActivities({ startToCloseTimeout: '5s' });

const add = wf.defineSignal('add');
const finish = wf.defineSignal('finish');
const total = wf.defineQuery('total');
const wrong = wf.defineQuery('wrong');
const addNow = wf.defineUpdate('addNow');
const addLater = wf.defineUpdate('addLater');
const fails = wf.defineUpdate('fails');

// One operation of each kind, one after the other.
exports.operations = async function (text) {
  const said = [await activities.echo(text), await activities.echo()];
  said.push(await locals.echo('local'));
  said.push(await activities.thirdTime(text));
  said.push(await wf.proxyActivities({ scheduleToCloseTimeout: '30s' }).echo('to close'));
  await wf.sleep(20);
  said.push(wf.patched('patch'));
  wf.upsertMemo({ a: 1 });
  wf.upsertSearchAttributes({ CustomKeywordField: ['acme'] });
  said.push(await wf.executeChild('child', { workflowId: wf.workflowInfo().workflowId + '-child', args: [text] }));
  said.push(wf.workflowInfo().attempt, wf.workflowInfo().taskQueue);
  return said;
};

exports.child = async function (text) {
  await wf.sleep(20);
  return text;
};

// Waits and is talked to.
exports.talks = async function (begin = 0) {
  let sum = begin;
  let done = false;
  wf.setHandler(add, (number) => { sum += number; });
  wf.setHandler(finish, () => { done = true; });
  wf.setHandler(total, () => sum);
  wf.setHandler(wrong, () => { throw new Error('wrong'); });
  const validator = (number) => { if (number < 0) throw wf.ApplicationFailure.nonRetryable('negative', 'Sign', number); };
  wf.setHandler(addNow, (number) => (sum += number), { validator });
  wf.setHandler(addLater, async (number) => {
    sum += Number(await activities.echo(String(number)));
    await wf.sleep(10);
    return sum;
  });
  wf.setHandler(fails, () => { throw wf.ApplicationFailure.create({ message: 'fails', type: 'Fails', details: [1, 'two'] }); });
  await wf.condition(() => done);
  return sum;
};

exports.failing = async function (how) {
  if (how === 'activity') await activities.failsForGood();
  if (how === 'local') await locals.failsForGood();
  if (how === 'child') await wf.executeChild('failing', { workflowId: wf.workflowInfo().workflowId + '-child', args: ['plain'] });
  if (how === 'no activity') await wf.proxyActivities({ startToCloseTimeout: '5s', retry: { maximumAttempts: 1 } }).nobody();
  if (how === 'silent') {
    const silent = { startToCloseTimeout: '20s', heartbeatTimeout: '500ms', retry: { maximumAttempts: 1 } };
    await wf.proxyActivities(silent).silent();
  }
  if (how === 'untaken') await wf.proxyActivities({ scheduleToCloseTimeout: '300ms', taskQueue: 'nobody' }).echo('x');
  if (how === 'late') await wf.proxyActivities({ startToCloseTimeout: '300ms', retry: { maximumAttempts: 1 } }).silent();
  if (how === 'again') await wf.proxyActivities({ startToCloseTimeout: '5s', retry: { ...soon, maximumAttempts: 2 } }).failsAgain();
  throw wf.ApplicationFailure.create({
    message: 'message', type: 'Type', details: ['detail', { a: 1 }], nonRetryable: true, category: 'BENIGN', cause: new Error('cause'),
  });
};

exports.retried = async function () {
  if (wf.workflowInfo().attempt < 3) throw new wf.ApplicationFailure('attempt ' + wf.workflowInfo().attempt);
  return wf.workflowInfo().attempt;
};

exports.again = async function (left) {
  if (left > 0) await wf.makeContinueAsNewFunc({ memo: { left } })(left - 1);
  return 'end';
};

// Is cancelled while an operation is open, and cleans up.
exports.cancelled = async function (what) {
  const waits = 'WAIT_CANCELLATION_COMPLETED';
  const beats = (cancellationType) =>
    wf.proxyActivities({ startToCloseTimeout: '20s', heartbeatTimeout: '2s', cancellationType }).beats();
  const kid = (cancellationType) =>
    wf.executeChild('talks', { workflowId: wf.workflowInfo().workflowId + '-child', cancellationType });
  try {
    if (what === 'timer') await wf.sleep('1h');
    if (what === 'activity') await beats(waits);
    if (what === 'try') await beats('TRY_CANCEL');
    if (what === 'abandon') await wf.proxyActivities({ startToCloseTimeout: '2s', cancellationType: 'ABANDON', retry: soon, taskQueue: 'nobody' }).echo('x');
    if (what === 'child') await kid(waits);
    if (what === 'child requested') await kid('WAIT_CANCELLATION_REQUESTED');
    if (what === 'child abandoned') await kid('ABANDON');
  } finally {
    await wf.CancellationScope.nonCancellable(() => activities.echo('cleanup'));
  }
};

// Cancels parts of itself.
exports.scopes = async function () {
  const said = [];
  const scope = new wf.CancellationScope();
  const beats = scope.run(() =>
    wf.proxyActivities({ startToCloseTimeout: '20s', heartbeatTimeout: '2s', cancellationType: 'WAIT_CANCELLATION_COMPLETED' }).beats());
  await wf.sleep(300);
  scope.cancel();
  await beats.catch((error) => said.push(error.cause.name));
  await wf.CancellationScope.withTimeout(20, () => wf.sleep('1h')).catch((error) => said.push(error.name));
  said.push(await Promise.race([wf.sleep('1h'), activities.echo('first')]));
  return said;
};

// Talks to others.
exports.elsewhere = async function (id) {
  const other = wf.getExternalWorkflowHandle(id);
  await other.signal(add, 5);
  const said = [];
  await wf.getExternalWorkflowHandle('no such').signal(add, 1).catch((error) => said.push(error.name, error.message));
  await wf.getExternalWorkflowHandle('no such').cancel().catch((error) => said.push(error.name, error.message));
  const kid = await wf.startChild('talks', { workflowId: id + '-child', args: [1], parentClosePolicy: 'REQUEST_CANCEL' });
  await kid.signal(add, 2);
  await kid.signal(finish);
  said.push(await kid.result());
  await wf.startChild('talks', { workflowId: id + '-left', parentClosePolicy: 'ABANDON', cancellationType: 'ABANDON' });
  await wf.startChild('talks', { workflowId: id + '-ended', parentClosePolicy: 'TERMINATE' });
  await wf.startChild('talks', { workflowId: id, workflowIdReusePolicy: 'REJECT_DUPLICATE' })
    .catch((error) => said.push(error.name, error.message));
  await other.cancel();
  return said;
};

exports.outside = async function () {
  return await wf.proxyActivities({ startToCloseTimeout: '20s', heartbeatTimeout: '10s' }).outside();
};

exports.summaries = async function () {
  wf.setCurrentDetails('current');
  await wf.sleep(10, { summary: 'the timer' });
  await activities.echo.executeWithOptions({ summary: 'the activity', priority: { priorityKey: 2 } }, ['x']);
  await wf.executeChild('child', {
    workflowId: wf.workflowInfo().workflowId + '-child', args: ['x'], staticSummary: 'the child', staticDetails: 'its details', memo: { m: [1] },
  });
};

exports.many = async function () {
  const all = Array.from({ length: 5 }, (_, number) => activities.echo(String(number)));
  const kids = Array.from({ length: 3 }, (_, number) =>
    wf.executeChild('child', { workflowId: `${wf.workflowInfo().workflowId}-${number}`, args: [String(number)] }));
  return await Promise.all([...all, ...kids]);
};
