"""Programs as workflows of Temporal's Python SDK; `interpret.rs` says the same in Rust.

Workers are started and stopped, and held activities let go, by lines of JSON on the standard input; what is held
is told on the standard output.

What differs by a rule of ours is said here, in one place each:
- D3: a scope that is cancelled refuses new operations until that is accepted. Python's tasks are cancelled once, at
  the place where they wait. `Scope` remembers it.
- O5: what is dropped runs no further. A task of Python's that is cancelled runs its handlers: `Lane.dropped`.
- S2: a shield is waited for to its end. `asyncio.shield` leaves it running and raises: `shield` waits.
"""

import asyncio
import json
import os
import sys
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError, TimeoutError, is_cancelled_exception
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

SHORT = timedelta(milliseconds=1500)
LONG = timedelta(hours=10)
HEARTBEAT = timedelta(seconds=6)
SPANS = {"short": SHORT, "long": LONG}

held: dict[tuple[str, str], asyncio.Event] = {}


def say(what: dict) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


@activity.defn(name="act")
async def act(spec: dict) -> str:
    what, label = spec["what"], spec["label"]
    info = activity.info()
    if what == "fails":
        raise ApplicationError("told to fail", type="Told", non_retryable=True)
    if what == "exhausts" or (what == "recovers" and info.attempt == 1):
        raise ApplicationError("told to fail", type="Told")
    if what == "times_out":
        await asyncio.sleep(SHORT.total_seconds() * 4)
    if isinstance(what, dict):
        hears = what["held"]
        key = (info.workflow_id, label)
        gone = held[key] = asyncio.Event()
        say({"held": key})
        while not gone.is_set():
            try:
                if hears == "nothing":
                    await gone.wait()
                else:
                    activity.heartbeat()
                    await asyncio.wait_for(gone.wait(), 0.2)
            except asyncio.TimeoutError:
                pass
            except asyncio.CancelledError:
                if hears == "nothing":
                    continue
                held.pop(key, None)
                say({"ended": key})
                if hears == "and_stops":
                    raise
                if hears == "and_fails":
                    raise ApplicationError("told to fail", type="Heard", non_retryable=True) from None
                break
    return label


class Scope:
    """A scope of ours: once cancelled it refuses until that is accepted (D3, D5)."""

    def __init__(self, parent=None, limit=None):
        self.parent, self.limit = parent, limit
        self.cancelled = self.refusing = False

    def refuses(self) -> bool:
        return self.refusing or (self.parent is not None and self.parent.refuses())

    def cancel(self) -> None:
        # From the scope that it reached up to the one that it came from: one whose time is over, or the root.
        scope = self
        while scope is not None:
            scope.cancelled = scope.refusing = True
            if scope.limit is not None and scope.limit.expired():
                break
            scope = scope.parent


class Lane:
    """A task of Python's."""

    def __init__(self, parent=None):
        self.parent, self.seen, self.given_up = parent, 0, False
        self.depth = 0 if parent is None else parent.depth + 1
        # Whether what it waits for ends in the turn in which it is cancelled.
        self.at_once = False

    def dropped(self) -> bool:
        return self.given_up or (self.parent is not None and self.parent.dropped())

    def look(self, scope: Scope) -> None:
        """Takes note of cancellations, also of those that an operation answered with its real outcome."""
        count = asyncio.current_task().cancelling()
        if count > self.seen and not self.dropped():
            scope.cancel()
        self.seen = count


def words(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError) or is_cancelled_exception(error):
        return "was cancelled"
    while getattr(error, "cause", None) is not None:
        error = error.cause
    if isinstance(error, ApplicationError):
        return f"failed as {error.type}"
    if isinstance(error, TimeoutError):
        return "timed out"
    return f"ended as {error!r}"


