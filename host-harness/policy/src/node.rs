//! A checked condition, and its evaluation.

use std::{borrow::Cow, cmp::Ordering};

use appsec_model::Timestamp;
use globset::GlobMatcher;
use regex::Regex;

use crate::{
    fields::{DAY, Field},
    limits,
    subject::Subject,
    value::{List, Value},
};

/// A part of a checked condition.
#[derive(Debug)]
pub enum Node {
    /// Written in the condition.
    Constant(Value<'static>),
    /// A variable.
    Field(&'static Field),
    /// The variable of a list function: its position, counted from the outermost.
    Local(usize),
    /// A list that is not constant.
    List(Vec<Node>),
    /// `!a`
    Not(Box<Node>),
    /// `-a`
    Negate(Box<Node>),
    /// `a && b`
    And(Box<(Node, Node)>),
    /// `a || b`
    Or(Box<(Node, Node)>),
    /// `a ? b : c`
    If(Box<(Node, Node, Node)>),
    /// `a == b`
    Equal(Box<(Node, Node)>),
    /// `a < b` and its kind.
    Compare(Comparison, Box<(Node, Node)>),
    /// `a + b` and its kind.
    Arithmetic(Operation, Box<(Node, Node)>),
    /// `a in b`
    In(Box<(Node, Node)>),
    /// `a[b]`: null where there is none.
    At(Box<(Node, Node)>),
    /// `size(a)`
    Size(Box<Node>),
    /// `a.contains(b)` and its kind.
    Test(TextTest, Box<(Node, Node)>),
    /// `a.matches("…")`
    Matches(Box<Node>, Regex),
    /// `a.glob("…")`
    Glob(Box<Node>, Box<GlobMatcher>),
    /// `a.lowerAscii()`
    Lower(Box<Node>),
    /// `a.orValue(b)`
    OrValue(Box<(Node, Node)>),
    /// `double(a)`
    Double(Box<Node>),
    /// `a.exists(x, b)` and its kind.
    Each(Each, Box<(Node, Node)>),
}

/// An order.
#[derive(Clone, Copy, Debug)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// Arithmetic.
#[derive(Clone, Copy, Debug)]
pub enum Operation {
    /// `+`, also of texts and lists.
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// A test of a text by another one.
#[derive(Clone, Copy, Debug)]
pub enum TextTest {
    /// It is somewhere inside.
    Contains,
    /// It is the beginning.
    StartsWith,
    /// It is the end.
    EndsWith,
}

/// What becomes of a list, element by element.
#[derive(Clone, Copy, Debug)]
pub enum Each {
    /// Whether one of them is such.
    Exists,
    /// Whether exactly one of them is such.
    ExistsOne,
    /// Whether each of them is such.
    All,
    /// Those that are such.
    Filter,
    /// What each becomes.
    Map,
}

/// Why an evaluation came to no answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EvaluationError {
    /// A list is longer than conditions read.
    #[error("`{0}` has {1} elements; a condition reads at most {most}", most = limits::LIST)]
    LongList(&'static str, usize),
    /// A text is longer than conditions read.
    #[error("`{0}` has {1} bytes of text; a condition reads at most {most}", most = limits::TEXT)]
    LongText(&'static str, usize),
    /// A number left its range.
    #[error("arithmetic overflow")]
    Overflow,
    /// A division by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A value has another type than the check of the condition has found.
    #[error("a value has an unexpected type")]
    Type,
}

type Result<T> = std::result::Result<T, EvaluationError>;

/// What a condition sees while it is evaluated.
pub struct Scope<'a> {
    subject: &'a Subject,
    now: Timestamp,
    locals: Vec<Value<'a>>,
    /// The first moment at which something that was read is different.
    until: Option<Timestamp>,
}

impl<'a> Scope<'a> {
    /// A subject at a moment.
    pub fn new(subject: &'a Subject, now: Timestamp) -> Self {
        Self { subject, now, locals: Vec::new(), until: None }
    }

    /// The moment from which the answer may be another one although the subject
    /// is the same; none where time does not matter.
    pub const fn until(&self) -> Option<Timestamp> {
        self.until
    }

    fn sooner(&mut self, at: Option<Timestamp>) {
        self.until = self.until.into_iter().chain(at).min();
    }

    /// Notes when a count of days reaches a number.
    fn until_days(&mut self, from: Timestamp, days: i64) {
        let at = days.checked_mul(DAY).and_then(|days| from.as_micros().checked_add(days));
        self.sooner(at.map(Timestamp::from_micros));
    }
}

impl Node {
    /// Whether the condition holds.
    pub fn holds<'a>(&'a self, scope: &mut Scope<'a>) -> Result<bool> {
        match self.value(scope)? {
            Value::Bool(holds) => Ok(holds),
            _ => Err(EvaluationError::Type),
        }
    }

    fn value<'a>(&'a self, scope: &mut Scope<'a>) -> Result<Value<'a>> {
        Ok(match self {
            Self::Constant(value) => value.borrowed(),
            Self::Field(field) => {
                let value = read(field, scope)?;
                if let (Some(from), Value::Int(days)) = (field.counts_from(scope.subject), &value) {
                    scope.until_days(from, days.saturating_add(1));
                }
                value
            }
            Self::Local(at) => scope.locals.get(*at).cloned().ok_or(EvaluationError::Type)?,
            Self::List(nodes) => {
                Value::List(List::Computed(nodes.iter().map(|node| node.value(scope)).collect::<Result<Vec<_>>>()?))
            }
            Self::Not(node) => Value::Bool(!node.holds(scope)?),
            Self::Negate(node) => match node.value(scope)? {
                Value::Int(it) => Value::Int(it.checked_neg().ok_or(EvaluationError::Overflow)?),
                Value::Double(it) => Value::Double(-it),
                _ => return Err(EvaluationError::Type),
            },
            Self::And(both) => either(both, scope, false)?,
            Self::Or(both) => either(both, scope, true)?,
            Self::If(parts) => if parts.0.holds(scope)? { &parts.1 } else { &parts.2 }.value(scope)?,
            Self::Equal(both) => match days(both, scope, Ordering::is_eq)? {
                Some(holds) => Value::Bool(holds),
                None => Value::Bool(both.0.value(scope)?.equals(&both.1.value(scope)?)),
            },
            Self::Compare(comparison, both) => {
                if let Some(holds) = days(both, scope, |order| comparison.holds(order))? {
                    return Ok(Value::Bool(holds));
                }
                // Neither more nor less than what is absent.
                let order = both.0.value(scope)?.compare(&both.1.value(scope)?);
                Value::Bool(order.is_some_and(|order| comparison.holds(order)))
            }
            Self::Arithmetic(operation, both) => operation.of(both.0.value(scope)?, both.1.value(scope)?)?,
            Self::In(both) => match (both.0.value(scope)?, both.1.value(scope)?) {
                (value, Value::List(list)) => Value::Bool(list.contains(&value)),
                (Value::Text(key), Value::Map(map)) => Value::Bool(map.contains_key(&*key)),
                (Value::Null, Value::Map(_)) => Value::Bool(false),
                _ => return Err(EvaluationError::Type),
            },
            Self::At(both) => match (both.0.value(scope)?, both.1.value(scope)?) {
                (Value::List(list), Value::Int(at)) => usize::try_from(at).map_or(Value::Null, |at| list.at(at)),
                (Value::Map(map), Value::Text(key)) => match map.get(&*key) {
                    Some(text) if text.len() > limits::TEXT => {
                        return Err(EvaluationError::LongText("metadata", text.len()));
                    }
                    text => Value::text(text.map(String::as_str)),
                },
                (Value::List(_) | Value::Map(_), Value::Null) => Value::Null,
                _ => return Err(EvaluationError::Type),
            },
            Self::Size(node) => {
                let size = match node.value(scope)? {
                    Value::Text(text) => text.chars().count(),
                    Value::List(list) => list.len(),
                    Value::Map(map) => map.len(),
                    _ => return Err(EvaluationError::Type),
                };
                Value::Int(i64::try_from(size).map_err(|_| EvaluationError::Overflow)?)
            }
            Self::Test(test, both) => match (both.0.value(scope)?, both.1.value(scope)?) {
                (Value::Text(text), Value::Text(part)) => Value::Bool(test.holds(&text, &part)),
                (Value::Text(_) | Value::Null, Value::Text(_) | Value::Null) => Value::Bool(false),
                _ => return Err(EvaluationError::Type),
            },
            Self::Matches(node, pattern) => node.test(scope, |text| pattern.is_match(text))?,
            Self::Glob(node, pattern) => node.test(scope, |text| pattern.is_match(text))?,
            Self::Lower(node) => match node.value(scope)? {
                Value::Text(text) => Value::Text(Cow::Owned(text.to_ascii_lowercase())),
                Value::Null => Value::Null,
                _ => return Err(EvaluationError::Type),
            },
            Self::OrValue(both) => match both.0.value(scope)? {
                Value::Null => both.1.value(scope)?,
                value => value,
            },
            Self::Double(node) => match node.value(scope)? {
                #[expect(clippy::cast_precision_loss, reason = "what the function is for")]
                Value::Int(it) => Value::Double(it as f64),
                value => value,
            },
            Self::Each(each, both) => match both.0.value(scope)? {
                Value::List(list) => each.of(&list, &both.1, scope)?,
                _ => return Err(EvaluationError::Type),
            },
        })
    }

    /// Whether a text is such; what is absent is not.
    fn test<'a>(&'a self, scope: &mut Scope<'a>, holds: impl FnOnce(&str) -> bool) -> Result<Value<'a>> {
        match self.value(scope)? {
            Value::Text(text) => Ok(Value::Bool(holds(&text))),
            Value::Null => Ok(Value::Bool(false)),
            _ => Err(EvaluationError::Type),
        }
    }
}

fn read<'a>(field: &'static Field, scope: &Scope<'a>) -> Result<Value<'a>> {
    let value = (field.read)(scope.subject, scope.now);
    // Of a map, what is taken out of it is looked at.
    let longest = match &value {
        Value::List(list) if list.len() > limits::LIST => {
            return Err(EvaluationError::LongList(field.name, list.len()));
        }
        Value::List(List::Texts(texts)) => texts.iter().map(String::len).max().unwrap_or_default(),
        Value::Text(text) => text.len(),
        _ => 0,
    };
    if longest > limits::TEXT { Err(EvaluationError::LongText(field.name, longest)) } else { Ok(value) }
}

/// A count of days compared with a whole number that is written out: the answer
/// changes when the number is reached or passed, and not every day before.
fn days<'a>(both: &'a (Node, Node), scope: &mut Scope<'a>, holds: impl Fn(Ordering) -> bool) -> Result<Option<bool>> {
    let (field, number, turned) = match both {
        (Node::Field(field), Node::Constant(Value::Int(number))) => (field, *number, false),
        (Node::Constant(Value::Int(number)), Node::Field(field)) => (field, *number, true),
        _ => return Ok(None),
    };
    let (Some(from), Value::Int(days)) = (field.counts_from(scope.subject), read(field, scope)?) else {
        return Ok(None);
    };
    let holds = |days: i64| holds(if turned { number.cmp(&days) } else { days.cmp(&number) });
    let next = [number, number.saturating_add(1)].into_iter().find(|next| *next > days && holds(*next) != holds(days));
    if let Some(next) = next {
        scope.until_days(from, next);
    }
    Ok(Some(holds(days)))
}

/// `&&` and `||`: where one side decides, the other one need not have an answer.
fn either<'a>(both: &'a (Node, Node), scope: &mut Scope<'a>, decides: bool) -> Result<Value<'a>> {
    let before = scope.until.take();
    let left = both.0.holds(scope);
    if left == Ok(decides) && scope.until.is_none() {
        scope.until = before;
        return Ok(Value::Bool(decides));
    }
    let left_until = scope.until.take();
    let right = both.1.holds(scope);
    let right_until = std::mem::replace(&mut scope.until, before);
    match (left == Ok(decides), right == Ok(decides)) {
        // As long as one of them decides, the other one does not matter.
        (true, true) => scope.sooner(left_until.zip(right_until).map(|(left, right)| left.max(right))),
        (true, false) => scope.sooner(left_until),
        (false, true) => scope.sooner(right_until),
        (false, false) => {
            scope.sooner(left_until);
            scope.sooner(right_until);
            right?;
            return left.map(Value::Bool);
        }
    }
    Ok(Value::Bool(decides))
}

impl Comparison {
    const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl TextTest {
    fn holds(self, text: &str, part: &str) -> bool {
        match self {
            Self::Contains => text.contains(part),
            Self::StartsWith => text.starts_with(part),
            Self::EndsWith => text.ends_with(part),
        }
    }
}

impl Operation {
    fn of<'a>(self, left: Value<'a>, right: Value<'a>) -> Result<Value<'a>> {
        match (left, right) {
            (Value::Int(left), Value::Int(right)) => self.ints(left, right).map(Value::Int),
            (Value::Double(left), Value::Double(right)) => self.doubles(left, right).map(Value::Double),
            (Value::Text(left), Value::Text(right)) => Ok(Value::Text(Cow::Owned(left.into_owned() + &right))),
            (Value::List(left), Value::List(right)) => {
                let all = (0..left.len()).map(|at| left.at(at)).chain((0..right.len()).map(|at| right.at(at)));
                Ok(Value::List(List::Computed(all.collect())))
            }
            _ => Err(EvaluationError::Type),
        }
    }

