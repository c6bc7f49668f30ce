"""Starts a server, calls it with Temporal's Python client, has a Python worker work on it, and prints what that cost.

usage: measure.py NAME -- COMMAND.. (in which PORT is replaced by a free one)
"""

import asyncio
import datetime
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

CALLS = 1_000
IN_FLIGHT = 32
WORKFLOWS = 10_000
# Workflows that a worker works on, and what each of them asks for, one after the other.
WORKED_ON = 200
ACTIVITIES = 10


@activity.defn
async def nothing(text: str) -> str:
    return text


@workflow.defn
class Ten:
    @workflow.run
    async def run(self, text: str) -> str:
        for _ in range(ACTIVITIES):
            minute = datetime.timedelta(minutes=1)
            text = await workflow.execute_activity(nothing, text, start_to_close_timeout=minute)
        return text


def cpu(pid):
    """The processor time of a process, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid):
    """What a process has in memory, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


async def served(address):
    """A client, as soon as somebody answers."""
    while True:
        try:
            return await Client.connect(address)
        except RuntimeError:
            await asyncio.sleep(0.02)


async def at_a_time(count, call):
    """Calls so often, some at a time; says how long it took."""
    limit = asyncio.Semaphore(IN_FLIGHT)

    async def one(index):
        async with limit:
            await call(index)

    began = time.monotonic()
    await asyncio.gather(*[one(index) for index in range(count)])
    return time.monotonic() - began


async def work(client, pid, name, runs_in_memory):
    """What workflows cost the server with a worker that keeps so many of them."""
    queue = f"ten-{runs_in_memory}"
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[Ten],
        activities=[nothing],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=runs_in_memory,
    )

    async def one(index):
        await client.execute_workflow(Ten.run, "x", id=f"{queue}-{index}", task_queue=queue)

    async with worker:
        await at_a_time(20, lambda index: one(f"warm-{index}"))
        before = cpu(pid)
        took = await at_a_time(WORKED_ON, one)
        cost = (cpu(pid) - before) / WORKED_ON / ACTIVITIES
    return f"{name} {cost * 1e3:.2f} ms of CPU an activity, {WORKED_ON / took:.1f} workflows/s"


async def measure(name, pid, address, began):
    client = await served(address)
    figures = [f"serves after {time.monotonic() - began:.2f} s"]

    async def start(prefix, index):
        await client.start_workflow("Nobody", "x", id=f"{prefix}-{index}", task_queue="nobody")

    calls = {
        "start": lambda index: start("call", index),
        "signal": lambda index: client.get_workflow_handle(f"call-{index}").signal("go", "x"),
        "describe": lambda index: client.get_workflow_handle(f"call-{index}").describe(),
    }
    await at_a_time(100, lambda index: start("warm", index))
    for call, function in calls.items():
        before = cpu(pid)
        took = await at_a_time(CALLS, function)
        cost = (cpu(pid) - before) / CALLS
        figures.append(f"{call} {cost * 1e3:.3f} ms of CPU, {CALLS / took:.0f}/s")
    waits = []
    for index in range(100):
        began = time.monotonic()
        await start("idle", index)
        waits.append(time.monotonic() - began)
    figures.append(f"start at idle p50 {statistics.median(waits) * 1e3:.2f} ms")
    figures.append(await work(client, pid, "sticky worker", 1_000))
    figures.append(await work(client, pid, "worker that forgets", 0))
    figures.append(f"memory after it {memory(pid):.0f} MB")
    left = WORKFLOWS - CALLS - 200
    if "file" not in name or "temporal" not in name:
        await at_a_time(left, lambda index: start("many", index))
        figures.append(f"memory with {WORKFLOWS} open {memory(pid):.0f} MB")
    else:
        # It takes minutes there.
        figures.append(f"memory with {CALLS + 200} open {memory(pid):.0f} MB")
    print(f"{name}: " + "; ".join(figures), flush=True)


def main():
    name, _, *command = sys.argv[1:]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(port) if word == "PORT" else word for word in command]
    began = time.monotonic()
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        asyncio.run(measure(name, server.pid, f"127.0.0.1:{port}", began))
    finally:
        server.terminate()
        server.wait()


main()
