"""Kills our server and a Python worker beside it, again and again, and checks what is left.

usage: kill.py STEADFAST KILLS_OF_THE_SERVER KILLS_OF_THE_WORKER [SEED]

STEADFAST is the binary of the server. This process is the client: it starts, signals and updates workflows, keeps what was
acknowledged, and answers the activities of one queue itself, so that it knows which completions were acknowledged. The
worker is a process of its own; its activities write down when they begin. Both the server and the worker are killed with
SIGKILL, each in its own rhythm. At last nothing is killed until every workflow has ended; then the histories are held
against what was acknowledged and what the activities wrote:

- a start that was acknowledged is there, and its workflow ends;
- a signal that was acknowledged is in the history once, one that failed at most once, and the workflow had it as often;
- an update that was acknowledged is there once, with the result that the caller was told;
- an attempt of an activity begins once, and none begins after a completion was accepted;
- a completion that was acknowledged is the one in the history;
- what the worker would do again is what the history says.
"""

import asyncio
import collections
import dataclasses
import datetime as dt
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import uuid
from pathlib import Path

import temporalio.api.workflowservice.v1 as service
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.client import Client, RPCError, WorkflowUpdateFailedError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError
from temporalio.service import RPCStatusCode
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

QUEUE = "kill"
# The queue whose activities this process answers.
ANSWERED_HERE = "here"
IN_FLIGHT = 16
# So many histories at most are replayed, each of which takes a worker.
REPLAYED = 100
SECOND = dt.timedelta(seconds=1)
JOURNAL = ""


def note(line: str) -> None:
    """Writes down what survives this process."""
    with open(JOURNAL, "a") as journal:
        journal.write(f"{time.time():.6f} {line}\n")


@activity.defn
async def effect(key: str) -> str:
    note(f"{key} {activity.info().attempt}")
    await asyncio.sleep(random.random() / 20)
    if key.endswith("flaky") and activity.info().attempt == 1:
        raise RuntimeError("again")
    return key


@activity.defn
async def beats(key: str) -> str:
    note(f"{key} {activity.info().attempt}")
    for beat in range(5):
        activity.heartbeat(beat)
        await asyncio.sleep(0.02)
    return key


@workflow.defn
class Load:
    def __init__(self) -> None:
        self.signals: list[str] = []
        self.updates: list[str] = []
        self.finished = False

    @workflow.run
    async def run(self, steps: list[str]) -> dict:
        done = [await self.step(step, index) for index, step in enumerate(steps)]
        await workflow.wait_condition(lambda: self.finished and workflow.all_handlers_finished())
        return {"done": done, "signals": self.signals, "updates": self.updates}

    async def step(self, step: str, index: int):
        key = f"{workflow.info().workflow_id}/{index}{step}"
        again = RetryPolicy(initial_interval=SECOND / 20, maximum_interval=SECOND)
        limits = {"start_to_close_timeout": 3 * SECOND, "retry_policy": again}
        if step == "timer":
            return await workflow.sleep(0.05)
        if step in ("effect", "flaky"):
            return await workflow.execute_activity(effect, key, **limits)
        if step == "beats":
            return await workflow.execute_activity(beats, key, heartbeat_timeout=SECOND, **limits)
        if step == "once":
            limits["retry_policy"] = RetryPolicy(maximum_attempts=1)
            try:
                return await workflow.execute_activity(effect, key, **limits)
            except ActivityError:
                return "lost"
        if step == "both":
            keys = [f"{key}{n}" for n in range(3)]
            return await asyncio.gather(*[workflow.execute_activity(effect, one, **limits) for one in keys])
        if step == "here":
            return await workflow.execute_activity("here", key, task_queue=ANSWERED_HERE, **limits)
        if step == "local":
            return await workflow.execute_local_activity(effect, key, **limits)
        assert step == "child", step
        return await workflow.execute_child_workflow(Child.run, key, id=key, task_timeout=2 * SECOND)

    @workflow.signal
    def add(self, token: str) -> None:
        self.signals.append(token)

    @workflow.signal
    def finish(self) -> None:
        self.finished = True

    @workflow.update
    async def change(self, token: str) -> str:
        place = len(self.updates)
        self.updates.append(token)
        if token.endswith("0"):
            await workflow.sleep(0.02)
        return f"{token} at {place}"


