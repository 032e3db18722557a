//! Functions.

use cel::common::ast::{CallExpr, Expr, IdedExpr};
use globset::GlobBuilder;
use regex::RegexBuilder;

use super::{Check, Found, Part, operators::bool};
use crate::{
    fields::{SEVERITIES, field, rank},
    limits::{self, TEXT_STEPS},
    node::{Each, Node, TextTest},
    problem::{did_you_mean, shown},
    types::{Kind, Type},
    value::Value,
};

/// A function of conditions.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How it is called.
    pub call: &'static str,
    /// What it gives.
    pub meaning: &'static str,
    /// A condition with it that always holds.
    pub example: &'static str,
}

/// All functions, in the order of the document.
pub static FUNCTIONS: [Function; 16] = [
    Function {
        name: "rank",
        call: "rank(\"high\")",
        meaning: "The number of a severity, to compare `severity_rank` with",
        example: "rank(\"critical\") > rank(\"high\")",
    },
    Function {
        name: "has",
        call: "has(x)",
        meaning: "Whether it is there; the same as `x != null`",
        example: "has(metadata.team) || !has(metadata.team)",
    },
    Function {
        name: "orValue",
        call: "x.orValue(y)",
        meaning: "`x`, or `y` where `x` is absent",
        example: "top25.orValue(100) >= 1",
    },
    Function {
        name: "size",
        call: "size(x), x.size()",
        meaning: "Characters of a text, elements of a list, keys of a map",
        example: "size(\"héllo\") == 5 && [1, 2].size() == 2",
    },
    Function {
        name: "contains",
        call: "text.contains(part)",
        meaning: "Whether the part is in the text",
        example: "\"src/main.rs\".contains(\"main\")",
    },
    Function {
        name: "startsWith",
        call: "text.startsWith(part)",
        meaning: "Whether the text begins with the part",
        example: "\"src/main.rs\".startsWith(\"src/\")",
    },
    Function {
        name: "endsWith",
        call: "text.endsWith(part)",
        meaning: "Whether the text ends with the part",
        example: "\"src/main.rs\".endsWith(\".rs\")",
    },
    Function {
        name: "matches",
        call: "text.matches(\"regex\")",
        meaning: "Whether the regular expression is found in the text; `^` and `$` are its ends. The expression is \
                  written out, in the syntax of RE2 and of Rust's `regex`",
        example: "\"CVE-2021-44228\".matches(r'^CVE-\\d{4}-\\d+$')",
    },
    Function {
        name: "glob",
        call: "text.glob(\"pattern\")",
        meaning: "Whether the whole text fits the pattern, as patterns of a scope do. The pattern is written out",
        example: "\"src/app/main.rs\".glob(\"src/**\") && !\"src/app/main.rs\".glob(\"src/*\")",
    },
    Function {
        name: "lowerAscii",
        call: "text.lowerAscii()",
        meaning: "The text with small letters for `A` to `Z`",
        example: "\"Main.RS\".lowerAscii() == \"main.rs\"",
    },
    Function {
        name: "double",
        call: "double(x)",
        meaning: "A whole number as a number with a fraction",
        example: "double(3) / 2.0 == 1.5",
    },
    Function {
        name: "exists",
        call: "list.exists(x, condition)",
        meaning: "Whether the condition holds for an element",
        example: "[79, 89].exists(x, x == 89)",
    },
    Function {
        name: "all",
        call: "list.all(x, condition)",
        meaning: "Whether the condition holds for each element; of an empty list it does",
        example: "[79, 89].all(x, x > 78)",
    },
    Function {
        name: "exists_one",
        call: "list.exists_one(x, condition)",
        meaning: "Whether the condition holds for exactly one element",
        example: "[79, 89].exists_one(x, x > 80)",
    },
    Function {
        name: "filter",
        call: "list.filter(x, condition)",
        meaning: "The elements for which the condition holds",
        example: "size([79, 89].filter(x, x > 80)) == 1",
    },
    Function {
        name: "map",
        call: "list.map(x, value)",
        meaning: "What becomes of each element",
        example: "[1, 2].map(x, x * 2) == [2, 4]",
    },
];

