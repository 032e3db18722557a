//! Places of results, data flows and suggested changes.

use appsec_model::{FlowRole, FlowStep, Location};
use serde_json::Value;

use super::run::Run;
use crate::{
    json::JsonView,
    place::{self, MAX_STEP_CHARS, MAX_STEPS},
};

/// A place in a file.
pub struct CodeSpan<'a> {
    pub location: Location,
    pub url: Option<String>,
    pub code: Option<&'a str>,
}

/// The first place of a result that is in a file.
pub fn of_result<'a>(run: &Run, result: &'a Value) -> Option<CodeSpan<'a>> {
    result.list("locations").iter().find_map(|location| of_location(run, location))
}

fn of_location<'a>(run: &Run, location: &'a Value) -> Option<CodeSpan<'a>> {
    let physical = location.at("physicalLocation")?;
    let (path, url) = run.path(physical.at("artifactLocation")?)?;
    let region = physical.at("region");
    let mut at = place::file(path);
    at.start_line = region.and_then(|it| it.count("startLine"));
    if at.start_line.is_some() {
        at.start_column = region.and_then(|it| it.count("startColumn"));
        at.end_line = region.and_then(|it| it.count("endLine"));
        at.end_column = region.and_then(|it| it.count("endColumn"));
    }
    let code = region.at("snippet").text("text");
    Some(CodeSpan { location: at, url, code })
}

/// All places of a result, as far as they are in files: its own, those that it
/// refers to and those of its data flows.
pub fn all<'a>(run: &'a Run, result: &'a Value) -> impl Iterator<Item = &'a Value> {
    let threads = result.list("codeFlows").iter().flat_map(|flow| flow.list("threadFlows"));
    let steps = threads.flat_map(|thread| thread.list("locations")).filter_map(|step| of_step(run, step));
    let own = result.list("locations").iter().chain(result.list("relatedLocations"));
    own.chain(steps).filter_map(|location| location.at("physicalLocation"))
}

/// The place of a step, which may stand in a table of the run.
fn of_step<'a>(run: &'a Run, step: &'a Value) -> Option<&'a Value> {
    step.at("location").or_else(|| run.flow_locations.get(step.position("index")?)?.at("location"))
}

/// The steps of the first data flow, from its source to its sink.
pub fn flow(run: &Run, result: &Value) -> Vec<FlowStep> {
    let first = result.list("codeFlows").first().and_then(|flow| flow.list("threadFlows").first());
    let locations = first.map_or(&[] as &[Value], |flow| flow.list("locations"));
    let step = |step: &Value| {
        let spot = of_location(run, of_step(run, step)?)?;
        let content = spot.code.and_then(|code| place::code(code, MAX_STEP_CHARS));
        Some(FlowStep { role: FlowRole::Step, location: spot.location, content })
    };
    let mut all = locations.iter();
    let mut steps: Vec<FlowStep> = all.by_ref().filter_map(step).take(MAX_STEPS).collect();
    // What lies between is of less use than the place where it does harm.
    if let Some(last) = all.rev().find_map(step) {
        steps.truncate(MAX_STEPS - 1);
        steps.push(last);
    }
    if let Some(first) = steps.first_mut() {
        first.role = FlowRole::Source;
    }
    if let Some(last) = steps.last_mut() {
        last.role = FlowRole::Sink;
    }
    steps
}

/// The text that is to stand instead, where one change of one place fixes the result.
pub fn fix(result: &Value) -> Option<String> {
    let [change] = result.list("fixes").first()?.list("artifactChanges") else { return None };
    let [replacement] = change.list("replacements") else { return None };
    replacement.at("insertedContent").text("text").and_then(|text| place::code(text, place::MAX_SNIPPET_CHARS))
}