@workflow.defn
class Child:
    @workflow.run
    async def run(self, key: str) -> str:
        await workflow.sleep(0.02)
        again = RetryPolicy(initial_interval=SECOND / 20)
        return await workflow.execute_activity(effect, key, start_to_close_timeout=3 * SECOND, retry_policy=again)


STEPS = ["timer", "effect", "flaky", "beats", "once", "both", "here", "local", "child"]
# What a journal cannot say once of: a local activity is run again with the workflow task that it is part of.
NOT_ONCE = "local"


async def connected(address: str) -> Client:
    while True:
        try:
            return await Client.connect(address)
        except RuntimeError:
            await asyncio.sleep(0.05)


async def work(address: str) -> None:
    while True:
        client = await connected(address)
        worker = Worker(
            client,
            task_queue=QUEUE,
            workflows=[Load, Child],
            activities=[effect, beats],
            workflow_runner=UnsandboxedWorkflowRunner(),
            sticky_queue_schedule_to_start_timeout=SECOND,
        )
        try:
            await worker.run()
        except Exception as error:
            print("the worker starts again:", error, flush=True)
            await asyncio.sleep(0.05)


@dataclasses.dataclass
class Asked:
    """What was asked of a workflow: whether it was acknowledged, by token."""

    steps: list[str]
    signals: dict[str, bool] = dataclasses.field(default_factory=dict)
    updates: dict[str, str] = dataclasses.field(default_factory=dict)


class Process:
    """A process that is killed and started again."""

    def __init__(self, name: str, command: list[str], log: Path) -> None:
        self.name, self.command, self.log, self.kills = name, command, log, 0
        self.start()

    def start(self) -> None:
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)

    def kill(self) -> None:
        if self.process.poll() is not None:
            raise AssertionError(f"the {self.name} ended by itself ({self.process.returncode}): {self.log.read_text()[-2000:]}")
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.kills += 1


