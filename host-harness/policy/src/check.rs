//! From the parts of a condition to a tree whose types are known to fit: what
//! can be told of a condition before it is evaluated is told here.

mod calls;
mod operators;

pub use self::calls::{FUNCTIONS, Function};

use cel::common::ast::{Expr, IdedExpr, ListExpr, LiteralValue, SelectExpr};

use crate::{
    fields::{FIELDS, Words, field},
    limits,
    node::Node,
    parse::Parsed,
    problem::{did_you_mean, near, shown},
    types::{Kind, Type},
    value::{List, Value},
};

/// A condition that can be evaluated.
#[derive(Debug)]
pub struct Checked {
    /// The condition.
    pub root: Node,
    /// What is allowed, and probably not meant.
    pub remarks: Vec<String>,
}

/// A part that fits.
struct Part {
    node: Node,
    r#type: Type,
    /// How many steps its evaluation takes at most.
    steps: u64,
}

/// A part, or nothing where its problem is told already.
type Found = Option<Part>;

/// Checks a condition. Returns all that is wrong with it.
pub fn check(parsed: &Parsed) -> Result<Checked, Vec<String>> {
    let mut check = Check { parsed, locals: Vec::new(), problems: Vec::new(), remarks: Vec::new(), of_state: false };
    let root = check.part(&parsed.root);
    if let Some(part) = &root {
        if !matches!(part.r#type.kind, Kind::Bool) {
            check.problems.push(format!("gives {} where yes or no is needed", part.r#type.kind));
        } else if part.r#type.nullable {
            check.problems.push("gives null where a fact is absent: compare with `== true`".to_owned());
        }
        if part.steps > limits::CONDITION_STEPS {
            let message = format!("may take {} steps, of which {} are allowed", part.steps, limits::CONDITION_STEPS);
            check.problems.push(format!("{message}: nest fewer list functions in each other"));
        }
    }
    match root {
        Some(part) if check.problems.is_empty() => {
            if !check.of_state {
                let remark = "also holds for what is fixed or ignored: begin it with `is_open &&` if that is not meant";
                check.remarks.push(remark.to_owned());
            }
            Ok(Checked { root: part.node, remarks: check.remarks })
        }
        _ => Err(check.problems),
    }
}

struct Check<'a> {
    parsed: &'a Parsed,
    /// Variables of list functions, the outermost first.
    locals: Vec<(String, Type)>,
    problems: Vec<String>,
    remarks: Vec<String>,
    /// Whether it looks at whether there is something to do.
    of_state: bool,
}

