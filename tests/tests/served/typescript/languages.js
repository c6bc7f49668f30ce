// The TypeScript worker and client of the test with three languages: languages.js ADDRESS
//
// Reads lines `WORKFLOW NUMBER`, each a workflow to update, and prints what that answered. It ends with its input.
'use strict';

const readline = require('node:readline');
const { setup } = require('./setup.js');
const { Client, Connection } = require('@temporalio/client');
const { Context } = require('@temporalio/activity');
const { Worker, NativeConnection } = require('@temporalio/worker');

const activities = {
  greet: async (number) => `typescript ${number}`,
  hold: async () => {
    for (;;) {
      Context.current().heartbeat();
      await Context.current().sleep(100);
    }
  },
};

async function main() {
  const address = process.argv[2];
  const workflowBundle = await setup(require.resolve('./link.js'));
  const client = new Client({ connection: await Connection.connect({ address }) });
  const connection = await NativeConnection.connect({ address });
  const worker = await Worker.create({ connection, taskQueue: 'typescript', workflowBundle, activities });
  const running = worker.run();
  console.log('ready');
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [id, number] = line.split(' ');
    console.log(await client.workflow.getHandle(id).executeUpdate('add_now', { args: [Number(number)] }));
  }
  worker.shutdown();
  await running;
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
