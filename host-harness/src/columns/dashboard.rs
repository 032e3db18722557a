//! The columns of the days of a dashboard.

use appsec_store::DayCounts;

use super::{Column, column};

/// The columns of the days as CSV.
pub const DAYS_CSV: &[Column<DayCounts>] = &[
    column("day", |it| it.day.clone()),
    column("new", |it| it.new.to_string()),
    column("reopened", |it| it.reopened.to_string()),
    column("fixed", |it| it.fixed.to_string()),
    column("vanished", |it| it.vanished.to_string()),
    column("dismissed", |it| it.dismissed.to_string()),
    column("open", |it| it.open.to_string()),
];
