"""Schedules with Temporal's Python SDK: what its client is told, as lines to compare."""

import asyncio
import sys
from datetime import datetime, timedelta, timezone

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleBackfill,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
)
from temporalio.service import RPCError

NEW_YEAR = datetime(2030, 1, 1, tzinfo=timezone.utc)


async def main() -> None:
    address, namespace, name = sys.argv[1:]
    client = await Client.connect(address, namespace=namespace)
    action = ScheduleActionStartWorkflow(
        "Quick", "of sales", id=f"{name}-report", task_queue="commands", static_summary="a report", memo={"k": [1, 2]}
    )
    spec = ScheduleSpec(
        calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(9, 17, 2)], day_of_week=[ScheduleRange(1, 5)], comment="work")],
        intervals=[ScheduleIntervalSpec(every=timedelta(days=3), offset=timedelta(hours=1))],
        cron_expressions=["30 2 * * SUN"],
        skip=[ScheduleCalendarSpec(month=[ScheduleRange(12)], day_of_month=[ScheduleRange(24, 26)])],
        start_at=NEW_YEAR,
        time_zone_name="Europe/Berlin",
    )
    schedule = Schedule(
        action=action,
        spec=spec,
        policy=SchedulePolicy(
            overlap=ScheduleOverlapPolicy.BUFFER_ONE, catchup_window=timedelta(hours=5), pause_on_failure=True
        ),
        state=ScheduleState(note="mine", limited_actions=True, remaining_actions=9),
    )
    handle = await client.create_schedule(name, schedule, memo={"of": "tests"})
    try:
        await client.create_schedule(name, schedule)
    except ScheduleAlreadyRunningError as error:
        print("again", error)

    async def told(what: str, done) -> None:
        described = await handle.describe()
        for _ in range(100):
            if done(described):
                break
            await asyncio.sleep(0.1)
            described = await handle.describe()
        own = described.schedule
        print(what, own.spec)
        print(" ", own.policy, own.state)
        print(" ", own.action.workflow, own.action.id, own.action.task_queue, await own_input(client, own.action))
        info = described.info
        print(" ", info.num_actions, info.num_actions_skipped_overlap, info.num_actions_missed_catchup_window)
        print(" ", [(it.scheduled_at, it.action.workflow_id) for it in info.recent_actions])
        print(" ", info.next_action_times, await described.memo())

    await told("created", lambda _: True)
    await handle.pause(note="closed")
    await told("paused", lambda it: it.schedule.state.paused)
    await handle.unpause(note="open")
    await told("unpaused", lambda it: not it.schedule.state.paused)
    await handle.backfill(
        ScheduleBackfill(NEW_YEAR, NEW_YEAR + timedelta(days=1), overlap=ScheduleOverlapPolicy.ALLOW_ALL)
    )
    await told("backfilled", lambda it: it.info.num_actions >= 6)

    def change(given):
        schedule = given.description.schedule
        schedule.spec.intervals = [ScheduleIntervalSpec(every=timedelta(hours=2))]
        schedule.spec.calendars = []
        schedule.state.note = "changed"
        return ScheduleUpdate(schedule=schedule)

    await handle.update(change)
    await told("updated", lambda it: it.schedule.state.note == "changed")
    ids = set()
    for _ in range(100):
        ids = {it.id async for it in await client.list_schedules()}
        if name in ids:
            break
        await asyncio.sleep(0.1)
    print("listed", name in ids)
    await handle.delete()
    try:
        await handle.describe()
    except RPCError as error:
        print("deleted", error.status.name)


async def own_input(client: Client, action) -> list:
    return await client.data_converter.decode(action.args)


asyncio.run(main())