impl Check<'_> {
    fn problem(&mut self, at: &IdedExpr, message: impl AsRef<str>) -> Found {
        let place = self.place(at);
        self.problems.push(format!("{place}{}", message.as_ref()));
        None
    }

    /// Where a part is, as the beginning of a message.
    fn place(&self, at: &IdedExpr) -> String {
        let Some((start, _)) = self.parsed.places.offset_for(at.id) else { return String::new() };
        let before: String = self.parsed.places.source.chars().take(start as usize).collect();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|sign| *sign != '\n').count() + 1;
        format!("line {line}, column {column}: ")
    }

    fn part(&mut self, part: &IdedExpr) -> Found {
        match &part.expr {
            Expr::Literal(literal) => self.literal(part, literal),
            Expr::Ident(name) => self.variable(part, name),
            Expr::Select(select) => self.select(part, select),
            Expr::Call(call) => self.call(part, call),
            Expr::List(list) => self.list(part, list),
            Expr::Map(_) => self.problem(part, "maps cannot be written in a condition"),
            Expr::Struct(_) => self.problem(part, "messages cannot be written in a condition"),
            Expr::Comprehension(_) | Expr::Unspecified => self.problem(part, "this cannot be read"),
        }
    }

    fn literal(&mut self, part: &IdedExpr, literal: &LiteralValue) -> Found {
        let (value, kind) = match literal {
            LiteralValue::Boolean(it) => (Value::Bool(*it.inner()), Kind::Bool),
            LiteralValue::Int(it) => (Value::Int(*it.inner()), Kind::Int),
            LiteralValue::Double(it) if it.inner().is_finite() => (Value::Double(*it.inner()), Kind::Double),
            LiteralValue::String(it) => (Value::Text(it.inner().to_owned().into()), Kind::Text(None)),
            LiteralValue::Null => (Value::Null, Kind::Null),
            LiteralValue::Double(_) => return self.problem(part, "the number is too large"),
            LiteralValue::UInt(it) => {
                return self.problem(part, format!("whole numbers are written without `u`: {}", it.inner()));
            }
            LiteralValue::Bytes(_) => return self.problem(part, "texts are written without `b` before them"),
        };
        let nullable = matches!(kind, Kind::Null);
        Some(Part { node: Node::Constant(value), r#type: Type { kind, nullable }, steps: 1 })
    }

    fn variable(&mut self, part: &IdedExpr, name: &str) -> Found {
        let local = self.locals.iter().rposition(|(local, _)| local == name);
        if let Some((at, (_, r#type))) = local.and_then(|at| Some((at, self.locals.get(at)?))) {
            return Some(Part { node: Node::Local(at), r#type: r#type.clone(), steps: 1 });
        }
        self.field(part, name)
    }

    fn field(&mut self, part: &IdedExpr, name: &str) -> Found {
        match field(name) {
            Some(field) => {
                self.of_state |= matches!(name, "is_open" | "status");
                Some(Part { node: Node::Field(field), r#type: Type::of(field), steps: 1 })
            }
            None => {
                let locals: Vec<&str> = self.locals.iter().map(|(name, _)| name.as_str()).collect();
                let names = || FIELDS.iter().map(|field| field.name).chain(locals.iter().copied());
                // The last word of the name of a variable in a part, such as `version`.
                let inside = names().find(|it| it.rsplit_once('.').is_some_and(|(_, last)| last == name));
                let hint = match inside {
                    Some(inside) => format!("; did you mean `{inside}`?"),
                    None => did_you_mean(name, names()),
                };
                self.problem(part, format!("unknown variable `{}`{hint}", shown(name)))
            }
        }
    }

    fn select(&mut self, part: &IdedExpr, select: &SelectExpr) -> Found {
        if let Expr::Ident(root) = &select.operand.expr
            && !self.locals.iter().any(|(local, _)| local == root)
            && field(root).is_some_and(|field| matches!(Type::of(field).kind, Kind::Part))
        {
            return self.field(part, &format!("{root}.{}", select.field));
        }
        let operand = self.part(&select.operand)?;
        match operand.r#type.kind {
            Kind::Map => {
                let key = Node::Constant(Value::Text(select.field.clone().into()));
                let r#type = Type { kind: Kind::Text(None), nullable: true };
                Some(Part { steps: operand.steps + 1, node: Node::At(Box::new((operand.node, key))), r#type })
            }
            kind => self.problem(part, format!("{kind} has no `{}`", shown(&select.field))),
        }
    }

    fn list(&mut self, part: &IdedExpr, list: &ListExpr) -> Found {
        let elements: Vec<Found> = list.elements.iter().map(|element| self.part(element)).collect();
        let elements: Vec<Part> = elements.into_iter().collect::<Option<_>>()?;
        let (mut r#type, mut steps) = (Type::there(Kind::Nothing), 1_u64);
        for element in &elements {
            let Some(common) = r#type.either(&element.r#type) else {
                let kinds = format!("{} and {}", r#type.kind, element.r#type.kind);
                return self.problem(part, format!("a list holds values of one type, and this one {kinds}"));
            };
            (r#type, steps) = (common, steps.saturating_add(element.steps));
        }
        if r#type.nullable {
            return self.problem(part, "null cannot be in a list: give what may be absent a value with `.orValue(…)`");
        }
        let kind = Kind::List(Box::new(r#type.kind), elements.len() as u64);
        Some(Part { node: constant_or_list(elements), r#type: Type::there(kind), steps })
    }

    /// Looks whether words that are compared with some vocabulary are in it.
    fn words(&mut self, at: &IdedExpr, words: &'static Words, node: &Node) -> Option<()> {
        let Node::Constant(constant) = node else { return Some(()) };
        let (list, value);
        let written: Vec<&str> = match constant {
            Value::Text(text) => {
                value = text;
                vec![&**value]
            }
            Value::List(List::Computed(values)) => {
                list = values;
                list.iter().filter_map(|it| if let Value::Text(text) = it { Some(&**text) } else { None }).collect()
            }
            _ => return Some(()),
        };
        let known = (words.known)();
        let mut fits = Some(());
        for word in written.into_iter().filter(|word| !known.contains(word)) {
            let message = format!("`{}` is no known word for a {}", shown(word), words.what);
            if words.closed {
                self.problem(at, format!("{message}: there are {}", known.join(", ")));
                fits = None;
            } else if near(word, known.iter().copied()).is_some() {
                let place = self.place(at);
                self.remarks.push(format!("{place}{message}{}", did_you_mean(word, known.iter().copied())));
            }
        }
        fits
    }
}

/// A list that holds constants only is made once.
fn constant_or_list(elements: Vec<Part>) -> Node {
    if !elements.iter().all(|element| matches!(element.node, Node::Constant(_))) {
        return Node::List(elements.into_iter().map(|element| element.node).collect());
    }
    let values = elements.into_iter().filter_map(|it| if let Node::Constant(it) = it.node { Some(it) } else { None });
    Node::Constant(Value::List(List::Computed(values.collect())))
}
