"""Walks through the Web UI as a person does, and writes down what is seen: a line each, with the names of steps.

usage: walk.py URL BROWSER FILE [FOLDER]

`call` is a request that was answered, `refused` one that was not, with its `reason`, `error` what the browser's console said, `page` a line
of a page, `field` a part of an answer, `event` one of a history. What differs from run to run is masked. Pictures of all
steps go to the folder.
"""

import asyncio
import json
import re
import sys
from urllib.parse import unquote, urlsplit

from playwright.async_api import Error, async_playwright

URL, BROWSER, FILE = sys.argv[1:4]
PICTURES = sys.argv[4] if len(sys.argv) > 4 else None
NAMESPACE = "/namespaces/default"
WORKFLOWS = NAMESPACE + "/workflows"
TABS = ["Event History", "Relationships", "Workers", "Pending Activities", "Call Stack", "Queries", "User Metadata",
        "Search Attributes", "Memo"]
# Those of which every tab is looked at, and the others.
WHOLE = ["running", "cancelled"]
GLANCED = ["completed", "failed", "terminated", "timed-out", "continued", "retried", "delayed", "unattended", "stuck",
           "was-reset", "running-parcel", "running-parcel-label"]
MASKS = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "<time>"),
    (r"[A-Z][a-z]{2} \d+, \d{4}, [\d:.]+ [AP]M( UTC)?", "<time>"),
    (r"\d+/\d+/\d+, [\d:.]+ [AP]M( UTC)?", "<time>"),
    (r"\b(\d+(ms|[dhms])\b ?)+", "<duration>"),
    (r"\b\d+(\.\d+)? (KB|Bytes)", "<size>"),
    (r"\d+(\.\d+)*", "<number>"),
]


def masked(text):
    for pattern, mask in MASKS:
        text = re.sub(pattern, mask, text)
    return text.strip()


