"""A worker of Temporal's Python SDK on our own server: worker.py ADDRESS. What it fetches it also replays."""

import asyncio
import datetime as dt
import os
import sys

from temporalio import activity, workflow
from temporalio.client import (
    Client,
    WorkflowFailureError,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateStage,
)
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.worker import Replayer, Worker

SECOND = dt.timedelta(seconds=1)
QUEUE = "python"


@activity.defn
async def echo(text: str) -> str:
    return text


@activity.defn
async def third_time(text: str) -> str:
    if activity.info().attempt < 3:
        raise ApplicationError("again")
    return text


@activity.defn
async def beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(0.1)


@workflow.defn
class Operations:
    @workflow.run
    async def run(self) -> list[str]:
        limit = 9 * SECOND
        soon = RetryPolicy(initial_interval=SECOND / 20)
        said = [await workflow.execute_activity(third_time, "third", start_to_close_timeout=limit, retry_policy=soon)]
        said.append(await workflow.execute_local_activity(echo, "local", start_to_close_timeout=limit))
        await workflow.sleep(0.05)
        said.append(await workflow.execute_child_workflow(Child.run, "child", id="child"))
        workflow.upsert_memo({"a": 1})
        assert workflow.patched("patch")
        many = [workflow.execute_activity(echo, str(n), start_to_close_timeout=limit) for n in range(5)]
        return said + await asyncio.gather(*many)


@workflow.defn
class Child:
    @workflow.run
    async def run(self, text: str) -> str:
        await workflow.sleep(0.02)
        return text


@workflow.defn
class Talks:
    def __init__(self) -> None:
        self.total = 0
        self.done = False

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self.done)
        return self.total

    @workflow.signal
    def add(self, number: int) -> None:
        self.total += number

    @workflow.signal
    def finish(self) -> None:
        self.done = True

    @workflow.query
    def now(self) -> int:
        return self.total

    @workflow.query
    def wrong(self) -> int:
        raise ApplicationError("wrong")

    @workflow.update
    async def add_now(self, number: int) -> int:
        self.total += number
        await workflow.sleep(0.01)
        return self.total

    @add_now.validator
    def check(self, number: int) -> None:
        if number < 0:
            raise ApplicationError("negative")


@workflow.defn
class Cancelled:
    @workflow.run
    async def run(self) -> None:
        try:
            await workflow.execute_activity(
                beat,
                start_to_close_timeout=60 * SECOND,
                heartbeat_timeout=2 * SECOND,
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            )
        finally:
            await asyncio.shield(workflow.execute_activity(echo, "cleanup", start_to_close_timeout=9 * SECOND))


@workflow.defn
class Again:
    @workflow.run
    async def run(self, left: int) -> str:
        if left > 0:
            workflow.continue_as_new(left - 1)
        return "end"


WORKFLOWS = [Operations, Child, Talks, Cancelled, Again]


def works(client: Client, runs: int = 1000) -> Worker:
    activities = [echo, third_time, beat]
    return Worker(client, task_queue=QUEUE, workflows=WORKFLOWS, activities=activities, max_cached_workflows=runs)


async def replayed(handle) -> int:
    history = await handle.fetch_history()
    await Replayer(workflows=WORKFLOWS).replay_workflow(history)
    return len(history.events)


async def operations(client: Client) -> None:
    handle = await client.start_workflow(Operations.run, id="operations", task_queue=QUEUE)
    assert await handle.result() == ["third", "local", "child", "0", "1", "2", "3", "4"]
    await replayed(handle)
    assert await client.execute_workflow(Again.run, 3, id="again", task_queue=QUEUE) == "end"


async def messages(client: Client) -> None:
    handle = await client.start_workflow(Talks.run, id="messages", task_queue=QUEUE)
    await handle.signal(Talks.add, 3)
    assert await asyncio.gather(*[handle.query(Talks.now) for _ in range(5)]) == [3] * 5
    try:
        raise AssertionError(await handle.query(Talks.wrong))
    except WorkflowQueryFailedError as error:
        assert "wrong" in str(error)
    for _ in range(2):
        try:
            raise AssertionError(await handle.execute_update(Talks.add_now, -1))
        except WorkflowUpdateFailedError as error:
            assert "negative" in str(error.cause)
        assert await handle.query(Talks.now) == 3
    update = await handle.start_update(Talks.add_now, 4, wait_for_stage=WorkflowUpdateStage.ACCEPTED)
    assert await update.result() == 7
    await asyncio.gather(*[handle.execute_update(Talks.add_now, 1) for _ in range(5)])
    await handle.signal(Talks.finish)
    assert await handle.result() == 12
    assert await handle.query(Talks.now) == 12, "a closed run is asked"
    await replayed(handle)


async def cancelled(client: Client) -> None:
    handle = await client.start_workflow(Cancelled.run, id="cancelled", task_queue=QUEUE)
    await asyncio.sleep(0.5)
    await handle.cancel()
    try:
        raise AssertionError(await handle.result())
    except WorkflowFailureError as error:
        assert isinstance(error.cause, CancelledError)
    await replayed(handle)


async def restarted(client: Client) -> None:
    handle = await client.start_workflow(Talks.run, id="restarted", task_queue=QUEUE)
    async with works(client):
        for _ in range(40):
            await handle.signal(Talks.add, 1)
        assert await handle.query(Talks.now) == 40
    await handle.signal(Talks.add, 1)
    async with works(client):
        for total in range(42, 72):
            assert await handle.execute_update(Talks.add_now, 1) == total
        await handle.signal(Talks.finish)
        assert await handle.result() == 71
    assert await replayed(handle) > 200


async def few_runs_in_memory(client: Client) -> None:
    async with works(client, runs=2):
        start = [client.start_workflow(Talks.run, id=f"few-{n}", task_queue=QUEUE) for n in range(5)]
        handles = await asyncio.gather(*start)
        for _ in range(2):
            for handle in handles:
                await handle.signal(Talks.add, 1)
            await asyncio.gather(*[handle.execute_update(Talks.add_now, 1) for handle in handles])
        assert await asyncio.gather(*[handle.query(Talks.now) for handle in handles]) == [4] * 5
        for handle in handles:
            await handle.signal(Talks.finish)
            assert await handle.result() == 4


async def long_history(client: Client) -> None:
    handle = await client.start_workflow(Talks.run, id="long", task_queue=QUEUE)
    for _ in range(24):
        await asyncio.gather(*[handle.signal(Talks.add, 1) for _ in range(50)])
    async with works(client):
        assert await handle.query(Talks.now) == 1200
        await handle.signal(Talks.finish)
        assert await handle.result() == 1200


async def main() -> None:
    client = await Client.connect(sys.argv[1])
    async with works(client):
        for scene in [operations, messages, cancelled]:
            await asyncio.wait_for(scene(client), 60)
    for scene in [restarted, few_runs_in_memory, long_history]:
        await asyncio.wait_for(scene(client), 60)
    print("all is well", flush=True)
    # What the SDK leaves running may disturb the end of the interpreter.
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