@workflow.defn(name="Play")
class Player:
    @workflow.init
    def __init__(self, play: dict) -> None:
        self.play, self.signals = play, 0
        # With the task that made it, and how long history was then.
        self.notes = [(text, None, 0) for text in play["log"]]

    @workflow.run
    async def run(self, _play: dict) -> str:
        await self.steps(self.play["steps"], Scope(), Lane())
        return "done"

    @workflow.signal
    async def poke(self, number: int) -> None:
        self.signals += 1
        await self.handle("signal", number, self.play["on_signal"])

    @workflow.update
    async def ask(self, number: int) -> str:
        await self.handle("update", number, self.play["on_update"])
        return f"answer {number}"

    @ask.validator
    def check(self, number: int) -> None:
        if number == 0:
            raise ApplicationError("nothing was asked", type="Nothing")

    @workflow.query
    def log(self) -> list[str]:
        return [text for text, _, _ in self.notes]

    def add(self, text: str, lane=None) -> None:
        self.notes.append((text, lane, workflow.info().get_current_history_length()))

    async def handle(self, what: str, number: int, steps: list) -> None:
        self.add(f"{what} {number}")
        if not steps:
            return
        what = f"{what} {number}"
        steps = json.loads(json.dumps(steps).replace("#", f".{number}"))
        lane = Lane()
        try:
            await self.steps(steps, Scope(), lane)
        except (FailureError, asyncio.CancelledError) as error:
            self.note(what, lane, error)
        else:
            self.note(what, lane)

    def note(self, what: str, lane: Lane, error: BaseException | None = None) -> None:
        if not lane.dropped():
            self.add(f"{what} {'ended' if error is None else words(error)}", lane)

    async def operation(self, what: str, scope: Scope, lane: Lane, start, at_once=True) -> None:
        lane.at_once = at_once
        lane.seen = min(lane.seen, asyncio.current_task().cancelling())
        try:
            if scope.refuses():
                raise asyncio.CancelledError()
            await start()
        except (FailureError, asyncio.CancelledError) as error:
            lane.look(scope)
            self.note(what, lane, error)
            raise
        lane.look(scope)
        self.note(what, lane)

    async def steps(self, steps: list, scope: Scope, lane: Lane) -> None:
        for step in steps:
            if lane.dropped():
                raise asyncio.CancelledError()
            await self.step(step, scope, lane)

    async def step(self, step, scope: Scope, lane: Lane) -> None:
        name, given = (step, None) if isinstance(step, str) else next(iter(step.items()))
        await getattr(self, f"do_{name}")(given, scope, lane)

    async def do_log(self, text: str, scope: Scope, lane: Lane) -> None:
        self.add(text, lane)

    async def do_activity(self, spec: dict, scope: Scope, lane: Lane) -> None:
        what = spec["what"]
        kind = workflow.ActivityCancellationType
        options = {
            "start_to_close_timeout": SHORT / 2 if what == "times_out" else LONG,
            "retry_policy": RetryPolicy(
                initial_interval=timedelta(milliseconds=50),
                backoff_coefficient=1.0,
                maximum_attempts=2 if what in ("recovers", "exhausts") else 1,
            ),
            "cancellation_type": {
                "try": kind.TRY_CANCEL,
                "wait": kind.WAIT_CANCELLATION_COMPLETED,
                "abandon": kind.ABANDON,
            }[spec["cancellation"]],
        }
        if isinstance(what, dict) and what["held"] != "nothing" and not spec["local"]:
            options["heartbeat_timeout"] = HEARTBEAT
        start = workflow.start_local_activity if spec["local"] else workflow.start_activity
        at_once = spec["cancellation"] != "wait"
        await self.operation(spec["label"], scope, lane, lambda: start(act, spec, **options), at_once)

    async def do_gate(self, label: str, scope: Scope, lane: Lane) -> None:
        spec = {"label": label, "what": {"held": "nothing"}, "local": True, "cancellation": "try"}
        await self.do_activity(spec, scope, lane)

    async def do_sleep(self, span: str, scope: Scope, lane: Lane) -> None:
        await self.operation("sleep", scope, lane, lambda: asyncio.sleep(SPANS[span].total_seconds()))

    async def do_wait_signals(self, count: int, scope: Scope, lane: Lane) -> None:
        async def wait() -> None:
            # Like Go, Java, TypeScript and ours: what holds already is not waited for. Python's waits one turn.
            if self.signals < count:
                await workflow.wait_condition(lambda: self.signals >= count)

        await self.operation("wait", scope, lane, wait)

    async def do_shield(self, body: list, scope: Scope, lane: Lane) -> None:
        await self.beside([lambda lane: self.steps(body, Scope(), lane)], scope, lane, shield=True)

    async def beside(
        self, bodies: list, scope: Scope, lane: Lane, shield=False, first=False, listen=False
    ) -> None:
        """Runs bodies as tasks of their own until all have ended, or one has, and passes cancellations on, or takes
        one and gives the bodies up."""
        tasks, lanes, started = [], [], set()
        all_begun, told, heard = False, False, False

        async def body(index: int) -> None:
            started.add(index)
            await bodies[index](lanes[index])

        def give_up(index: int) -> None:
            lanes[index].given_up = True
            tasks[index].cancel()

        def over() -> bool:
            return heard or first and any(task.done() and not lanes[index].given_up for index, task in enumerate(tasks))

        async def pass_on() -> None:
            ends = False
            for index, task in enumerate(tasks):
                # One that has not begun is told by its first operation.
                if task.done() or index not in started:
                    continue
                if ends or over():
                    give_up(index)
                elif not shield or lane.dropped():
                    task.cancel()
                    # What is resolved at once ends the race; Python hears of an activity's end a turn later.
                    ends = ends or (first and lanes[index].at_once)
                    if first:
                        await settle()

        async def wait(awaitable) -> None:
            nonlocal told, heard
            lane.seen = min(lane.seen, asyncio.current_task().cancelling())
            try:
                await awaitable
            except asyncio.CancelledError:
                told = True
            # What arrives while the bodies begin reaches all of them (R3).
            if told and all_begun:
                told = False
                if listen and not tasks[0].done():
                    lane.seen, heard = asyncio.current_task().cancelling(), True
                    give_up(0)
                else:
                    lane.look(scope)
                    await pass_on()

        async def settle() -> None:
            # Futures are polled where they are; tasks of Python's need some turns of the loop, those inside others
            # fewer than those around them.
            for _ in range(3 ** max(0, 3 - lane.depth)):
                await wait(asyncio.sleep(0))

        for index in range(len(bodies)):
            lanes.append(Lane(lane))
            tasks.append(asyncio.create_task(body(index)))
            await settle()
            # A `select!` polls in order and ends with the first that is ready.
            if over():
                break
        all_begun = True
        await settle()
        while not over() and not all(task.done() for task in tasks):
            when = asyncio.FIRST_COMPLETED if first else asyncio.ALL_COMPLETED
            open_tasks = [task for task in tasks if not task.done()]
            await wait(workflow.wait(open_tasks, return_when=when))
        if heard:
            await settle()
            self.add("heard", lane)
            return
        if first:
            won = next(
                index for index, task in enumerate(tasks) if task.done() and not lanes[index].given_up
            )
            # Of branches that are ready in one turn the first is polled; the rest are dropped before they go on.
            late, now = lanes[won + 1 :], workflow.info().get_current_history_length()
            self.notes = [
                note for note in self.notes if not (note[1] is not None and note[1] in late and note[2] == now)
            ]
            for index, task in enumerate(tasks):
                if not task.done():
                    give_up(index)
            await settle()
            if not lane.dropped():
                self.add(f"branch {won} won", lane)
            tasks = [tasks[won]]
        if lane.dropped():
            raise asyncio.CancelledError()
        for task in tasks:
            task.result()

    async def do_timeout(self, given: list, scope: Scope, lane: Lane) -> None:
        span, body = given
        limit = asyncio.timeout(SPANS[span].total_seconds())
        try:
            async with limit:
                await self.steps(body, Scope(scope, limit), lane)
        except (FailureError, asyncio.CancelledError, asyncio.TimeoutError) as error:
            if limit.expired() and (isinstance(error, asyncio.TimeoutError) or is_cancelled_exception(error)):
                late = ApplicationError("out of time", type="OutOfTime")
                self.note("timeout", lane, late)
                raise late from None
            self.note("timeout", lane, error)
            raise
        self.note("timeout", lane)

    async def do_try(self, given: dict, scope: Scope, lane: Lane) -> None:
        try:
            await self.steps(given["body"], scope, lane)
        except (FailureError, asyncio.CancelledError) as error:
            if lane.dropped():
                raise
            self.add(f"caught: {words(error)}", lane)
            await self.do_shield(given["cleanup"], scope, lane)
            if given["again"]:
                raise error

    async def do_accept(self, _given: None, scope: Scope, lane: Lane) -> None:
        if scope.cancelled:
            scope.refusing = False
            self.add("accepted", lane)

    async def do_listen(self, body: list, scope: Scope, lane: Lane) -> None:
        await self.beside(self.bodies([body], scope), scope, lane, listen=True)

    async def do_join(self, branches: list, scope: Scope, lane: Lane) -> None:
        await self.beside(self.bodies(branches, scope), scope, lane)

    async def do_race(self, branches: list, scope: Scope, lane: Lane) -> None:
        await self.beside(self.bodies(branches, scope), scope, lane, first=True)

    def bodies(self, branches: list, scope: Scope) -> list:
        return [lambda lane, steps=steps: self.steps(steps, scope, lane) for steps in branches]

    async def do_child(self, kid: dict, scope: Scope, lane: Lane) -> None:
        kind = workflow.ChildWorkflowCancellationType
        policy = workflow.ParentClosePolicy
        play = {"steps": kid["steps"], "on_signal": [], "on_update": [], "log": []}
        options = {
            "id": f"{workflow.info().workflow_id}-{kid['label']}",
            "parent_close_policy": {
                "terminate": policy.TERMINATE,
                "request_cancel": policy.REQUEST_CANCEL,
                "abandon": policy.ABANDON,
            }[kid["when_closed"]],
            "cancellation_type": {
                "try": kind.TRY_CANCEL,
                "wait": kind.WAIT_CANCELLATION_COMPLETED,
                "abandon": kind.ABANDON,
            }[kid["cancellation"]],
        }
        if kid["awaited"]:
            await self.operation(
                kid["label"],
                scope,
                lane,
                lambda: workflow.execute_child_workflow("Play", play, **options),
                kid["cancellation"] != "wait",
            )
        else:
            if scope.refuses():
                raise asyncio.CancelledError()
            await workflow.start_child_workflow("Play", play, **options)
            self.add(f"{kid['label']} started", lane)

    async def do_fail(self, kind: str, scope: Scope, lane: Lane) -> None:
        raise ApplicationError("told to fail", type=kind)

    async def do_continue_as_new(self, steps: list, scope: Scope, lane: Lane) -> None:
        workflow.continue_as_new({**self.play, "steps": steps, "log": self.log()})


async def serve(client: Client, queue: str, stopped: asyncio.Event) -> None:
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[Player],
        activities=[act],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_activities=1000,
        max_concurrent_local_activities=1000,
        max_concurrent_workflow_tasks=500,
    )
    async with worker:
        say({"started": queue})
        await stopped.wait()
    say({"stopped": queue})


async def main() -> None:
    address, namespace = sys.argv[1:3]
    client = await Client.connect(address, namespace=namespace)
    reader = asyncio.StreamReader(limit=1 << 24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    serving: dict[str, asyncio.Event] = {}
    tasks = set()
    while line := await reader.readline():
        for order, given in json.loads(line).items():
            if order == "start":
                serving[given] = asyncio.Event()
                task = asyncio.create_task(serve(client, given, serving[given]))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            elif order == "stop":
                serving.pop(given).set()
            elif order == "release":
                gone = held.pop(tuple(given), None)
                if gone is not None:
                    gone.set()


asyncio.run(main())
# Not through the end of the interpreter: threads of the SDK outlive it now and then, and end the process as failed.
os._exit(0)
