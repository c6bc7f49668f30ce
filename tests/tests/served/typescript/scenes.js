// Scenes with Temporal's TypeScript SDK, its client and its worker: scenes.js ADDRESS JUDGE [SCENE..]
//
// They are played at our own server and at a Temporal Service, and what callers were told, the histories, the
// descriptions and the lists have to be the same, up to times and to what the two make up themselves.
'use strict';

const { randomUUID } = require('node:crypto');
const { setTimeout: sleep } = require('node:timers/promises');
const { setup } = require('./setup.js');
const { Client, Connection, WithStartWorkflowOperation } = require('@temporalio/client');
const { Context, CompleteAsyncError } = require('@temporalio/activity');
const { ApplicationFailure } = require('@temporalio/common');
const { Worker, NativeConnection } = require('@temporalio/worker');
const { differences, masked } = require('./compare.js');
const { KNOWN } = require('./known.js');

const activities = {
  echo: async (text) => text,
  thirdTime: async (text) => {
    if (Context.current().info.attempt < 3) throw new Error('again');
    return text;
  },
  failsForGood: async () => { throw ApplicationFailure.nonRetryable('for good', 'Good', 'detail', 1); },
  failsAgain: async () => { throw ApplicationFailure.create({ message: 'again', type: 'Again', nextRetryDelay: '20ms' }); },
  silent: async () => Context.current().sleep(1500).catch(() => undefined),
  beats: async () => {
    for (let beat = 0; ; beat++) {
      Context.current().heartbeat(beat);
      await Context.current().sleep(100);
    }
  },
  outside: async () => { throw new CompleteAsyncError(); },
};

// Where scenes are played.
class Place {
  constructor(address, code) {
    Object.assign(this, { address, code, values: [], handles: [] });
  }

  async open() {
    this.client = new Client({ connection: await Connection.connect({ address: this.address }) });
    this.native = await NativeConnection.connect({ address: this.address });
    await this.client.connection.operatorService
      .addSearchAttributes({ namespace: 'default', searchAttributes: { CustomKeywordField: 2 } })
      .catch((error) => { if (error.code !== 6) throw error; });
  }

  async worker(options = {}) {
    const worker = await Worker.create({
      connection: this.native, taskQueue: this.queue, workflowBundle: this.code, activities, identity: 'worker', ...options,
    });
    const running = worker.run();
    return { stop: async () => { worker.shutdown(); await running; } };
  }

  // The same place for one scene, which has ids of its own.
  scene(name) {
    const other = Object.assign(Object.create(Place.prototype), this);
    return Object.assign(other, { name, queue: `${name}-${randomUUID()}`, values: [], handles: [], described: [] });
  }

  options(id, args, more = {}) {
    return { workflowId: `${this.queue}-${id}`, taskQueue: this.queue, args, ...more };
  }

  async start(type, id, args = [], more = {}) {
    return this.keeps(await this.client.workflow.start(type, this.options(id, args, more)));
  }

  // The history of this execution is compared at the end.
  keeps(handle) {
    this.handles.push(handle);
    return handle;
  }

  of(id) {
    return this.keeps(this.client.workflow.getHandle(`${this.queue}-${id}`));
  }

  async tells(call) {
    this.values.push(await call.then((value) => ({ value }), (error) => ({ error: told(error) })));
  }

  // Until nothing is on its way.
  async quiet(handle) {
    for (let before = -1; ; await sleep(50)) {
      const { raw, historyLength } = await handle.describe();
      if (!raw.pendingWorkflowTask && before === historyLength) return;
      before = historyLength;
    }
  }

  async describes(handle) {
    this.described.push(plain((await handle.describe()).raw));
  }

  // What the lists say is there a moment after it happened.
  async lists(query, count) {
    let found = [];
    for (let tries = 0; tries < 100 && found.length !== count; tries++) {
      found = [];
      for await (const one of this.client.workflow.list({ query })) found.push(plain(one.raw));
      if (found.length !== count) await sleep(50);
    }
    found.sort((a, b) => a.execution.workflowId.localeCompare(b.execution.workflowId));
    this.values.push(found);
  }

  async record() {
    const histories = {};
    for (const handle of this.handles) {
      const events = plain(await handle.fetchHistory()).events;
      histories[handle.workflowId] = events;
      if (this.replays !== false) {
        await Worker.runReplayHistory({ workflowBundle: this.code }, await handle.fetchHistory(), handle.workflowId);
      }
    }
    return masked({ values: this.values, histories, described: this.described }, this.queue);
  }
}

