//! Data flows of the command-line tool's JSON.
//!
//! A trace has a source, variables in between and a sink. Source and sink are
//! `["CliLoc", [location, content]]`, or `["CliCall", [[location, content],
//! variables, trace]]` where the data passes a call; older versions wrote the
//! place alone, as an object or as `[location, content]`, or a list of places.

use appsec_model::{FlowRole, FlowStep};
use serde_json::Value;

use crate::{
    file::place::{MAX_STEP_CHARS, MAX_STEPS, code, location, path},
    wire::Count,
};

/// The steps of a trace; none where it is not one.
pub fn flow(trace: &str) -> Vec<FlowStep> {
    let mut steps = Vec::new();
    // What is nested too deeply is an error here, so that the walk ends.
    let Some(Value::Object(trace)) = guest_json::read::<Value>(trace) else {
        return steps;
    };
    let mut part = |name: &str, role| {
        if let Some(part) = trace.get(name) {
            walk(part, role, &mut steps);
        }
    };
    part("taint_source", FlowRole::Source);
    part("intermediate_vars", FlowRole::Step);
    part("taint_sink", FlowRole::Sink);
    bounded(steps)
}

/// At most so many steps: the first ones, and the last.
pub fn bounded(mut steps: Vec<FlowStep>) -> Vec<FlowStep> {
    if steps.len() > MAX_STEPS {
        steps.drain(MAX_STEPS - 1..steps.len() - 1);
    }
    steps
}

/// Adds the steps of a part, in the order in which the data passes them.
fn walk(part: &Value, role: FlowRole, steps: &mut Vec<FlowStep>) {
    match part {
        Value::Array(parts) => match parts.as_slice() {
            [Value::String(word), inner] if word == "CliLoc" => walk(inner, role, steps),
            [Value::String(word), Value::Array(call)] if word == "CliCall" => {
                let [site, variables, inner] = call.as_slice() else { return };
                // A source is in the function that is called and comes back to
                // the call; a sink is reached from it.
                if role == FlowRole::Source {
                    walk(inner, role, steps);
                    walk(variables, FlowRole::Step, steps);
                    walk(site, FlowRole::Step, steps);
                } else {
                    walk(site, FlowRole::Step, steps);
                    walk(variables, FlowRole::Step, steps);
                    walk(inner, role, steps);
                }
            }
            [place @ Value::Object(_), Value::String(content)] => add(place, Some(content), role, steps),
            parts => parts.iter().for_each(|part| walk(part, role, steps)),
        },
        Value::Object(fields) => {
            let content = fields.get("content").and_then(Value::as_str);
            add(fields.get("location").unwrap_or(part), content, role, steps);
        }
        _ => {}
    }
}

/// Adds one step, if it has a path.
fn add(place: &Value, content: Option<&str>, role: FlowRole, steps: &mut Vec<FlowStep>) {
    let Some(file) = place.get("path").and_then(Value::as_str).filter(|path| !path.is_empty()) else {
        return;
    };
    let number = |end: &str, name: &str| {
        let number = place.get(end)?.get(name)?.as_u64()?;
        Some(Count(u32::try_from(number).ok().filter(|number| *number > 0)))
    };
    let at = |end: &str| (number(end, "line"), number(end, "col"));
    let location = location(path(file).into_owned(), at("start"), at("end"));
    let content = content.and_then(|text| code(text, MAX_STEP_CHARS));
    steps.push(FlowStep { role, location, content });
}

#[cfg(test)]
mod tests {
    use appsec_model::FlowRole;

    use super::{MAX_STEPS, flow};

    #[test]
    fn a_long_flow_keeps_its_ends() {
        let step =
            |line: usize| format!(r#"{{"location":{{"path":"a","start":{{"line":{line},"col":1}}}},"content":"x"}}"#);
        let steps: Vec<_> = (1..500).map(step).collect();
        let flow = flow(&format!(r#"{{"intermediate_vars":[{}],"taint_sink":{}}}"#, steps.join(","), step(900)));
        assert_eq!(flow.len(), MAX_STEPS);
        let last = flow.last().unwrap();
        assert_eq!((last.role, last.location.start_line), (FlowRole::Sink, Some(900)));
        assert_eq!(flow[MAX_STEPS - 2].location.start_line, Some(99));
    }

    #[test]
    fn what_is_no_flow_is_none() {
        let deep = format!(r#"{{"taint_source":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
        for odd in ["", "[]", "7", "{}", r#"{"taint_source":["CliLoc",[{"path":""},"x"]]}"#, &deep] {
            assert!(flow(odd).is_empty());
        }
    }
}