class Driver:
    def __init__(self, client: Client, dice: random.Random) -> None:
        self.client, self.dice = client, dice
        self.asked: dict[str, Asked] = {}
        # Completions of activities that were acknowledged, and when.
        self.acknowledged: dict[str, tuple[str, float]] = {}
        self.begun: list[tuple[float, str, int]] = []
        self.failed_calls = collections.Counter()
        self.ending = False

    async def insists(self, call):
        """Asks until there is an answer. What is asked has an id, or may be asked twice."""
        while True:
            try:
                return await call()
            except RPCError as error:
                if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.ALREADY_EXISTS):
                    raise
                self.failed_calls[error.status.name] += 1
                await asyncio.sleep(0.05)

    async def one(self, number: int) -> None:
        name = f"load-{number}"
        asked = Asked([self.dice.choice(STEPS) for _ in range(self.dice.randint(1, 4))])

        async def start():
            try:
                await self.client.start_workflow(Load.run, asked.steps, id=name, task_queue=QUEUE, task_timeout=2 * SECOND)
            except WorkflowAlreadyStartedError:
                pass

        await self.insists(start)
        self.asked[name] = asked
        handle = self.client.get_workflow_handle(name)
        for index in range(self.dice.randint(0, 4)):
            token = f"{name}-{index}"
            if self.dice.random() < 0.5:
                asked.signals[token] = False
                try:
                    await handle.signal(Load.add, token)
                    asked.signals[token] = True
                except RPCError as error:
                    self.failed_calls[error.status.name] += 1
            else:
                asked.updates[token] = await self.insists(lambda: self.update(handle, token))
            await asyncio.sleep(self.dice.random() / 10)
        await self.insists(lambda: handle.signal(Load.finish))
        await self.insists(handle.result)

    async def update(self, handle, token: str) -> str:
        # The client gives up when the server has no worker for it, without a status of its own.
        try:
            return await handle.execute_update(Load.change, token, id=token)
        except WorkflowUpdateFailedError as error:
            raise AssertionError(f"the update {token} failed: {error.cause}") from error

    async def load(self, numbers) -> None:
        while not self.ending:
            await self.one(next(numbers))

    async def answers(self) -> None:
        """A worker for activities that knows which of its answers was acknowledged."""
        calls = self.client.workflow_service
        queue = TaskQueue(name=ANSWERED_HERE)
        while True:
            try:
                request = service.PollActivityTaskQueueRequest(namespace="default", task_queue=queue, identity="here")
                task = await calls.poll_activity_task_queue(request, timeout=dt.timedelta(seconds=70))
            except RPCError:
                await asyncio.sleep(0.05)
                continue
            if not task.task_token:
                continue
            key = json.loads(task.input.payloads[0].data)
            self.begun.append((time.time(), key, task.attempt))
            await asyncio.sleep(self.dice.random() / 50)
            said = f"{key} {uuid.uuid4()}"
            payload = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(said).encode())
            answer = service.RespondActivityTaskCompletedRequest(
                namespace="default", task_token=task.task_token, result=Payloads(payloads=[payload]), identity="here"
            )
            try:
                await calls.respond_activity_task_completed(answer, retry=False, timeout=5 * SECOND)
                if key in self.acknowledged:
                    raise AssertionError(f"{key} was completed twice")
                self.acknowledged[key] = (said, time.time())
            except RPCError as error:
                self.failed_calls[f"completion {error.status.name}"] += 1

    async def kills(self, process: Process, count: int, least: float, most: float) -> None:
        """Kills a process so often, now and then while it starts."""
        while process.kills < count:
            early = self.dice.random() < 0.15
            await asyncio.sleep(self.dice.random() / 10 if early else self.dice.uniform(least, most))
            process.kill()
            process.start()

    async def check(self, journal: Path) -> list[str]:
        begun = list(self.begun)
        for line in journal.read_text().splitlines() if journal.exists() else []:
            when, key, attempt = line.split(" ")
            begun.append((float(when), key, int(attempt)))
        faults = []
        attempts = collections.Counter((key, attempt) for _, key, attempt in begun if not key.endswith(NOT_ONCE))
        faults += [f"attempt {attempt} of {key} began {times} times" for (key, attempt), times in attempts.items() if times > 1]
        last = {}
        for when, key, _ in begun:
            last[key] = max(when, last.get(key, 0))
        self.figures = collections.Counter(attempts=len(begun), retried=sum(attempt > 1 for _, _, attempt in begun))
        there = {found.id async for found in self.client.list_workflows("WorkflowType = 'Load'")}
        if there != set(self.asked):
            faults.append(f"the list has {len(there)} workflows, and {len(self.asked)} were started")
        replayer = Replayer(workflows=[Load, Child], workflow_runner=UnsandboxedWorkflowRunner())
        for name, asked in self.asked.items():
            handle = self.client.get_workflow_handle(name)
            result = await handle.result()
            history = await handle.fetch_history()
            faults += [f"{name}: {fault}" for fault in self.faults_of(asked, result, history, last)]
            if self.figures["replayed"] < REPLAYED and self.dice.random() < 0.2:
                try:
                    await replayer.replay_workflow(history)
                    self.figures["replayed"] += 1
                except Exception as error:
                    faults.append(f"{name} does not replay: {error}")
        return faults

    def faults_of(self, asked: Asked, result: dict, history, last: dict[str, float]):
        figures = self.figures
        signals, accepted, completed, scheduled = [], [], {}, {}
        for event in history.events:
            when = event.event_time.seconds + event.event_time.nanos / 1e9
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                attributes = event.workflow_execution_signaled_event_attributes
                if attributes.signal_name == "add":
                    signals.append(json.loads(attributes.input.payloads[0].data))
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
                accepted.append(event.workflow_execution_update_accepted_event_attributes.protocol_instance_id)
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
                attributes = event.workflow_execution_update_completed_event_attributes
                said = json.loads(attributes.outcome.success.payloads[0].data)
                if attributes.meta.update_id in completed:
                    yield f"the update {attributes.meta.update_id} completed twice"
                completed[attributes.meta.update_id] = said
            elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                attributes = event.activity_task_scheduled_event_attributes
                scheduled[event.event_id] = json.loads(attributes.input.payloads[0].data)
            elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                attributes = event.activity_task_completed_event_attributes
                key = scheduled[attributes.scheduled_event_id]
                figures["completions"] += 1
                if last.get(key, 0) > when + 0.001:
                    yield f"{key} began {last[key] - when:.3f} s after its completion was accepted"
                if key in self.acknowledged:
                    said, _ = self.acknowledged[key]
                    if json.loads(attributes.result.payloads[0].data) != said:
                        yield f"{key} has another result than the one that was acknowledged"
                    figures["completions acknowledged here"] += 1
                    self.acknowledged.pop(key)
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
                figures["workflow tasks timed out"] += 1
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                figures["workflow tasks failed"] += 1
        figures["events"] += len(history.events)
        for token, acknowledged in asked.signals.items():
            times = signals.count(token)
            figures["signals acknowledged"] += acknowledged
            if times > 1 or acknowledged and times != 1:
                yield f"the signal {token} (acknowledged: {acknowledged}) is there {times} times"
        if result["signals"] != signals:
            yield f"the workflow had the signals {result['signals']}, and the history {signals}"
        for token, said in asked.updates.items():
            figures["updates acknowledged"] += 1
            if completed.get(token) != said:
                yield f"the update {token} answered {said}, and the history has {completed.get(token)}"
            if accepted.count(token) != 1 or result["updates"].count(token) != 1:
                yield f"the update {token} was accepted {accepted.count(token)} times, done {result['updates'].count(token)} times"