// A message of protobuf, or anything, as JSON has it.
function plain(message) {
  return JSON.parse(JSON.stringify(message));
}

function told(error) {
  if (!(error instanceof Error)) return error;
  const { name, message, type, details, nonRetryable, retryState, timeoutType, code, workflowId, activityType, activityId, category } = error;
  const cause = error.cause === undefined ? undefined : told(error.cause);
  return plain({
    name, message, type, details, nonRetryable, retryState,
    timeoutType, code, workflowId, activityType, activityId, category, cause,
  });
}

function outside() {
  const failure = ApplicationFailure.nonRetryable('outside', 'Outside');
  failure.stack = 'outside';
  return failure;
}

const SCENES = {
  async operations(place) {
    const more = { memo: { m: 1 }, typedSearchAttributes: undefined, searchAttributes: { CustomKeywordField: ['begin'] } };
    const handle = await place.start('operations', 'all', ['x'], more);
    await place.tells(handle.result());
    place.of('all-child');
    await place.describes(handle);
  },

  async messages(place) {
    const handle = await place.start('talks', 'talks', [1]);
    await place.quiet(handle);
    await handle.signal('add', 2);
    await place.quiet(handle);
    await place.tells(handle.query('total'));
    await place.tells(handle.query('wrong'));
    await place.tells(handle.query('no such'));
    for (const args of [[3], [-1]]) await place.tells(handle.executeUpdate('addNow', { args, updateId: `now${args}` }));
    await place.tells(handle.executeUpdate('addNow', { args: [3], updateId: 'now3' }));
    await place.tells(handle.executeUpdate('fails', { updateId: 'fails' }));
    await place.tells(handle.executeUpdate('no such', { updateId: 'none' }));
    const later = await handle.startUpdate('addLater', { args: [4], updateId: 'later', waitForStage: 'ACCEPTED' });
    await place.tells(later.result());
    await place.tells(handle.getUpdateHandle('later').result());
    await place.quiet(handle);
    await handle.signal('no such', 1);
    await place.quiet(handle);
    await place.describes(handle);
    await handle.signal('finish');
    await place.tells(handle.result());
    await place.tells(handle.query('total'));
    await place.tells(handle.signal('add', 1));
    await place.tells(handle.executeUpdate('addNow', { args: [1], updateId: 'late' }));
    await place.tells(handle.cancel());
    await place.tells(handle.terminate());
  },

  async starts(place) {
    const handle = await place.start('talks', 'id');
    const again = (more) => place.client.workflow.start('talks', place.options('id', [], more)).then((one) => one.workflowId);
    await place.tells(again());
    await place.tells(again({ workflowIdConflictPolicy: 'USE_EXISTING' }));
    await place.quiet(handle);
    const signal = { signal: 'add', signalArgs: [7] };
    await place.tells(place.client.workflow.signalWithStart('talks', place.options('id', [], signal)).then((one) => one.workflowId));
    await place.quiet(handle);
    await handle.signal('finish');
    await place.tells(handle.result());
    await place.tells(again({ workflowIdReusePolicy: 'REJECT_DUPLICATE' }));
    await place.tells(again({ workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY' }));
    const signalled = place.client.workflow.signalWithStart('talks', place.options('signalled', [1], signal));
    await place.quiet(place.keeps(await signalled));
    const terminated = place.of('signalled');
    await terminated.terminate('reason');
    await place.tells(terminated.result());
    await place.tells(place.client.workflow.getHandle('no such').describe());
    await place.tells(place.client.workflow.getHandle('no such').signal('add', 1));
    await place.tells(place.client.workflow.getHandle('no such').query('total'));
    await place.tells(place.client.workflow.getHandle('no such').cancel());
    await place.tells(place.client.workflow.getHandle('no such').fetchHistory());
    const replaced = await place.start('talks', 'replaced');
    await place.quiet(replaced);
    await place.start('child', 'replaced', ['new'], { workflowIdConflictPolicy: 'TERMINATE_EXISTING' });
    await place.tells(replaced.result());
    await place.tells((await place.start('child', 'later', ['x'], { startDelay: '300ms' })).result());
    await place.tells((await place.start('talks', 'short', [], { workflowRunTimeout: '1s' })).result());
    const retry = { initialInterval: '20ms', backoffCoefficient: 1 };
    await place.tells((await place.start('retried', 'retried', [], { retry })).result());
    await place.tells((await place.start('failing', 'twice', ['plain'], { retry })).result());
    const nobody = await place.start('talks', 'nobody', [], { taskQueue: 'nobody', workflowExecutionTimeout: '1s' });
    await place.tells(nobody.result());
    await place.describes(nobody);
  },

  async failing(place) {
    for (const how of ['plain', 'activity', 'local', 'child', 'silent', 'untaken', 'late', 'again', 'no activity']) {
      const handle = await place.start('failing', how, [how]);
      await place.tells(handle.result());
      if (how === 'child') place.of('child-child');
    }
  },

  async again(place) {
    const handle = await place.start('again', 'again', [2]);
    await place.tells(handle.result());
    await place.tells(place.client.workflow.getHandle(handle.workflowId, handle.firstExecutionRunId, { followRuns: false }).result());
    place.keeps(place.client.workflow.getHandle(handle.workflowId, handle.firstExecutionRunId));
  },

  async cancelled(place) {
    for (const what of ['timer', 'activity', 'try', 'abandon', 'child', 'child requested', 'child abandoned']) {
      const handle = await place.start('cancelled', what, [what]);
      await place.quiet(handle);
      if (what.startsWith('child')) await place.quiet(place.of(`${what}-child`));
      await handle.cancel();
      await place.tells(handle.result());
      // Whether the activity hears of it before the cleanup ends is up to chance.
      if (what === 'try') place.handles.pop();
      if (what.startsWith('child') && what !== 'child') await place.quiet(place.of(`${what}-child`));
    }
  },

  async scopes(place) {
    await place.tells((await place.start('scopes', 'scopes')).result());
  },

  async elsewhere(place) {
    const other = await place.start('talks', 'other');
    await place.quiet(other);
    const handle = await place.start('elsewhere', 'elsewhere', [other.workflowId]);
    await place.tells(handle.result());
    await place.tells(other.result());
    await place.tells(place.of('other-ended').result());
    await place.quiet(place.of('other-left'));
    await place.of('other-left').terminate('end');
    place.of('other-child');
  },

  async outside(place) {
    const how = {
      completed: (id) => place.client.activity.complete(id, 'result'),
      // Without a stack, which is that of whoever plays the scene.
      failed: (id) => place.client.activity.fail(id, outside()),
    };
    for (const [id, end] of Object.entries(how)) {
      const handle = await place.start('outside', id);
      await place.quiet(handle);
      const activity = { workflowId: handle.workflowId, activityId: '1' };
      await place.tells(place.client.activity.heartbeat(activity, { beat: 1 }));
      await place.describes(handle);
      await place.tells(end(activity));
      await place.tells(handle.result());
      await place.tells(end(activity));
      await place.tells(place.client.activity.heartbeat(activity, 2));
    }
  },

  async summaries(place) {
    const more = { staticSummary: 'summary', staticDetails: 'details', priority: { priorityKey: 1, fairnessKey: 'a', fairnessWeight: 2 } };
    const handle = await place.start('summaries', 'all', [], more);
    await place.tells(handle.result());
    place.of('all-child');
    await place.describes(handle);
    await place.tells(handle.query('__temporal_workflow_metadata'));
  },

  async many(place) {
    await place.tells((await place.start('many', 'many')).result());
    // In what order they end is up to chance.
    place.handles = [];
  },

  async lists(place) {
    for (const id of ['a', 'b', 'c']) {
      const handle = await place.start('child', id, [id], { memo: { id }, searchAttributes: { CustomKeywordField: [place.queue] } });
      await place.tells(handle.result());
    }
    const mine = `TaskQueue = '${place.queue}'`;
    await place.lists(mine, 3);
    await place.lists(`${mine} AND WorkflowId = '${place.queue}-b'`, 1);
    await place.lists(`CustomKeywordField = '${place.queue}' AND ExecutionStatus = 'Completed'`, 3);
    await place.tells(place.client.workflow.count(mine).then(({ count, groups }) => ({ count, groups })));
    await place.tells(place.client.workflow.count(`${mine} GROUP BY ExecutionStatus`).then(({ count, groups }) => ({ count, groups })));
    const bogus = async () => { for await (const _ of place.client.workflow.list({ query: "Bogus = 'x'" })); };
    await place.tells(bogus());
  },

  // A worker ends while a workflow waits, and another takes it over.
  async restarted(place) {
    await place.end();
    const handle = await place.start('talks', 'talks', [1]);
    for (let round = 0; round < 3; round++) {
      const worker = await place.worker({ maxCachedWorkflows: round });
      await place.tells(handle.executeUpdate('addNow', { args: [round], updateId: `${round}` }));
      await place.tells(handle.query('total'));
      await worker.stop();
      await handle.signal('add', 10);
    }
    const worker = await place.worker();
    await handle.signal('finish');
    await place.tells(handle.result());
    await worker.stop();
    // Whether a task was sticky, and the other timed out, is up to chance.
    place.handles = [];
  },

  async resets(place) {
    const handle = await place.start('talks', 'reset', [1]);
    await place.quiet(handle);
    await handle.signal('add', 2);
    await place.quiet(handle);
    await place.tells(handle.executeUpdate('addNow', { args: [4], updateId: 'update' }));
    await place.client.workflowService.resetWorkflowExecution({
      namespace: 'default', workflowExecution: { workflowId: handle.workflowId }, reason: 'reason', requestId: randomUUID(),
      workflowTaskFinishEventId: 4, identity: 'client',
    });
    const other = place.of('reset');
    await place.quiet(other);
    await place.tells(other.query('total'));
    await other.signal('finish');
    await place.tells(other.result());
    place.keeps(place.client.workflow.getHandle(handle.workflowId, handle.firstExecutionRunId));
  },

  async updateWithStart(place) {
    const begin = (more = {}) => new WithStartWorkflowOperation(
      'talks', place.options('both', [1], { workflowIdConflictPolicy: 'USE_EXISTING', ...more }));
    const call = (args, updateId, more) =>
      place.client.workflow.executeUpdateWithStart('addNow', { args, updateId, startWorkflowOperation: begin(more) });
    place.values.push(await call([2], 'first'));
    await place.tells(call([3], 'second'));
    await place.tells(call([-1], 'third'));
    await place.tells(call([3], 'fourth', { workflowIdConflictPolicy: 'FAIL' }));
    await place.of('both').signal('finish');
    await place.tells(place.of('both').result());
  },

  async schedules(place) {
    const action = { type: 'startWorkflow', workflowType: 'child', workflowId: 'scheduled', taskQueue: place.queue, args: ['x'] };
    const handle = await place.client.schedule.create({ scheduleId: place.queue, spec: { intervals: [{ every: '1h' }] }, action });
    await handle.trigger();
    await handle.pause('why');
    await handle.unpause();
    await handle.update((before) => ({ ...before }));
    await place.tells(handle.describe().then((one) => one.state));
    await handle.delete();
  },
};

// Plays a scene at one place.
async function play(place, name) {
  const scene = place.scene(name);
  const worker = await scene.worker();
  let running = true;
  scene.end = async () => { if (running) { running = false; await worker.stop(); } };
  try {
    await SCENES[name](scene);
    return await scene.record();
  } finally {
    await scene.end();
  }
}

async function main() {
  const [ours, judge, ...chosen] = process.argv.slice(2);
  const code = await setup(require.resolve('./workflows.js'));
  const places = [ours, judge].map((address) => new Place(address, code));
  // A service looks after schedules with workers of its own, which not every one has.
  const own = process.env.STEADFAST_TEMPORAL_SCHEDULES;
  const judged = { schedules: own ? [places[0], new Place(own, code)] : undefined };
  await Promise.all([...new Set([...places, ...(judged.schedules ?? [])])].map((place) => place.open()));
  const names = Object.keys(SCENES).filter((name) => own || name !== 'schedules');
  const left = chosen.length ? [...chosen] : names.reverse();
  const wrong = [];
  const seen = new Set();
  const next = async () => {
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      const [here, there] = await Promise.all((judged[name] ?? places).map((place) => {
        const limit = AbortSignal.timeout(100_000);
        const late = new Promise((_, reject) => limit.addEventListener('abort', () => reject(new Error('it takes too long'))));
        return Promise.race([play(place, name), late]).catch((error) => ({ failed: told(error), stack: error.stack }));
      }));
      if (there.failed) wrong.push(`${name}: the judge: ${JSON.stringify(there)}`);
      for (const { path, ours, theirs } of differences(here, there, name)) {
        const known = KNOWN.find((one) => one.test(path));
        if (known) seen.add(known);
        else wrong.push(`${path}\n    ours:   ${JSON.stringify(ours)}\n    judge:  ${JSON.stringify(theirs)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: 4 }, next));
  if (!chosen.length) for (const known of KNOWN) if (!seen.has(known)) wrong.push(`no longer a difference: ${known}`);
  process.stdout.write(wrong.length ? wrong.join('\n') + '\n' : 'all is well\n', () => process.exit(wrong.length ? 1 : 0));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
