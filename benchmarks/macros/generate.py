#!/usr/bin/env python3
"""Writes three packages with the same workflows and activities: on steadfast, on Temporal's own
SDK, and without any macro. Their sources differ in attributes and context types only."""

import pathlib
import sys

WORKFLOWS, TYPES, ACTIVITIES = 200, 20, 10

KINDS = {
    "plain": {
        "dependencies": 'serde = { version = "1", features = ["derive"] }\nsteadfast = { path = "%s/sdk" }',
        "imports": "pub struct WorkflowContext<W>(pub std::cell::RefCell<W>);\n"
        "pub struct SyncWorkflowContext<W>(pub W);\npub struct WorkflowContextView;\n"
        "pub struct ActivityContext;\npub struct ActivityError;\n"
        "pub type WorkflowResult<T> = Result<T, String>;",
        "macros": False,
    },
    "steadfast": {
        "dependencies": 'serde = { version = "1", features = ["derive"] }\nsteadfast = { path = "%s/sdk" }',
        "imports": "use steadfast::prelude::*;",
        "macros": True,
    },
    "temporalio": {
        "dependencies": 'serde = { version = "1", features = ["derive"] }\n'
        'futures = "0.3"\ntemporalio-common = "1"\ntemporalio-macros = "1"\ntemporalio-sdk = "1"\ntemporalio-workflow = "1"',
        "imports": "use temporalio_macros::{activities, workflow, workflow_methods};\n"
        "use temporalio_sdk::{SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult};\n"
        "use temporalio_sdk::activities::{ActivityContext, ActivityError};",
        "macros": True,
    },
}


def module(number, kind):
    def attribute(text):
        return f"{text}\n" if kind["macros"] else ""

    return f"""use crate::*;

#[derive(Clone, Default, serde::Deserialize, serde::Serialize)]
pub struct Order{number} {{
    pub item: String,
    pub count: u32,
}}

{attribute("#[workflow]")}#[derive(Default)]
pub struct Flow{number} {{
    order: Order{number},
    closed: bool,
}}

{attribute("#[workflow_methods]")}impl Flow{number} {{
    {attribute("#[run]")}pub async fn run(_ctx: &mut WorkflowContext<Self>, order: Order{number}) -> WorkflowResult<String> {{
        Ok(format!("{{}} {{}}", order.item, order.count))
    }}

    {attribute("#[signal]")}pub fn close(&mut self, _ctx: &mut SyncWorkflowContext<Self>, _reason: String) {{
        self.closed = true;
    }}

    {attribute("#[signal]")}pub fn rename(&mut self, _ctx: &mut SyncWorkflowContext<Self>, item: String) {{
        self.order.item = item;
    }}

    {attribute("#[query]")}pub fn order(&self, _ctx: &WorkflowContextView) -> Order{number} {{
        self.order.clone()
    }}

    {attribute("#[query]")}pub fn is_closed(&self, _ctx: &WorkflowContextView) -> bool {{
        self.closed
    }}

    {attribute("#[update]")}pub fn set_count(&mut self, _ctx: &mut SyncWorkflowContext<Self>, count: u32) -> u32 {{
        std::mem::replace(&mut self.order.count, count)
    }}
}}
"""


def activities(number, kind):
    def attribute(text):
        return f"{text}\n" if kind["macros"] else ""

    functions = "\n".join(
        f"""    {attribute("#[activity]")}pub async fn act_{number}_{index}(_ctx: ActivityContext, item: String) -> Result<String, ActivityError> {{
        Ok(item)
    }}
"""
        for index in range(ACTIVITIES)
    )
    return f"""use crate::*;

pub struct Acts{number};

{attribute("#[activities]")}impl Acts{number} {{
{functions}}}
"""


def main():
    root, target = sys.argv[1], pathlib.Path(sys.argv[2])
    for name, kind in KINDS.items():
        folder = target / name
        sources = folder / "src"
        sources.mkdir(parents=True, exist_ok=True)
        dependencies = kind["dependencies"]
        if "%s" in dependencies:
            dependencies = dependencies % root
        (folder / "Cargo.toml").write_text(
            f'[package]\nname = "cost-{name}"\nversion = "0.0.0"\nedition = "2024"\n\n'
            f"[workspace]\n\n[dependencies]\n{dependencies}\n"
        )
        modules = [f"flow{number}" for number in range(WORKFLOWS)]
        modules += [f"acts{number}" for number in range(TYPES)]
        lines = "\n".join(f"pub mod {module};" for module in modules)
        (sources / "lib.rs").write_text(f"#![allow(unused)]\n{kind['imports']}\n\n{lines}\n")
        for number in range(WORKFLOWS):
            (sources / f"flow{number}.rs").write_text(module(number, kind))
        for number in range(TYPES):
            (sources / f"acts{number}.rs").write_text(activities(number, kind))


main()