def numbers():
    number = 0
    while True:
        yield number
        number += 1


async def main(binary: str, server_kills: int, worker_kills: int, seed: int) -> bool:
    folder = Path(tempfile.mkdtemp(prefix="steadfast-kill-"))
    journal = folder / "journal"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    serve = [binary, "serve", str(folder / "kill.db"), "--port", str(port), "--log", "error"]
    server = Process("server", serve, folder / "server.log")
    worker = Process("worker", [sys.executable, __file__, "worker", address, str(journal)], folder / "worker.log")
    began = time.monotonic()
    try:
        driver = Driver(await connected(address), random.Random(seed))
        count = numbers()
        beside = [asyncio.create_task(driver.answers()) for _ in range(4)]
        load = [asyncio.create_task(driver.load(count)) for _ in range(IN_FLIGHT)]
        kills = [
            asyncio.create_task(driver.kills(server, server_kills, 0.3, 3.0)),
            asyncio.create_task(driver.kills(worker, worker_kills, 2.0, 4.0)),
        ]
        unfinished = set(kills)
        while unfinished:
            done, _ = await asyncio.wait([*unfinished, *load, *beside], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            unfinished -= done
        driver.ending = True
        await asyncio.wait_for(asyncio.gather(*load), 120)
        faults = await driver.check(journal)
        for task in beside:
            task.cancel()
        faults += [f"the completion of {key} was acknowledged, and is not there" for key in driver.acknowledged]
        figures = {"workflows": len(driver.asked), **driver.figures, **driver.failed_calls}
        print(
            f"{server.kills} kills of the server and {worker.kills} of the worker in {time.monotonic() - began:.0f} s;",
            ", ".join(f"{name}: {figure}" for name, figure in figures.items()),
        )
        if faults:
            print(f"{len(faults)} faults with seed {seed}; files are in {folder}", *faults[:30], sep="\n")
            return False
        print("all is well")
        return True
    except BaseException:
        print(f"seed {seed}; files are in {folder}")
        traceback.print_exc()
        return False
    finally:
        for process in (server, worker):
            process.process.kill()
            process.process.wait()


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        JOURNAL = sys.argv[3]
        asyncio.run(work(sys.argv[2]))
    else:
        given = [int(argument) for argument in sys.argv[2:5]]
        seed = given[2] if len(given) > 2 else time.time_ns() % 100_000
        is_well = asyncio.run(main(sys.argv[1], given[0], given[1], seed))
        sys.stdout.flush()
        # What the SDK leaves running may hold the end of the interpreter.
        os._exit(0 if is_well else 1)
