"""Asks a Temporal Service for the times of random schedule specs, and writes what it said as lines of JSON.

    python ask.py ADDRESS COUNT SEED [full] > cases.jsonl
    STEADFAST_SCHEDULE_TIMES=cases.jsonl cargo test -p steadfast-engine --test schedule_times

Needs `temporalio`. With `croniter` instead of an address, croniter is asked about cron strings in UTC over ten years.
Near a change of a zone's clock a service has times that it should not have, and lacks some: its search relies on what Go makes of
local times that come twice or never. Temporal's documentation has calendars matched literally by the clock on the wall, so what the
service says within 26 hours of a change is replaced by what a look at each minute says. How many times that adds and takes away is in `replaced`.

What databases of time zones of different years say of times to come differs, and so do the times: Morocco and Cuba are not among the
zones for that.

A case is a spec as steadfast keeps it, what to begin after, until when, and what came: the spec that the service made of
it, the number of times and a checksum of all of them with the first three; or the error. What a service refuses in the words of Go's library is refused with
other words here, so that only the fact counts.
"""

import asyncio
import json
import random
import re
import sys
import uuid

DAY = 86_400
ZONES = [
    "", "UTC", "Europe/Rome", "America/New_York", "Australia/Sydney", "America/Santiago", "Asia/Beirut",
    "Europe/Dublin", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu", "Europe/London",
    "America/Sao_Paulo", "Africa/Cairo", "Pacific/Chatham", "Australia/Lord_Howe",
]
MONTHS = ["jan", "February", "mar", "APR", "may", "june", "Jul", "aug", "sept", "oct", "nov", "decem"]
DAYS = ["su", "mon", "Tuesday", "WE", "thu", "fri", "satur"]


def checksum(times):
    total = 0
    for time in times:
        total = (total * 1_000_003 + time) % (2**61 - 1)
    return total


def ranges(rng, first, last, few=3):
    out = []
    for _ in range(rng.randint(1, few)):
        start = rng.randint(first, last)
        kind = rng.random()
        if kind < 0.5:
            out.append({"start": start, "end": 0, "step": 0})
        elif kind < 0.8:
            out.append({"start": start, "end": rng.randint(start, last), "step": 0})
        else:
            out.append({"start": start, "end": rng.randint(start, last), "step": rng.randint(1, 5)})
    return out


def whole(first, last):
    return [{"start": first, "end": last, "step": 0}]


def calendar(rng, exclude=False):
    pick = rng.random
    spec = {
        "second": whole(0, 59) if exclude and pick() < 0.7 else [{"start": 0, "end": 0, "step": 0}] if pick() < 0.7 else ranges(rng, 0, 59),
        "minute": whole(0, 59) if exclude and pick() < 0.7 else ranges(rng, 0, 59),
        "hour": whole(0, 23) if pick() < 0.3 else ranges(rng, 0, 23),
        "day_of_month": whole(1, 31) if pick() < 0.6 else ranges(rng, 1, 31),
        "month": whole(1, 12) if pick() < 0.7 else ranges(rng, 1, 12),
        "day_of_week": whole(0, 6) if pick() < 0.6 else ranges(rng, 0, 6),
    }
    if pick() < 0.15:
        spec["year"] = ranges(rng, 2020, 2040)
    return spec


def field(rng, first, last, names=(), wrong=0.0):
    if rng.random() < wrong:
        return rng.choice(["x", "99", "5-2", "1/0", "1/2/3", "*/", "1-2-3", "?", "-1", "1,,2", "L", "1#2", "ja", "m"])
    if rng.random() < 0.35:
        return rng.choice(["*", "*", f"*/{rng.randint(1, 7)}"])

    def value(number):
        if names and rng.random() < 0.5:
            return names[(number - first) % len(names)]
        return str(number)

    parts = []
    for _ in range(rng.randint(1, 3)):
        start = rng.randint(first, last)
        part = value(start)
        if rng.random() < 0.4:
            part += "-" + value(rng.randint(start, last))
        if rng.random() < 0.25:
            part += f"/{rng.randint(1, 6)}"
        parts.append(part)
    return ",".join(parts)


