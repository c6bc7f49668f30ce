"""Serves an activity and a child to a Rust worker, has it serve both in turn, and ends with its input."""

import asyncio
import os
import sys
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

RUST = "shop"
PYTHON = "python"


@activity.defn
async def shout(text: str) -> str:
    if text == "quietly":
        raise ApplicationError("I do not shout that", 7, type="Shy", non_retryable=True)
    return text.upper()


@workflow.defn
class Echo:
    @workflow.run
    async def run(self, item: dict) -> dict:
        if item["name"] == "broken":
            raise ApplicationError("nobody sells that", type="OutOfStock")
        return item


@workflow.defn
class Home:
    @workflow.run
    async def run(self) -> list[str]:
        limit = timedelta(seconds=30)
        seen = []
        bell = {"name": "bell", "count": 1}
        price = await workflow.execute_activity("price", bell, task_queue=RUST, start_to_close_timeout=limit)
        seen.append(f"activity {price}")
        try:
            broken = {"name": "broken", "count": 1}
            await workflow.execute_activity("price", broken, task_queue=RUST, start_to_close_timeout=limit)
        except ActivityError as error:
            seen.append(f"activity failed {error.cause.type} {error.cause.message}")
        child = await workflow.start_child_workflow("Order", bell, id="order-of-python", task_queue=RUST)
        await child.signal("close")
        seen.append(f"child {await child}")
        return seen


async def main() -> None:
    address, namespace = sys.argv[1:3]
    client = await Client.connect(address, namespace=namespace)
    worker = Worker(
        client,
        task_queue=PYTHON,
        workflows=[Echo, Home],
        activities=[shout],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        seen = await client.execute_workflow("Home", id="home", task_queue=PYTHON)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print("\n".join(seen))


asyncio.run(main())
sys.stdout.flush()
# Not through the end of the interpreter: threads of the SDK outlive it now and then, and end the process as failed.
os._exit(0)
