"""Temporal's time-skipping test environment of Python, with our binary in place of the test server.

usage: time_skipping.py path/to/steadfast
"""

import asyncio
import sys
import time
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import CancelledError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

DAY = timedelta(days=1)


@activity.defn
async def slow() -> str:
    await asyncio.sleep(0.3)
    return "done"


@workflow.defn
class Sleeper:
    @workflow.run
    async def run(self, days: int) -> str:
        for _ in range(days):
            await workflow.sleep(DAY)
        # What is under way takes as long as it takes: the limit is not skipped to.
        return await workflow.execute_activity(slow, start_to_close_timeout=timedelta(seconds=20))


@workflow.defn
class Waiter:
    def __init__(self) -> None:
        self.told = False

    @workflow.run
    async def run(self) -> str:
        try:
            await workflow.wait_condition(lambda: self.told, timeout=30 * DAY)
            return "told"
        except asyncio.TimeoutError:
            return "not told"

    @workflow.signal
    def tell(self) -> None:
        self.told = True


async def scenes(env: WorkflowEnvironment) -> None:
    client = env.client

    async def waiter(name: str):
        return await client.start_workflow(Waiter.run, id=name, task_queue="q")

    before, began = await env.get_current_time(), time.monotonic()
    done = await client.execute_workflow(Sleeper.run, 100, id="sleeper", task_queue="q")
    assert done == "done", done
    passed = await env.get_current_time() - before
    assert 100 * DAY <= passed < 101 * DAY, passed
    assert time.monotonic() - began < 60

    not_told = await (await waiter("not told")).result()
    assert not_told == "not told", not_told

    handle = await waiter("told")
    await env.sleep(2 * DAY)
    assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
    await handle.signal(Waiter.tell)
    told = await handle.result()
    assert told == "told", told

    with env.auto_time_skipping_disabled():
        handle = await waiter("locked")
        await handle.cancel()
        try:
            await handle.result()
            raise AssertionError("it was cancelled")
        except WorkflowFailureError as error:
            assert isinstance(error.cause, CancelledError), error.cause


async def main() -> None:
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=sys.argv[1]
    ) as env:
        async with Worker(env.client, task_queue="q", workflows=[Sleeper, Waiter], activities=[slow]):
            await scenes(env)
    print("all is well")


if __name__ == "__main__":
    asyncio.run(main())