    fn ints(self, left: i64, right: i64) -> Result<i64> {
        let result = match self {
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => left.checked_mul(right),
            Self::Divide | Self::Remainder if right == 0 => return Err(EvaluationError::DivisionByZero),
            Self::Divide => left.checked_div(right),
            Self::Remainder => left.checked_rem(right),
        };
        result.ok_or(EvaluationError::Overflow)
    }

    fn doubles(self, left: f64, right: f64) -> Result<f64> {
        let result = match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide if right == 0.0 => return Err(EvaluationError::DivisionByZero),
            Self::Divide => left / right,
            Self::Remainder => return Err(EvaluationError::Type),
        };
        if result.is_finite() { Ok(result) } else { Err(EvaluationError::Overflow) }
    }
}

impl Each {
    fn of<'a>(self, list: &List<'a>, body: &'a Node, scope: &mut Scope<'a>) -> Result<Value<'a>> {
        match self {
            Self::Map => {
                let all = (0..list.len()).map(|at| with(scope, list.at(at), |scope| body.value(scope)));
                return Ok(Value::List(List::Computed(all.collect::<Result<_>>()?)));
            }
            Self::Filter => {
                let mut kept = Vec::new();
                for at in 0..list.len() {
                    if with(scope, list.at(at), |scope| body.holds(scope))? {
                        kept.push(list.at(at));
                    }
                }
                return Ok(Value::List(List::Computed(kept)));
            }
            Self::Exists | Self::All | Self::ExistsOne => {}
        }
        let (mut error, mut count) = (None, 0_usize);
        for at in 0..list.len() {
            match (self, with(scope, list.at(at), |scope| body.holds(scope))) {
                // As with `||` and `&&`: what decides, decides.
                (Self::Exists, Ok(true)) => return Ok(Value::Bool(true)),
                (Self::All, Ok(false)) => return Ok(Value::Bool(false)),
                (_, Ok(holds)) => count += usize::from(holds),
                (Self::ExistsOne, Err(reason)) => return Err(reason),
                (_, Err(reason)) => error = Some(reason),
            }
        }
        match (error, self) {
            (Some(reason), _) => Err(reason),
            (None, Self::ExistsOne) => Ok(Value::Bool(count == 1)),
            (None, each) => Ok(Value::Bool(matches!(each, Self::All))),
        }
    }
}

/// Evaluates with one more local variable.
fn with<'a, T>(scope: &mut Scope<'a>, value: Value<'a>, evaluate: impl FnOnce(&mut Scope<'a>) -> T) -> T {
    scope.locals.push(value);
    let result = evaluate(scope);
    scope.locals.pop();
    result
}
