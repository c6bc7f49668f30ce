// One of a chain of workflows in several languages.
'use strict';

const wf = require('@temporalio/workflow');

const LANGUAGES = ['rust', 'python', 'typescript'];
const elsewhere = (taskQueue) =>
  wf.proxyActivities({
    taskQueue, startToCloseTimeout: '30s', heartbeatTimeout: '5s', cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  });

const add = wf.defineSignal('add');
const finish = wf.defineSignal('finish');

exports.Link = async function (plan) {
  const inbox = [];
  let total = 0;
  let finished = false;
  wf.setHandler(add, (number) => { inbox.push(number); });
  wf.setHandler(finish, () => { finished = true; });
  wf.setHandler(wf.defineQuery('total'), () => total);
  wf.setHandler(wf.defineUpdate('add_now'), async (number) => {
    const said = await elsewhere('rust').greet(number);
    total += number;
    return `${said}, ${total}`;
  });
  try {
    const said = [];
    for (const language of LANGUAGES) said.push(await elsewhere(language).greet(plan.number));
    let below;
    const [first, ...rest] = plan.rest;
    if (first) {
      below = await wf.startChild('Link', {
        args: [{ ...plan, rest, number: plan.number + 1 }], taskQueue: first, workflowId: `${wf.workflowInfo().workflowId}-${first}`,
      });
    } else if (plan.holds) {
      await elsewhere('rust').hold();
    }
    if (plan.holds) return await below.result();
    while (!finished || inbox.length) {
      await wf.condition(() => finished || inbox.length > 0);
      for (let number = inbox.shift(); number !== undefined; number = inbox.shift()) {
        total += number;
        await below?.signal(add, number);
      }
    }
    await below?.signal(finish);
    return { said, total, below: below ? await below.result() : null };
  } catch (error) {
    await wf.CancellationScope.nonCancellable(() => elsewhere('rust').greet(-1));
    throw error;
  }
};
