use crate::{Refusal, collection::Collection, json::Fields, report::Outline};
pub fn read<'a>(_: &Fields<'a>, _: &mut Collection<'a>) -> Result<Outline, Refusal> { Err(Refusal::Empty) }