impl Check<'_> {
    pub(super) fn call(&mut self, part: &IdedExpr, call: &CallExpr) -> Found {
        if call.target.is_none()
            && let Some(found) = self.operator(part, call)
        {
            return found;
        }
        let target = call.target.as_deref();
        match (call.func_name.as_str(), target, call.args.as_slice()) {
            ("rank", None, [word]) => self.rank(word),
            ("has", None, [operand]) => self.has(operand),
            ("double", None, [operand]) => self.double(operand),
            ("size", None, [operand]) | ("size", Some(operand), []) => self.size(operand),
            ("orValue", Some(operand), [fallback]) => self.or_value(part, operand, fallback),
            ("contains", Some(text), [inside]) => self.test(TextTest::Contains, text, inside),
            ("startsWith", Some(text), [start]) => self.test(TextTest::StartsWith, text, start),
            ("endsWith", Some(text), [end]) => self.test(TextTest::EndsWith, text, end),
            ("matches", Some(text), [pattern]) => self.matches(text, pattern),
            ("glob", Some(text), [pattern]) => self.glob(text, pattern),
            ("lowerAscii", Some(text), []) => {
                let text = self.text(text)?;
                let (node, steps) = (Node::Lower(Box::new(text.node)), text.steps.saturating_add(TEXT_STEPS));
                Some(Part { node, steps, r#type: Type { kind: Kind::Text(None), ..text.r#type } })
            }
            ("exists", Some(list), [name, body]) => self.each(Each::Exists, list, name, body),
            ("all", Some(list), [name, body]) => self.each(Each::All, list, name, body),
            ("exists_one", Some(list), [name, body]) => self.each(Each::ExistsOne, list, name, body),
            ("filter", Some(list), [name, body]) => self.each(Each::Filter, list, name, body),
            ("map", Some(list), [name, body]) => self.each(Each::Map, list, name, body),
            (name, ..) => {
                let message = match FUNCTIONS.iter().find(|function| function.name == name) {
                    Some(function) => format!("`{name}` is called as `{}`", function.call),
                    None => {
                        let hint = did_you_mean(name, FUNCTIONS.iter().map(|function| function.name));
                        format!("unknown function `{}`{hint}", shown(name))
                    }
                };
                self.problem(part, message)
            }
        }
    }

    /// A part that is a text, or absent.
    fn text(&mut self, part: &IdedExpr) -> Found {
        let found = self.part(part)?;
        match found.r#type.kind {
            Kind::Text(_) => Some(found),
            kind => self.problem(part, format!("this is {kind}, and a text is needed here")),
        }
    }

    fn written(&mut self, part: &IdedExpr) -> Option<String> {
        let found = self.text(part)?;
        let Node::Constant(Value::Text(text)) = found.node else {
            self.problem(part, "this has to be written out, so that it can be checked before it is used");
            return None;
        };
        Some(text.into_owned())
    }

    fn rank(&mut self, word: &IdedExpr) -> Found {
        let written = self.written(word)?;
        match appsec_model::Severity::ALL.into_iter().find(|it| it.as_str() == written) {
            Some(severity) => {
                let node = Node::Constant(Value::Int(rank(severity)));
                Some(Part { node, r#type: Type::there(Kind::Int), steps: 1 })
            }
            None => {
                let known = (SEVERITIES.known)().join(", ");
                self.problem(word, format!("`{}` is no severity: there are {known}", shown(&written)))
            }
        }
    }

    fn has(&mut self, operand: &IdedExpr) -> Found {
        let found = self.part(operand)?;
        if !found.r#type.nullable {
            return self.problem(operand, "this is never absent: to ask for it tells nothing");
        }
        let equal = Node::Equal(Box::new((found.node, Node::Constant(Value::Null))));
        Some(bool(found.steps.saturating_add(2), Node::Not(Box::new(equal))))
    }

    fn double(&mut self, operand: &IdedExpr) -> Found {
        let found = self.part(operand)?;
        if !found.r#type.kind.is_number() {
            return self.problem(operand, format!("this is {}, and a number is needed here", found.r#type.kind));
        }
        let r#type = Type { kind: Kind::Double, ..found.r#type };
        Some(Part { node: Node::Double(Box::new(found.node)), r#type, steps: found.steps + 1 })
    }

    fn size(&mut self, operand: &IdedExpr) -> Found {
        let found = self.part(operand)?;
        match found.r#type {
            Type { kind: Kind::Text(_) | Kind::List(..) | Kind::Map, nullable: false } => {
                let node = Node::Size(Box::new(found.node));
                Some(Part { node, r#type: Type::there(Kind::Int), steps: found.steps + 1 })
            }
            Type { kind: Kind::Text(_), .. } => {
                self.problem(operand, "this may be absent, and then has no size: give it a value with `.orValue(\"\")`")
            }
            Type { kind, .. } => self.problem(operand, format!("{kind} has no size")),
        }
    }

    fn or_value(&mut self, part: &IdedExpr, operand: &IdedExpr, fallback: &IdedExpr) -> Found {
        let (found, fallback) = self.both(operand, fallback)?;
        if !found.r#type.nullable {
            return self.problem(operand, "this is never absent: it needs no other value");
        }
        let Some(common) = found.r#type.either(&fallback.r#type) else {
            let kinds = format!("{} and {}", found.r#type.kind, fallback.r#type.kind);
            return self
                .problem(part, format!("a value and its replacement must have the same type, and these are {kinds}"));
        };
        let r#type = Type { nullable: fallback.r#type.nullable, ..common };
        let steps = found.steps.saturating_add(fallback.steps).saturating_add(1);
        Some(Part { node: Node::OrValue(Box::new((found.node, fallback.node))), r#type, steps })
    }

    fn test(&mut self, test: TextTest, text: &IdedExpr, inside: &IdedExpr) -> Found {
        let (text, inside) = (self.text(text), self.text(inside));
        let (text, inside) = text.zip(inside)?;
        let steps = text.steps.saturating_add(inside.steps).saturating_add(TEXT_STEPS);
        Some(bool(steps, Node::Test(test, Box::new((text.node, inside.node)))))
    }

    fn matches(&mut self, text: &IdedExpr, pattern: &IdedExpr) -> Found {
        let (text, written) = (self.text(text), self.written(pattern));
        let (text, written) = text.zip(written)?;
        let limit = limits::PATTERN_BYTES;
        match RegexBuilder::new(&written).size_limit(limit).dfa_size_limit(4 * limit).build() {
            Ok(regex) => Some(bool(text.steps.saturating_add(TEXT_STEPS), Node::Matches(Box::new(text.node), regex))),
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.problem(pattern, format!("the regular expression does not compile: {reason}"))
            }
        }
    }

    fn glob(&mut self, text: &IdedExpr, pattern: &IdedExpr) -> Found {
        let (text, written) = (self.text(text), self.written(pattern));
        let (text, written) = text.zip(written)?;
        match GlobBuilder::new(&written).literal_separator(true).build() {
            Ok(glob) => Some(bool(
                text.steps.saturating_add(TEXT_STEPS),
                Node::Glob(Box::new(text.node), Box::new(glob.compile_matcher())),
            )),
            Err(error) => self.problem(pattern, format!("the pattern cannot be read: {}", error.kind())),
        }
    }

    fn each(&mut self, each: Each, list: &IdedExpr, name: &IdedExpr, body: &IdedExpr) -> Found {
        let found = self.part(list);
        let Expr::Ident(local) = &name.expr else {
            return self.problem(name, "a name for the element is needed here, such as `x`");
        };
        if field(local).is_some() || self.locals.iter().any(|(other, _)| other == local) {
            return self.problem(name, format!("`{}` is another variable already: take another name", shown(local)));
        }
        let found = found?;
        let Kind::List(element, most) = found.r#type.kind else {
            return self.problem(list, format!("this is {}, and a list is needed here", found.r#type.kind));
        };
        if matches!(*element, Kind::Nothing) {
            return self.problem(list, "this list is always empty");
        }
        self.locals.push((local.clone(), Type::there((*element).clone())));
        let inside = if matches!(each, Each::Map) { self.part(body) } else { self.bool(body) };
        self.locals.pop();
        let inside = inside?;
        let kind = match each {
            Each::Filter => Kind::List(element, most),
            Each::Map if inside.r#type.nullable => {
                return self
                    .problem(body, "null cannot be in a list: give what may be absent a value with `.orValue(…)`");
            }
            Each::Map => Kind::List(Box::new(inside.r#type.kind), most),
            Each::Exists | Each::ExistsOne | Each::All => Kind::Bool,
        };
        let steps = found.steps.saturating_add(most.saturating_mul(inside.steps.saturating_add(1)));
        let node = Node::Each(each, Box::new((found.node, inside.node)));
        Some(Part { node, r#type: Type::there(kind), steps })
    }
}
