"""Replays histories of `Order` and of `Tour` with their twins in Python."""

import asyncio
import json
import os
import sys
from datetime import timedelta

from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.common import RetryPolicy
from temporalio.exceptions import ChildWorkflowError
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

# The wait of a local activity, which is longer than its workflow task.
PATIENCE = timedelta(seconds=2)


@workflow.defn
class Order:
    def __init__(self) -> None:
        self.items: list[dict] = []
        self.closed = False

    @workflow.run
    async def run(self, first: dict) -> dict:
        self.items.append(first)
        await workflow.wait_condition(lambda: self.closed)
        prices = {}
        for item in self.items:
            prices[item["name"]] = await workflow.execute_activity(
                "price", item, start_to_close_timeout=timedelta(seconds=60), heartbeat_timeout=timedelta(seconds=2)
            )
        return prices

    @workflow.signal
    def close(self) -> None:
        self.closed = True

    @workflow.query
    def count(self) -> int:
        return len(self.items)

    @workflow.update
    def add(self, item: dict) -> int:
        self.items.append(item)
        return len(self.items)


@workflow.defn
class Tour:
    def __init__(self) -> None:
        self.places: list[str] = []
        self.over = False

    @workflow.run
    async def run(self, leg: str) -> list[str]:
        if leg == "everything":
            seen = []
            if workflow.patched("local first"):
                limit = timedelta(seconds=5)
                seen.append(await workflow.execute_local_activity("show", "the door", start_to_close_timeout=limit))
            workflow.upsert_memo({"leg": leg})
            await workflow.wait_condition(lambda: self.over)
            for place in self.places:
                seen.append(await self.show(place))
            return seen + await (await self.child("short"))
        if leg == "cancelled":
            try:
                return [await self.activity("stay", "the lake")]
            finally:
                await self.show("the way back")
        if leg == "continued":
            await asyncio.sleep(0.01)
            workflow.continue_as_new("short")
        if leg == "failed":
            return [await self.show("closed")]
        if leg == "patient":
            return [
                await workflow.execute_local_activity(
                    "ring",
                    "the house",
                    start_to_close_timeout=PATIENCE,
                    retry_policy=RetryPolicy(initial_interval=PATIENCE, backoff_coefficient=1.0),
                    local_retry_threshold=PATIENCE / 2,
                )
            ]
        if leg == "parent":
            child = await self.child("endless")
            child.cancel()
            try:
                return await child
            except ChildWorkflowError as error:
                return [str(error)]
        if leg == "endless":
            await asyncio.sleep(3600)
        if leg == "reset":
            seen = await self.show("the start")
            await workflow.wait_condition(lambda: self.over)
            return [seen]
        await asyncio.sleep(0.01)
        return ["short"]

    async def show(self, place: str) -> str:
        return await self.activity("show", place)

    async def activity(self, name: str, place: str) -> str:
        return await workflow.execute_activity(
            name,
            place,
            start_to_close_timeout=timedelta(seconds=60),
            heartbeat_timeout=timedelta(seconds=1),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )

    async def child(self, leg: str) -> workflow.ChildWorkflowHandle:
        return await workflow.start_child_workflow(Tour.run, leg, id=f"{workflow.info().workflow_id}-child")

    @workflow.update
    def add(self, place: str) -> int:
        self.places.append(place)
        return len(self.places)

    @workflow.signal
    def close(self) -> None:
        self.over = True


async def main() -> None:
    replayer = Replayer(workflows=[Order, Tour], workflow_runner=UnsandboxedWorkflowRunner())
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        started = json.loads(text)["events"][0]["workflowExecutionStartedEventAttributes"]
        await replayer.replay_workflow(WorkflowHistory.from_json(started["workflowId"], text))
    print("replayed", flush=True)
    # The SDK's threads do not survive the interpreter's end.
    os._exit(0)


asyncio.run(main())
