"""Tells a Temporal Service little programs about schedules, and writes what came of each step as lines of JSON.

    python ask.py ADDRESS COUNT SEED > programs.jsonl

Needs `temporalio`. The schedules are paused: everything is triggered or backfilled at times that the program names, so that nothing
depends on when it runs. The workflows end when they are told to, and do not mind being cancelled.
"""

import asyncio
import json
import random
import sys
from datetime import datetime

from temporalio import workflow
from temporalio.api.enums.v1 import ScheduleOverlapPolicy
from temporalio.api.schedule.v1 import BackfillRequest
from temporalio.api.workflowservice.v1 import (
    CreateScheduleRequest, DeleteScheduleRequest, DescribeScheduleRequest, PatchScheduleRequest,
)
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

BEGIN = 1_767_225_600
POLICIES = ["Skip", "BufferOne", "BufferAll", "CancelOther", "TerminateOther", "AllowAll"]


@workflow.defn(sandboxed=False)
class Flow:
    def __init__(self) -> None:
        self.how = ""

    @workflow.run
    async def run(self) -> str:
        while not self.how:
            try:
                await workflow.wait_condition(lambda: bool(self.how))
            except asyncio.CancelledError:
                pass
        if self.how == "Failed":
            raise ApplicationError("no")
        return "yes"

    @workflow.signal
    def end(self, how: str) -> None:
        self.how = how


def number(policy):
    return POLICIES.index(policy) + 1 if policy else 0


def program(rng):
    next_time = 0
    steps = []
    for _ in range(9):
        kind = rng.random()
        if kind < 0.5:
            next_time += 1
            steps.append({"trigger": BEGIN + next_time, "overlap": rng.choice(POLICIES + [None] * 4)})
        elif kind < 0.65:
            count = rng.randint(1, 3)
            first = BEGIN + 3600 * (len(steps) + 1) * 10
            steps.append({"from": first, "to": first + 3600 * (count - 1), "overlap": rng.choice(POLICIES + [None] * 4)})
        else:
            steps.append({"end": rng.randint(0, 5), "how": rng.choice(["Completed", "Completed", "Failed", "Terminated"])})
    return {"overlap": rng.choice(POLICIES), "pause_on_failure": rng.random() < 0.5, "steps": steps}


async def told(client, schedule_id):
    open_ids = set()
    async for run in client.list_workflows(f"TemporalScheduledById = '{schedule_id}' AND ExecutionStatus = 'Running'"):
        open_ids.add(run.id.removeprefix(f"{schedule_id}:"))
    described = await client.workflow_service.describe_schedule(
        DescribeScheduleRequest(namespace=client.namespace, schedule_id=schedule_id)
    )
    info = described.info
    return {
        "open": sorted(open_ids), "minded": sorted(run.workflow_id.removeprefix(f"{schedule_id}:") for run in info.running_workflows),
        "taken": info.action_count, "skipped": info.overlap_skipped, "waiting": info.buffer_size,
        "notes": described.schedule.state.notes.split(":")[0],
    }


async def settled(client, schedule_id):
    """What is told when it has stayed the same for a while."""
    last, same = None, 0
    while same < 4:
        await asyncio.sleep(0.6)
        now = await told(client, schedule_id)
        same = same + 1 if now == last else 0
        last = now
    return last


async def run(client, seed, limit):
    async with limit:
        case = program(random.Random(seed))
        schedule_id = f"program-{seed}-{int(datetime.now().timestamp())}"
        create = CreateScheduleRequest(namespace=client.namespace, schedule_id=schedule_id, request_id=schedule_id, identity="ask")
        create.schedule.spec.interval.add().interval.FromSeconds(3600)
        create.schedule.policies.overlap_policy = number(case["overlap"])
        create.schedule.policies.pause_on_failure = case["pause_on_failure"]
        create.schedule.state.limited_actions = True
        start = create.schedule.action.start_workflow
        start.workflow_id, start.workflow_type.name, start.task_queue.name = f"{schedule_id}:w", "Flow", "programs"
        await client.workflow_service.create_schedule(create)
        last = await told(client, schedule_id)
        for step in case["steps"]:
            if "end" in step:
                if last["open"]:
                    handle = client.get_workflow_handle(f"{schedule_id}:{last['open'][step['end'] % len(last['open'])]}")
                    if step["how"] == "Terminated":
                        await handle.terminate()
                    else:
                        await handle.signal("end", step["how"])
            else:
                patch = PatchScheduleRequest(namespace=client.namespace, schedule_id=schedule_id, identity="ask")
                if "trigger" in step:
                    patch.patch.trigger_immediately.scheduled_time.FromSeconds(step["trigger"])
                    patch.patch.trigger_immediately.overlap_policy = number(step["overlap"])
                else:
                    backfill = patch.patch.backfill_request.add()
                    backfill.start_time.FromSeconds(step["from"])
                    backfill.end_time.FromSeconds(step["to"])
                    backfill.overlap_policy = number(step["overlap"])
                await client.workflow_service.patch_schedule(patch)
            before, last = last, await settled(client, schedule_id)
            step["told"] = last
            # A service loses such an action while another one waits for an execution that was asked to cancel.
            if "end" not in step and (step["overlap"] or case["overlap"]) == "AllowAll" and last["taken"] == before["taken"]:
                print(f"left out: program {seed}", file=sys.stderr)
                return
        await client.workflow_service.delete_schedule(DeleteScheduleRequest(namespace=client.namespace, schedule_id=schedule_id))
        print(json.dumps(case, separators=(",", ":")), flush=True)


async def main():
    client = await Client.connect(sys.argv[1])
    limit = asyncio.Semaphore(8)
    async with Worker(client, task_queue="programs", workflows=[Flow]):
        await asyncio.gather(*[run(client, seed, limit) for seed in range(int(sys.argv[3]), int(sys.argv[3]) + int(sys.argv[2]))])


asyncio.run(main())