def fields(value, path=""):
    """The parts of an answer that say something."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from fields(part, f"{path}.{masked(name)}")
    elif isinstance(value, list):
        for part in value:
            yield from fields(part, path + "[]")
    else:
        yield f"{path} = {masked(json.dumps(value))}"


class Walk:
    def __init__(self, page):
        self.page, self.step = page, "start"
        self.seen, self.open, self.readings = set(), set(), []
        page.on("request", self.asked)
        page.on("requestfinished", self.answered)
        page.on("requestfailed", lambda request: self.open.discard(request))
        page.on("console", self.said)
        page.on("pageerror", lambda error: self.note("error", f"thrown: {error}"))

    def note(self, kind, text):
        self.seen.add(f"{kind} {self.step}: {text}")

    def said(self, message):
        # The news and the fonts are on the internet.
        if message.type == "error" and message.location.get("url", "").startswith(URL):
            self.note("error", masked(message.text.split("\n")[0]))

    def asked(self, request):
        # A long poll is no reason to wait.
        if "/api/" in request.url and "waitNewEvent=true" not in request.url:
            self.open.add(request)

    def answered(self, request):
        if "/api/" in request.url:
            self.readings.append(asyncio.ensure_future(self.read(self.step, request)))

    async def read(self, step, request):
        self.open.discard(request)
        response = await request.response()
        parts = urlsplit(request.url)
        call = f"{request.method} {masked(unquote(parts.path))}"
        is_refused = response.status >= 400
        self.seen.add(f"{'refused' if is_refused else 'call'} {step}: {response.status} {call}")
        try:
            answer = json.loads(await response.body())
        except (Error, ValueError):
            return
        if is_refused:
            self.seen.add(f"reason {step}: {call} {answer.get('message')}")
        elif request.method == "GET" and "history" not in call:
            self.seen.update(f"field {call.removeprefix('GET ')} {field}" for field in fields(answer))
        elif "history" in call:
            for event in answer.get("history", {}).get("events", []):
                kind = event["eventType"].removeprefix("EVENT_TYPE_")
                self.seen.update(f"event {kind} {field}" for field in fields(event))

    async def go(self, step, path):
        self.step = step
        await self.page.goto(URL + path, wait_until="domcontentloaded")
        await self.look()

    async def click(self, step, *targets):
        """Clicks one after the other, and looks at where that leads."""
        self.step = step
        for target in targets:
            await target.click()
            await self.page.wait_for_timeout(100)
        await self.look()

    async def look(self):
        main = self.page.locator("main")
        quiet = 0
        for _ in range(150):
            await self.page.wait_for_timeout(100)
            is_empty = await main.count() == 0 or not (await main.inner_text()).strip()
            quiet = 0 if self.open or is_empty else quiet + 1
            if quiet == 4:
                break
        else:
            self.note("error", "requests are not answered: " + ", ".join(masked(r.url) for r in self.open))
            self.open.clear()
        for line in (await main.inner_text()).split("\n"):
            if line.strip():
                self.note("page", masked(line))
        if PICTURES:
            name = re.sub("[^a-z0-9]+", "-", self.step.lower()).strip("-")
            await self.page.screenshot(path=f"{PICTURES}/{name}.png")

    def button(self, name, of=None):
        return (of or self.page).get_by_role("button", name=name).last

    async def workflow(self, name):
        """Opens a workflow from its id alone, as people type it."""
        await self.go(name, f"{WORKFLOWS}/{name}")

    async def tab(self, workflow, name):
        await self.click(f"{workflow}, {name}", self.page.get_by_role("tab", name=name))


async def lists(walk):
    page = walk.page
    await walk.go("list", WORKFLOWS)
    views = page.get_by_role("group", name="Saved Views")
    every = views.get_by_role("link", name="All")
    for view in ["Failures", "Running", "Parent", "Today", "Last 1h"]:
        await walk.click(f"list, {view}", views.get_by_role("link", name=view))
    for status in ["Running", "Timed Out", "Completed", "Failed", "Continued as New", "Canceled", "Terminated"]:
        counted = page.get_by_role("button", name=re.compile(rf"\d+ {status}"))
        await walk.click(f"list, status {status}", every, counted.first)
    query = "Customer='acme' AND Amount BETWEEN 1 AND 9 AND Due > '2026-01-01T00:00:00Z' AND Tags IN ('gift')"
    await walk.go("list, query", f"{WORKFLOWS}?query={query}")
    await walk.go("list, wrong query", f"{WORKFLOWS}?query=Bogus=1")


async def looks(walk):
    for name in WHOLE:
        await walk.workflow(name)
        for tab in TABS:
            await walk.click(f"{name}, {tab}", walk.page.get_by_role("tab", name=tab))
            if tab == "Event History":
                for view in ["Compact", "JSON", "All"]:
                    await walk.click(f"{name}, history {view}", walk.page.get_by_role("button", name=view, exact=True))
            if tab == "Queries" and name == "running":
                await walk.click(f"{name}, query", walk.button("Run Query"))
                kinds = walk.page.get_by_role("button", name="notes")
                scopes = walk.page.get_by_role("option", name="__steadfast_scopes")
                await walk.click(f"{name}, scopes", kinds, scopes, walk.button("Run Query"))
    for name in GLANCED:
        await walk.workflow(name)


async def pages(walk):
    for name, path in [
        ("namespaces", "/namespaces"),
        ("namespace", NAMESPACE),
        ("schedules", f"{NAMESPACE}/schedules"),
        ("batch", f"{NAMESPACE}/batch-operations"),
        ("task queue", f"{NAMESPACE}/task-queues/orders"),
        ("workers", f"{NAMESPACE}/workers"),
        ("deployments", f"{NAMESPACE}/worker-deployments"),
        ("activities", f"{NAMESPACE}/activities"),
        ("archive", f"{NAMESPACE}/archival"),
        ("nexus", "/nexus"),
    ]:
        await walk.go(name, path)


async def acts(walk):
    page = walk.page
    dialog = page.get_by_role("dialog")
    more = walk.button("More Actions")

    async def choose(step, workflow, action):
        await walk.workflow(workflow)
        await walk.click(f"{step}, dialog", more, page.get_by_role("menuitem", name=action).last)

    await walk.workflow("cancel")
    await walk.click("cancel, dialog", walk.button("Request Cancellation"))
    await walk.click("cancel, done", walk.button("Confirm", dialog))

    await choose("terminate", "terminate", "Terminate")
    await dialog.get_by_placeholder("Enter a reason").last.fill("from the Web UI")
    await walk.click("terminate, done", walk.button("Terminate", dialog))

    await choose("signal", "signal", "Send a Signal")
    option = lambda name: page.get_by_role("option", name=name).first
    await walk.click("signal, which", walk.button("Select a signal", dialog), option("ship"))
    await walk.click("signal, done", walk.button("Submit", dialog))

    await choose("update", "update", "Send an Update")
    await walk.click("update, which", walk.button("Select an update", dialog), option("note"))
    await dialog.get_by_role("textbox", name="Data").click()
    await page.keyboard.type('"from the Web UI"')
    await walk.click("update, done", walk.button("Submit", dialog))

    await choose("reset", "reset", "Reset")
    await walk.click("reset, which", dialog.get_by_role("button").nth(1))
    await walk.click("reset, done", page.get_by_role("option").first, walk.button("Confirm", dialog))

    await walk.go("start", f"{WORKFLOWS}/start-workflow")
    for name, text in [("Workflow ID", "started"), ("Task Queue", "orders"), ("Workflow Type", "Order")]:
        await page.get_by_role("textbox", name=name).fill(text)
    await page.get_by_role("textbox", name="Data").click()
    await page.keyboard.type('"from the Web UI"')
    await walk.click("start, done", walk.button("Start Workflow"))
    await choose("start like", "started", "Start Workflow Like This One")


async def refusals(walk):
    """What a service does, and our server does not."""
    page = walk.page
    dialog = page.get_by_role("dialog")
    await walk.workflow("running")
    await walk.click("pause, which", page.get_by_role("tab", name="Pending Activities"))
    await walk.click("pause, dialog", page.get_by_role("button", name="Pause").first)
    await walk.click("pause, done", walk.button("Pause", dialog))
    await walk.go("batch, which", f"{WORKFLOWS}?query=WorkflowId='update'")
    await page.get_by_role("checkbox").first.check(force=True)
    await walk.click("batch, dialog", page.get_by_role("button", name="Request Cancellation").first)
    await walk.click("batch, done", walk.button("Confirm", dialog))
    await walk.go("schedule", f"{NAMESPACE}/schedules/create")
    for name, text in [("Schedule Name", "nightly"), ("Workflow Type", "Order"), ("Workflow ID", "night"),
                       ("Task Queue", "orders"), ("Cron expression", "0 3 * * *")]:
        await page.get_by_role("textbox", name=name).fill(text)
    await walk.click("schedule, done", walk.button("Create Schedule"))


async def main():
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page(viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(20_000)
        walk = Walk(page)
        for part in [lists, looks, pages, acts, refusals]:
            await part(walk)
        await asyncio.gather(*walk.readings, return_exceptions=True)
        await browser.close()
    with open(FILE, "w") as file:
        file.writelines(line.replace("\n", " ") + "\n" for line in sorted(walk.seen))


asyncio.run(main())
