"""Replays a history of `Order` with its twin in Python."""

import asyncio
import os
import sys
from datetime import timedelta

from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner


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


async def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        history = WorkflowHistory.from_json("order", file.read())
    replayer = Replayer(workflows=[Order], workflow_runner=UnsandboxedWorkflowRunner())
    await replayer.replay_workflow(history)
    print("replayed", flush=True)
    # The SDK's threads do not survive the interpreter's end.
    os._exit(0)


asyncio.run(main())
