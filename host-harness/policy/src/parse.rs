//! From the text of a condition to its parts.

use cel::{
    Env,
    common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators},
};

use crate::{limits, problem::shown};

/// A condition in its parts.
pub struct Parsed {
    /// The outermost part.
    pub root: IdedExpr,
    /// Where the parts are in the text.
    pub places: SourceInfo,
}

/// Parses a condition. What is wrong with it is told as a text.
pub fn parse(text: &str) -> Result<Parsed, Vec<String>> {
    if text.len() > limits::CONDITION_BYTES {
        let message = format!("has {} bytes, of which {} are allowed", text.len(), limits::CONDITION_BYTES);
        return Err(vec![format!("{message}: make it several policies")]);
    }
    if text.trim().is_empty() {
        return Err(vec!["is empty: `true` is the condition that always holds".to_owned()]);
    }
    // The parser recurses at brackets, and within texts it finds brackets too
    // where the text is not well-formed: all of them count.
    let brackets = text.bytes().filter(|byte| matches!(byte, b'(' | b'[' | b'{')).count();
    if brackets > limits::CONDITION_BRACKETS {
        let message = format!("opens {brackets} brackets, of which {} are allowed", limits::CONDITION_BRACKETS);
        return Err(vec![format!("{message}: make it several policies")]);
    }
    // On a thread of its own, so that its need for stack is met wherever this is
    // called, and so that a fault of the parser ends here.
    std::thread::scope(|scope| {
        let parser = std::thread::Builder::new().stack_size(limits::PARSER_STACK);
        let thread = parser.spawn_scoped(scope, || on_this_stack(text));
        match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(parsed)) => parsed,
            Ok(Err(_)) => Err(vec!["cannot be read: the parser failed at it".to_owned()]),
            Err(error) => Err(vec![format!("cannot be read now: there is no thread for the parser: {error}")]),
        }
    })
}

fn on_this_stack(text: &str) -> Result<Parsed, Vec<String>> {
    // Without the macros of the language: list functions stay calls.
    let parser = Env::default().with_optional_support(false).parser();
    match parser.parse_with_source_info(text) {
        Ok((root, places)) if depth(&root) <= limits::CONDITION_DEPTH => Ok(Parsed { root, places }),
        Ok(_) => Err(vec![format!("is nested deeper than {}: make it several policies", limits::CONDITION_DEPTH)]),
        Err(errors) => {
            let one_equals = text.char_indices().any(|(at, _)| is_one_equals(text, at));
            let reserved = errors.errors.iter().any(|error| error.msg.ends_with("reserved identifier: package"));
            let hint = match (one_equals, reserved) {
                (true, _) => "; equality is written `==`",
                // What people would call it is a word that the language keeps for itself.
                (_, true) => "; did you mean `dependency`?",
                _ => "",
            };
            // What follows the first one is mostly its consequence.
            let first = errors.errors.first().map(|error| {
                let (line, column) = error.pos;
                let message = error.msg.split(" expecting ").next().unwrap_or_default();
                let message = message.trim_start_matches("Syntax error: ").replace("'<EOF>'", "the end");
                format!("does not compile: line {line}, column {column}: {}{hint}", shown(&message))
            });
            Err(vec![first.unwrap_or_else(|| "does not compile".to_owned())])
        }
    }
}

fn is_one_equals(text: &str, at: usize) -> bool {
    let before = text.get(..at).and_then(|it| it.chars().next_back());
    let mut from = text.get(at..).unwrap_or_default().chars();
    from.next() == Some('=') && from.next() != Some('=') && !matches!(before, Some('=' | '!' | '<' | '>'))
}

/// How deep the parts are nested, found without recursion.
fn depth(root: &IdedExpr) -> usize {
    let (mut deepest, mut open) = (0, vec![(root, 1)]);
    while let Some((part, depth)) = open.pop() {
        deepest = deepest.max(depth);
        match &part.expr {
            Expr::Call(call) => {
                open.extend(call.target.iter().map(|it| &**it).chain(&call.args).map(|it| (it, depth + 1)));
            }
            Expr::List(list) => open.extend(list.elements.iter().map(|it| (it, depth + 1))),
            Expr::Select(select) => open.push((&select.operand, depth + 1)),
            // Refused without a look inside.
            Expr::Map(_) | Expr::Struct(_) | Expr::Comprehension(_) => {}
            Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
        }
    }
    deepest
}

/// Writes a condition in one way, however it was laid out: what versions are
/// computed from.
pub fn canonical(part: &IdedExpr, out: &mut String) {
    match &part.expr {
        Expr::Literal(literal) => out.push_str(&match literal {
            // A JSON text is the same in every version of Rust.
            LiteralValue::String(text) => serde_json::Value::from(text.inner()).to_string(),
            LiteralValue::Double(number) => format!("{:?}", number.inner()),
            LiteralValue::Int(number) => number.inner().to_string(),
            LiteralValue::Boolean(it) => it.inner().to_string(),
            LiteralValue::Null => "null".to_owned(),
            LiteralValue::UInt(_) | LiteralValue::Bytes(_) => "?".to_owned(),
        }),
        Expr::Ident(name) => out.push_str(name),
        Expr::Select(select) => {
            canonical(&select.operand, out);
            out.push('.');
            out.push_str(&select.field);
        }
        Expr::List(list) => sequence("list", list.elements.iter(), out),
        Expr::Call(call) if call.func_name == operators::LOGICAL_AND || call.func_name == operators::LOGICAL_OR => {
            // However the parser has put a chain together.
            let mut terms = Vec::new();
            chain(call, &mut terms);
            sequence(&call.func_name, terms.into_iter(), out);
        }
        Expr::Call(call) => match &call.target {
            Some(target) => {
                let name = format!(".{}", call.func_name);
                sequence(&name, std::iter::once(&**target).chain(&call.args), out);
            }
            None => sequence(&call.func_name, call.args.iter(), out),
        },
        Expr::Map(_) | Expr::Struct(_) | Expr::Comprehension(_) | Expr::Unspecified => out.push('?'),
    }
}

fn chain<'a>(call: &'a CallExpr, terms: &mut Vec<&'a IdedExpr>) {
    for argument in &call.args {
        match &argument.expr {
            Expr::Call(inner) if inner.func_name == call.func_name && inner.target.is_none() => chain(inner, terms),
            _ => terms.push(argument),
        }
    }
}

fn sequence<'a>(name: &str, parts: impl Iterator<Item = &'a IdedExpr>, out: &mut String) {
    out.push('(');
    out.push_str(name);
    for part in parts {
        out.push(' ');
        canonical(part, out);
    }
    out.push(')');
}
