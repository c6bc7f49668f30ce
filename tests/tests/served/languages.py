"""The Python worker and client of the test with three languages: languages.py ADDRESS

Reads lines `WORKFLOW NUMBER`, each a workflow to update, and prints what that answered. It ends with its input.
"""

import asyncio
import dataclasses
import datetime as dt
import os
import sys

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

LANGUAGES = ["rust", "python", "typescript"]


@dataclasses.dataclass
class Plan:
    rest: list[str]
    number: int
    holds: bool


@activity.defn
async def greet(number: int) -> str:
    return f"python {number}"


@activity.defn
async def hold() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(0.1)


def elsewhere(name: str, language: str, *args):
    return workflow.execute_activity(
        name,
        args=args,
        task_queue=language,
        start_to_close_timeout=dt.timedelta(seconds=30),
        heartbeat_timeout=dt.timedelta(seconds=5),
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )


@workflow.defn
class Link:
    def __init__(self) -> None:
        self.inbox: list[int] = []
        self.sum = 0
        self.finished = False

    @workflow.run
    async def run(self, plan: Plan) -> dict:
        try:
            return await self.link(plan)
        except BaseException:
            await asyncio.shield(elsewhere("greet", "typescript", -1))
            raise

    async def link(self, plan: Plan) -> dict:
        said = [await elsewhere("greet", language, plan.number) for language in LANGUAGES]
        below = None
        if plan.rest:
            below = await workflow.start_child_workflow(
                "Link",
                Plan(plan.rest[1:], plan.number + 1, plan.holds),
                id=f"{workflow.info().workflow_id}-{plan.rest[0]}",
                task_queue=plan.rest[0],
            )
        elif plan.holds:
            await elsewhere("hold", "typescript")
        if plan.holds:
            return await below
        while not self.finished or self.inbox:
            await workflow.wait_condition(lambda: self.finished or bool(self.inbox))
            for number in self.inbox:
                self.sum += number
                if below:
                    await below.signal("add", number)
            self.inbox.clear()
        result = None
        if below:
            await below.signal("finish")
            result = await below
        return {"said": said, "total": self.sum, "below": result}

    @workflow.signal
    def add(self, number: int) -> None:
        self.inbox.append(number)

    @workflow.signal
    def finish(self) -> None:
        self.finished = True

    @workflow.update
    async def add_now(self, number: int) -> str:
        said = await elsewhere("greet", "typescript", number)
        self.sum += number
        return f"{said}, {self.sum}"

    @workflow.query
    def total(self) -> int:
        return self.sum


async def main() -> None:
    client = await Client.connect(sys.argv[1])
    async with Worker(client, task_queue="python", workflows=[Link], activities=[greet, hold]):
        print("ready", flush=True)
        read = asyncio.get_running_loop().run_in_executor
        while line := await read(None, sys.stdin.readline):
            name, number = line.split()
            handle = client.get_workflow_handle(name)
            print(await handle.execute_update("add_now", int(number)), flush=True)
    # What the SDK leaves running may disturb the end of the interpreter.
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
