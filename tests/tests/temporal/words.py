"""Says something of all that a workflow does, and ends with its input."""

import asyncio
import os
import sys
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

QUEUE = "words-of-python"
LIMIT = timedelta(seconds=30)


@activity.defn
async def say() -> None:
    pass


@workflow.defn
class Child:
    @workflow.run
    async def run(self) -> None:
        pass


@workflow.defn
class Words:
    @workflow.run
    async def run(self) -> None:
        await workflow.sleep(0.001, summary="a moment")
        await workflow.execute_activity(say, start_to_close_timeout=LIMIT, summary="a shout")
        await workflow.execute_local_activity(say, start_to_close_timeout=LIMIT, summary="a whisper")
        await workflow.execute_child_workflow(
            Child.run, id="child-of-words", static_summary="a child", static_details="of *words*"
        )


async def main() -> None:
    address, namespace = sys.argv[1:3]
    client = await Client.connect(address, namespace=namespace)
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[Words, Child],
        activities=[say],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        await client.execute_workflow(
            Words.run,
            id="words",
            task_queue=QUEUE,
            static_summary="many words",
            static_details="- in\n- lines",
        )
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
sys.stdout.flush()
# Not through the end of the interpreter: threads of the SDK outlive it now and then, and end the process as failed.
os._exit(0)
