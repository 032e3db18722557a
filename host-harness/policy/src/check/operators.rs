//! Operators.

use cel::common::ast::{CallExpr, IdedExpr, operators};

use super::{Check, Found, Part};
use crate::{
    limits::TEXT_STEPS,
    node::{Comparison, Node, Operation},
    types::{Kind, Type},
};

const GUARD: &str = "may be absent: give it a value for that with `.orValue(…)`";

impl Check<'_> {
    /// An operator; nothing where the call is none.
    pub(super) fn operator(&mut self, part: &IdedExpr, call: &CallExpr) -> Option<Found> {
        let compare = |comparison| move |check: &mut Self, left, right| check.compare(part, comparison, left, right);
        Some(match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_NOT, [operand]) => {
                let operand = self.bool(operand);
                operand.map(|it| bool(it.steps, Node::Not(Box::new(it.node))))
            }
            (operators::NEGATE, [operand]) => self.negate(operand),
            (operators::LOGICAL_AND, [left, right]) => self.logical(left, right, Node::And),
            (operators::LOGICAL_OR, [left, right]) => self.logical(left, right, Node::Or),
            (operators::CONDITIONAL, [condition, yes, no]) => self.conditional(part, condition, yes, no),
            (operators::EQUALS, [left, right]) => self.equal(part, left, right),
            (operators::NOT_EQUALS, [left, right]) => {
                let equal = self.equal(part, left, right);
                equal.map(|it| bool(it.steps, Node::Not(Box::new(it.node))))
            }
            (operators::LESS, [left, right]) => compare(Comparison::Less)(self, left, right),
            (operators::LESS_EQUALS, [left, right]) => compare(Comparison::LessOrEqual)(self, left, right),
            (operators::GREATER, [left, right]) => compare(Comparison::Greater)(self, left, right),
            (operators::GREATER_EQUALS, [left, right]) => compare(Comparison::GreaterOrEqual)(self, left, right),
            (operators::ADD, [left, right]) => self.arithmetic(part, Operation::Add, left, right),
            (operators::SUBSTRACT, [left, right]) => self.arithmetic(part, Operation::Subtract, left, right),
            (operators::MULTIPLY, [left, right]) => self.arithmetic(part, Operation::Multiply, left, right),
            (operators::DIVIDE, [left, right]) => self.arithmetic(part, Operation::Divide, left, right),
            (operators::MODULO, [left, right]) => self.arithmetic(part, Operation::Remainder, left, right),
            (operators::IN, [element, container]) => self.contained(part, element, container),
            (operators::INDEX, [container, index]) => self.at(part, container, index),
            _ => return None,
        })
    }

    /// Two parts, of which the second one is looked at even if the first one does not fit.
    pub(super) fn both(&mut self, left: &IdedExpr, right: &IdedExpr) -> Option<(Part, Part)> {
        let (left, right) = (self.part(left), self.part(right));
        left.zip(right)
    }

    /// A part that is yes or no.
    pub(super) fn bool(&mut self, part: &IdedExpr) -> Found {
        let found = self.part(part)?;
        match found.r#type {
            Type { kind: Kind::Bool, nullable: false } => Some(found),
            Type { kind: Kind::Bool, .. } => self.problem(part, "this may be absent: compare it with `== true`"),
            Type { kind, .. } => self.problem(part, format!("this is {kind}, and yes or no is needed here")),
        }
    }

    fn logical(&mut self, left: &IdedExpr, right: &IdedExpr, node: fn(Box<(Node, Node)>) -> Node) -> Found {
        let (left, right) = (self.bool(left), self.bool(right));
        let (left, right) = left.zip(right)?;
        Some(bool(left.steps.saturating_add(right.steps), node(Box::new((left.node, right.node)))))
    }

    fn conditional(&mut self, part: &IdedExpr, condition: &IdedExpr, yes: &IdedExpr, no: &IdedExpr) -> Found {
        let (condition, both) = (self.bool(condition), self.both(yes, no));
        let (condition, (yes, no)) = condition.zip(both)?;
        let Some(r#type) = yes.r#type.either(&no.r#type) else {
            let kinds = format!("{} and {}", yes.r#type.kind, no.r#type.kind);
            return self.problem(part, format!("both outcomes have one type, and these are {kinds}"));
        };
        let steps = condition.steps.saturating_add(yes.steps.max(no.steps)).saturating_add(1);
        Some(Part { node: Node::If(Box::new((condition.node, yes.node, no.node))), r#type, steps })
    }

    fn equal(&mut self, part: &IdedExpr, left: &IdedExpr, right: &IdedExpr) -> Found {
        let (left, right) = self.both(left, right)?;
        let (kind, other) = (&left.r#type.kind, &right.r#type.kind);
        let null = matches!(kind, Kind::Null) || matches!(other, Kind::Null);
        if null && !left.r#type.nullable | !right.r#type.nullable {
            return self.problem(part, "this is never absent: a comparison with null tells nothing");
        }
        if !null && !kind.can_equal(other) {
            return self.problem(part, format!("{kind} never equals {other}"));
        }
        if let Kind::Text(Some(words)) = kind {
            self.words(part, words, &right.node)?;
        }
        if let Kind::Text(Some(words)) = other {
            self.words(part, words, &left.node)?;
        }
        let steps = left.steps.saturating_add(right.steps).saturating_add(length(kind).min(length(other)));
        Some(bool(steps, Node::Equal(Box::new((left.node, right.node)))))
    }

    fn compare(&mut self, part: &IdedExpr, order: Comparison, left: &IdedExpr, right: &IdedExpr) -> Found {
        let (left, right) = self.both(left, right)?;
        let kinds = (&left.r#type.kind, &right.r#type.kind);
        match kinds {
            (left, right) if left.is_number() && right.is_number() => {}
            (Kind::Text(_), Kind::Text(_)) => {
                let severity = [kinds.0, kinds.1].iter().any(|kind| {
                    matches!(kind, Kind::Text(Some(words)) if std::ptr::eq(*words, &raw const crate::fields::SEVERITIES))
                });
                let hint = if severity { ": write `severity_rank >= rank(\"high\")`" } else { "" };
                return self.problem(part, format!("texts are neither more nor less than each other{hint}"));
            }
            (left, right) => return self.problem(part, format!("{left} is neither more nor less than {right}")),
        }
        Some(bool(left.steps.saturating_add(right.steps), Node::Compare(order, Box::new((left.node, right.node)))))
    }

    fn negate(&mut self, operand: &IdedExpr) -> Found {
        let found = self.part(operand)?;
        if found.r#type.nullable {
            return self.problem(operand, format!("this {GUARD}"));
        }
        if !found.r#type.kind.is_number() {
            return self.problem(operand, format!("{} has no negative", found.r#type.kind));
        }
        Some(Part { node: Node::Negate(Box::new(found.node)), steps: found.steps + 1, ..found })
    }

    fn arithmetic(&mut self, part: &IdedExpr, operation: Operation, left: &IdedExpr, right: &IdedExpr) -> Found {
        let (sides, (left, right)) = ([left, right], self.both(left, right)?);
        for (at, side) in sides.into_iter().zip([&left, &right]) {
            if side.r#type.nullable {
                return self.problem(at, format!("this {GUARD}"));
            }
        }
        let (kind, steps) = match (operation, &left.r#type.kind, &right.r#type.kind) {
            (_, Kind::Int, Kind::Int) => (Kind::Int, 1),
            (Operation::Remainder, Kind::Double, Kind::Double) => {
                return self.problem(part, "`%` is for whole numbers");
            }
            (_, Kind::Double, Kind::Double) => (Kind::Double, 1),
            (_, Kind::Int, Kind::Double) | (_, Kind::Double, Kind::Int) => {
                let message =
                    "whole numbers and numbers with a fraction do not mix: write `1.0` for `1`, or `double(…)`";
                return self.problem(part, message);
            }
            (Operation::Add, Kind::Text(_), Kind::Text(_)) => (Kind::Text(None), TEXT_STEPS),
            (Operation::Add, Kind::List(one, most), Kind::List(other, more)) => {
                let lists = Type::there((**one).clone()).either(&Type::there((**other).clone()));
                let Some(element) = lists else {
                    return self.problem(part, "a list holds values of one type");
                };
                let most = most.saturating_add(*more);
                (Kind::List(Box::new(element.kind), most), most)
            }
            (_, left, right) => return self.problem(part, format!("{left} and {right} do not go together here")),
        };
        let steps = left.steps.saturating_add(right.steps).saturating_add(steps);
        let node = Node::Arithmetic(operation, Box::new((left.node, right.node)));
        Some(Part { node, r#type: Type::there(kind), steps })
    }

    fn contained(&mut self, part: &IdedExpr, element: &IdedExpr, container: &IdedExpr) -> Found {
        let (element, container) = self.both(element, container)?;
        let kind = &element.r#type.kind;
        match &container.r#type.kind {
            Kind::List(inside, _) if kind.can_equal(inside) && !matches!(kind, Kind::Null) => {
                if let Kind::Text(Some(words)) = kind {
                    self.words(part, words, &container.node)?;
                }
                if let Kind::Text(Some(words)) = &**inside {
                    self.words(part, words, &element.node)?;
                }
            }
            Kind::Map if matches!(kind, Kind::Text(_)) => {}
            Kind::List(inside, _) => {
                return self.problem(part, format!("{kind} is never in a list that holds {inside}"));
            }
            Kind::Text(_) => return self.problem(part, "a part of a text is found with `.contains(…)`"),
            other => return self.problem(part, format!("{kind} cannot be in {other}")),
        }
        let steps = element.steps.saturating_add(container.steps).saturating_add(length(&container.r#type.kind));
        Some(bool(steps, Node::In(Box::new((element.node, container.node)))))
    }

    fn at(&mut self, part: &IdedExpr, container: &IdedExpr, index: &IdedExpr) -> Found {
        let (container, index) = self.both(container, index)?;
        let kind = match (&container.r#type.kind, &index.r#type.kind) {
            (Kind::List(inside, _), Kind::Int) => (**inside).clone(),
            (Kind::Map, Kind::Text(_)) => Kind::Text(None),
            (container, index) => return self.problem(part, format!("{container} has nothing at {index}")),
        };
        let steps = container.steps.saturating_add(index.steps).saturating_add(1);
        let node = Node::At(Box::new((container.node, index.node)));
        Some(Part { node, r#type: Type { kind, nullable: true }, steps })
    }
}

/// A part that is yes or no.
pub(super) const fn bool(steps: u64, node: Node) -> Part {
    Part { node, r#type: Type::there(Kind::Bool), steps: steps.saturating_add(1) }
}

/// How many elements are looked at in a value.
fn length(kind: &Kind) -> u64 {
    match kind {
        Kind::List(inside, most) => most.saturating_mul(length(inside)),
        _ => 1,
    }
}