def cron(rng, wrong):
    roll = rng.random()
    if roll < 0.08:
        return rng.choice(["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"])
    if roll < 0.2:
        text = "@every " + rng.choice(["90m", "1h", "36h", "1d", "2d3h", "7m", "1h30m", "1.5h", "45s"])
        if rng.random() < 0.5:
            text += "/" + rng.choice(["5m", "10s", "1m30s", "25m"])
        return text
    text = " ".join([
        field(rng, 0, 59, wrong=wrong), field(rng, 0, 23, wrong=wrong), field(rng, 1, 31, wrong=wrong) if rng.random() < 0.5 else "*",
        field(rng, 1, 12, MONTHS, wrong) if rng.random() < 0.5 else "*", field(rng, 0, 7, DAYS, wrong) if rng.random() < 0.5 else "*",
    ])
    roll = rng.random()
    if roll < 0.1:
        text += " " + rng.choice(["*", "2024", "2024-2030/2", "2020/3"])
    elif roll < 0.2:
        text = f"{field(rng, 0, 59)} {text} {rng.choice(['*', '2025-2029'])}"
    if rng.random() < 0.1:
        text += " # what it is for"
    return text


def spec(rng):
    wrong = 0.15 if rng.random() < 0.15 else 0.0
    out = {}
    zone = rng.choice(ZONES)
    roll = rng.random()
    if roll < 0.35:
        out["structured_calendars"] = [calendar(rng) for _ in range(rng.randint(1, 3))]
    elif roll < 0.75:
        out["cron_strings"] = [cron(rng, wrong) for _ in range(rng.randint(1, 2))]
        if zone and rng.random() < 0.5:
            prefix = rng.choice(["CRON_TZ=", "TZ="])
            out["cron_strings"] = [text if text.startswith("@every") else f"{prefix}{zone} {text}" for text in out["cron_strings"]]
            zone = "" if rng.random() < 0.9 else zone
    elif roll < 0.85:
        names = ["second", "minute", "hour", "day_of_month", "month", "day_of_week"]
        bounds = [(0, 59, ()), (0, 59, ()), (0, 23, ()), (1, 31, ()), (1, 12, MONTHS), (0, 7, DAYS)]
        out["calendars"] = [
            {name: field(rng, a, b, c, wrong) for name, (a, b, c) in zip(names, bounds) if rng.random() < 0.6}
        ]
    else:
        interval = rng.choice([60, 90, 3600, 7200, 86400, 7 * 86400, 12345, 5400])
        out["intervals"] = [{
            "interval": {"secs": interval, "nanos": rng.choice([0, 0, 0, 500_000_000])},
            "phase": {"secs": rng.choice([0, 0, 7, interval // 3, interval if wrong else 1]), "nanos": 0},
        }]
        if rng.random() < 0.3:
            out["structured_calendars"] = [calendar(rng)]
    if rng.random() < 0.3:
        out["exclude_structured_calendars"] = [calendar(rng, True) for _ in range(rng.randint(1, 2))]
    begin = rng.randint(10_957 * DAY, 24_000 * DAY)
    if rng.random() < 0.2:
        out["start_time"] = (begin + rng.randint(0, 400 * DAY)) * 1_000_000_000
    if rng.random() < 0.2:
        out["end_time"] = (begin + rng.randint(400 * DAY, 2000 * DAY)) * 1_000_000_000
    if zone:
        out["time_zone_name"] = zone
    return out, begin


def said(spec_in, begin, until, times, more=None):
    case = {"spec": spec_in, "after": begin, "until": until, "count": len(times), "checksum": checksum(times), "first": times[:3]}
    if len(sys.argv) > 4:
        case["times"] = times
    return case | (more or {})


def literally(kept, start_time, end_time, first, last):
    """The times of a spec in a range, found by looking at each minute."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(kept["zone"] or "UTC")

    def compiled(calendar):
        sets = {}
        for name, all_ranges in calendar.items():
            sets[name] = {v for start, end, step in all_ranges for v in range(start, max(start, end) + 1, step or 1)}
        return sets

    calendars = [compiled(one) for one in kept["calendars"]]
    excluded = [compiled(one) for one in kept["excluded"]]

    def has_minute(sets, local):
        return (
            local.minute in sets["minute"] and local.hour in sets["hour"] and local.day in sets["day_of_month"]
            and local.month in sets["month"] and local.isoweekday() % 7 in sets["day_of_week"]
            and (not sets["year"] or local.year in sets["year"])
        )

    found = set()
    for minute in range(first // 60 * 60, last + 1, 60):
        local = datetime.fromtimestamp(minute, zone)
        seconds = set()
        for sets in calendars:
            if has_minute(sets, local):
                seconds |= sets["second"]
        for interval, phase in kept["intervals"]:
            interval, phase = interval // 10**9, phase // 10**9
            next_one = -(-(minute - phase) // interval) * interval + phase
            while next_one < minute + 60:
                seconds.add(next_one - minute)
                next_one += interval
        if seconds:
            for sets in excluded:
                if has_minute(sets, local):
                    seconds -= sets["second"]
        found |= {minute + second for second in seconds}
    return {t for t in found if first <= t <= last and (start_time is None or t >= start_time) and (end_time is None or t <= end_time)}


def changes(zone, first, last):
    """When the clock of a zone changes, to the hour."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(zone or "UTC")
    offset = lambda time: datetime.fromtimestamp(time, zone).utcoffset()
    out = []
    for day in range(first, last + DAY, DAY):
        if offset(day) != offset(day + DAY):
            out += [hour for hour in range(day, day + DAY, 3600) if offset(hour) != offset(hour + 3600)]
    return out


def corrected(case, times):
    """The times with those near changes replaced, and how many that are."""
    kept, spec_in = case["kept"], case["spec"]
    start, end = (spec_in[n] // 10**9 if n in spec_in else None for n in ("start_time", "end_time"))
    out, replaced = set(times), 0
    for change in changes(kept["zone"], case["after"], case["until"]):
        first, last = max(case["after"] + 1, change - 26 * 3600), min(case["until"], change + 26 * 3600)
        said_here = {time for time in out if first <= time <= last}
        right = literally(kept, start, end, first, last)
        replaced += len(right ^ said_here)
        out = (out - said_here) | right
    return sorted(out), replaced


def ask_croniter(count, seed):
    from datetime import datetime, timezone
    from croniter import croniter

    rng = random.Random(seed)
    for _ in range(count):
        days = rng.random() < 0.5
        text = " ".join([
            field(rng, 0, 59), field(rng, 0, 23), field(rng, 1, 28) if days else "*",
            field(rng, 1, 12), "*" if days else field(rng, 0, 6),
        ])
        # croniter takes a range of one number for all numbers, and steps to the end of the week end there before the Sunday that is 7.
        one_number = any(a == b for a, b in re.findall(r"(\w+)-(\w+)", text))
        if one_number or re.search(r"(^|,)\w+/", text.split()[4]):
            continue
        begin = rng.randint(10_957 * DAY, 24_000 * DAY)
        until = begin + 3653 * DAY
        try:
            iterator = croniter(text, datetime.fromtimestamp(begin, timezone.utc))
        except Exception:
            continue
        times = []
        while len(times) < 1_000:
            time = int(iterator.get_next(float))
            if time > until:
                break
            times.append(time)
        if len(times) == 1_000:
            until = times[-1]
        print(json.dumps(said({"cron_strings": [text]}, begin, until, times)))


async def ask_service(address, count, seed):
    from google.protobuf.json_format import ParseDict
    from temporalio.api.schedule.v1 import ScheduleSpec
    from temporalio.api.workflowservice.v1 import (
        CreateScheduleRequest, DeleteScheduleRequest, DescribeScheduleRequest, ListScheduleMatchingTimesRequest,
    )
    from temporalio.client import Client
    from temporalio.service import RPCError

    client = await Client.connect(address)
    service = client.workflow_service
    rng = random.Random(seed)
    limit = asyncio.Semaphore(3)

    def camel(value):
        if isinstance(value, dict):
            if set(value) == {"secs", "nanos"}:
                return f"{value['secs']}.{value['nanos']:09}s"
            return {"".join(w if i == 0 else w.title() for i, w in enumerate(k.split("_"))): camel(v) for k, v in value.items()}
        if isinstance(value, list):
            return [camel(v) for v in value]
        return value

    renamed = {
        "structured_calendars": "structured_calendar", "calendars": "calendar", "cron_strings": "cron_string", "intervals": "interval",
        "exclude_structured_calendars": "exclude_structured_calendar", "time_zone_name": "timezone_name",
    }

    def to_proto(spec_in):
        out = {}
        for name, value in spec_in.items():
            if name in ("start_time", "end_time"):
                continue
            out[renamed.get(name, name)] = value
        proto = ParseDict(camel(out), ScheduleSpec())
        for name in ("start_time", "end_time"):
            if name in spec_in:
                getattr(proto, name).FromNanoseconds(spec_in[name])
        return proto

    def fields(calendar_out):
        names = ["second", "minute", "hour", "day_of_month", "month", "year", "day_of_week"]
        return {name: [[r.start, r.end, r.step] for r in getattr(calendar_out, name)] for name in names}

    async def one(spec_in, begin):
        async with limit:
            schedule_id = f"times-{uuid.uuid4()}"
            request = CreateScheduleRequest(namespace=client.namespace, schedule_id=schedule_id, request_id=schedule_id, identity="ask")
            request.schedule.spec.CopyFrom(to_proto(spec_in))
            request.schedule.state.paused = True
            start = request.schedule.action.start_workflow
            start.workflow_id, start.workflow_type.name, start.task_queue.name = "w", "W", "q"
            try:
                await service.create_schedule(request)
            except RPCError as error:
                return {"spec": spec_in, "after": begin, "until": begin, "error": error.message}
            described = await service.describe_schedule(DescribeScheduleRequest(namespace=client.namespace, schedule_id=schedule_id))
            kept = described.schedule.spec
            until = begin + 3653 * DAY
            times, last = [], begin
            for _ in range(4):
                ask = ListScheduleMatchingTimesRequest(namespace=client.namespace, schedule_id=schedule_id)
                ask.start_time.FromSeconds(last)
                ask.end_time.FromSeconds(until)
                page = [time.seconds for time in (await service.list_schedule_matching_times(ask)).start_time]
                times += page
                if len(page) < 1000:
                    break
                last = page[-1]
            else:
                until = times[-1]
            await service.delete_schedule(DeleteScheduleRequest(namespace=client.namespace, schedule_id=schedule_id))
            kept = {
                "calendars": [fields(one) for one in kept.structured_calendar],
                "excluded": [fields(one) for one in kept.exclude_structured_calendar],
                "intervals": [[i.interval.ToNanoseconds(), i.phase.ToNanoseconds()] for i in kept.interval],
                "zone": kept.timezone_name,
            }
            times, replaced = corrected({"kept": kept, "spec": spec_in, "after": begin, "until": until}, times)
            return said(spec_in, begin, until, times, {"kept": kept, "replaced": replaced})

    async def tell(spec_in, begin):
        try:
            case = await one(spec_in, begin)
        except RPCError as error:
            # A service that is busy, or that will not look that far because of what is excluded.
            print(f"left out: {error.message}", file=sys.stderr)
            return
        print(json.dumps(case, separators=(",", ":")), flush=True)

    await asyncio.gather(*[tell(*spec(rng)) for _ in range(count)])


if __name__ == "__main__":
    if sys.argv[1] == "croniter":
        ask_croniter(int(sys.argv[2]), int(sys.argv[3]))
    else:
        asyncio.run(ask_service(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
