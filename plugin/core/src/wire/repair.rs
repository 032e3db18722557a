//! Reading records that do not fit: the parts of a wrong type are taken out,
//! each with a warning that points at it, and the rest is kept.

use serde_json::Value;

use super::{Remarks, remarks::shorten, scalar::from_text};

/// How many parts of one record are named when they are taken out. A record
/// with more is not worth more warnings.
const MAX_NAMED: usize = 32;

/// A wire type, for any lifetime of the text that it borrows from. Every field
/// of it may be absent or null, so that each part can be tried alone.
pub trait Wire {
    /// The type that borrows for `'a`.
    type Of<'a>: guest_json::Value<'a>;
}

/// Reads a record. None, with an error remark, where it cannot be read at all.
///
/// `spare` is where a repaired text stays, since the result borrows from it.
pub fn read<'a, W: Wire>(text: &'a str, spare: &'a mut String, remarks: &mut Remarks) -> Option<W::Of<'a>> {
    if let Some(record) = guest_json::read(text) {
        return Some(record);
    }
    *spare = repair(text, &fit::<W>, remarks)?;
    guest_json::read(spare)
}

/// Why a text does not fit a wire type.
fn fit<W: Wire>(text: &str) -> Result<(), String> {
    let mut record: Option<W::Of<'_>> = None;
    guest_json::check(text, &mut record).map_err(|error| error.to_string())
}

/// The text of a record that fits.
fn repair(text: &str, fit: &dyn Fn(&str) -> Result<(), String>, remarks: &mut Remarks) -> Option<String> {
    let mut record: Value = match from_text(text) {
        Ok(record @ Value::Object(_)) => record,
        Ok(other) => {
            remarks.error("not-an-object", format!("the record is {} instead of an object", sort(&other)));
            return None;
        }
        Err(error) => {
            remarks.error("invalid-json", format!("the record is not JSON: {error}"));
            return None;
        }
    };
    let mut repair = Repair { fit, remarks, place: Place::default(), taken: 0 };
    repair.part(&mut record);
    Some(guest_json::text(&record))
}

/// A repair under way.
///
/// Each part is tried alone, wrapped in the objects and lists that it is in.
/// Parts that fit are not looked into, so that the cost is the record's size
/// times its depth, however many parts are wrong.
struct Repair<'a> {
    fit: &'a dyn Fn(&str) -> Result<(), String>,
    remarks: &'a mut Remarks,
    place: Place,
    taken: usize,
}

/// Where a part is: as a JSON Pointer, and as the text around it.
#[derive(Clone, Default)]
struct Place {
    pointer: String,
    before: String,
    after: String,
}

impl Repair<'_> {
    fn part(&mut self, part: &mut Value) {
        let Err(problem) = self.alone(part) else {
            return;
        };
        let empty = match part {
            Value::Object(_) => Value::Object(serde_json::Map::new()),
            Value::Array(_) => Value::Array(Vec::new()),
            _ => Value::Null,
        };
        if empty.is_null() || self.alone(&empty).is_err() {
            self.take_out(part, &problem);
            return;
        }
        let outer = self.place.clone();
        match part {
            Value::Object(fields) => {
                for (key, field) in fields {
                    self.place = outer.field(key);
                    self.part(field);
                }
            }
            Value::Array(elements) => {
                for (index, element) in elements.iter_mut().enumerate() {
                    self.place = outer.element(index);
                    self.part(element);
                }
            }
            _ => {}
        }
        self.place = outer;
    }

    fn alone(&self, part: &Value) -> Result<(), String> {
        (self.fit)(&[&self.place.before, &*guest_json::text(part), &self.place.after].concat())
    }

    fn take_out(&mut self, part: &mut Value, problem: &str) {
        *part = Value::Null;
        self.taken += 1;
        if self.taken <= MAX_NAMED {
            // The position behind " at line" is one in a text that nobody sees.
            let problem = problem.split(" at line ").next().unwrap_or_default();
            self.remarks.warn("wrong-type", &self.place.pointer, shorten(problem));
        } else if self.taken == MAX_NAMED + 1 {
            self.remarks.warn("wrong-type", "", "further parts are of a wrong type".to_owned());
        }
    }
}

impl Place {
    fn field(&self, key: &str) -> Self {
        let token = key.replace('~', "~0").replace('/', "~1");
        Self {
            pointer: format!("{}/{token}", self.pointer),
            before: format!("{}{{{}:", self.before, guest_json::quote(key)),
            after: format!("}}{}", self.after),
        }
    }

    fn element(&self, index: usize) -> Self {
        Self {
            pointer: format!("{}/{index}", self.pointer),
            before: format!("{}[", self.before),
            after: format!("]{}", self.after),
        }
    }
}

/// What sort of JSON a value is.
fn sort(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::wire::{Finding, Remarks};

    fn check(record: &str) -> String {
        let (mut spare, mut remarks) = (String::new(), Remarks::default());
        let readable = read::<Finding<'_>>(record, &mut spare, &mut remarks).is_some();
        let mut lines = vec![if readable { spare } else { "unreadable".to_owned() }];
        for remark in remarks.into_diagnostics() {
            lines.push(format!("{} {}: {}", remark.code, remark.pointer.unwrap_or_default(), remark.message));
        }
        lines.join("\n")
    }

    #[test]
    fn a_record_that_fits_is_left_alone() {
        assert_eq!(check(r#"{"id":1,"unknown":{"a":[{}]},"location":null}"#), "");
    }

    #[test]
    fn parts_of_a_wrong_type_are_taken_out() {
        let odd = r#"{"id":1,"ref":7,"location":["x"],"categories":["a",{"b":1},null,"c"],
            "assistant":{"component":{"tag":1.5,"risk":"high"},"guidance":"none"},"epss_score":{"score":"0.5"},
            "review_comments":[{"external_note_id":1},{"external_note_id":{}},9],"first_seen_scan_id":-1}"#;
        insta::assert_snapshot!(check(odd), @r#"
        {"assistant":{"component":{"risk":"high","tag":null},"guidance":null},"categories":["a",null,null,"c"],"epss_score":{"score":null},"first_seen_scan_id":-1,"id":1,"location":null,"ref":null,"review_comments":[{"external_note_id":1},{"external_note_id":null},null]}
        wrong-type /assistant/component/tag: invalid type: floating point `1.5`, expected a text
        wrong-type /assistant/guidance: invalid type: string "none", expected an object
        wrong-type /categories/1: invalid type: map, expected a list of texts
        wrong-type /epss_score/score: invalid type: string "0.5", expected f64
        wrong-type /location: invalid type: sequence, expected an object
        wrong-type /ref: invalid type: integer `7`, expected a text
        wrong-type /review_comments/1/external_note_id: invalid type: map, expected a text or a whole number of 64 bits
        wrong-type /review_comments/2: invalid type: integer `9`, expected an object
        "#);
    }

    #[test]
    fn what_is_no_object_is_unreadable() {
        insta::assert_snapshot!(check("[1]"), @r"
        unreadable
        not-an-object : the record is a list instead of an object
        ");
        insta::assert_snapshot!(check("{\"id\":"), @r"
        unreadable
        invalid-json : the record is not JSON: EOF while parsing a value at line 1 column 6
        ");
    }

    #[test]
    fn a_record_full_of_wrong_parts_gives_few_warnings() {
        let many = vec!["7"; 10_000].join(",");
        let text = check(&format!(r#"{{"id":1,"categories":[{many}]}}"#));
        assert_eq!(text.lines().count(), 1 + 32 + 1);
    }
}
