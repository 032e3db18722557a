//! Moments as people read them.

use appsec_model::Timestamp;

/// A moment to the second, with its zone.
pub fn moment(moment: Timestamp) -> String {
    format!("{} UTC", seconds(moment))
}

/// A moment to the second, in UTC, where the zone is said elsewhere.
pub fn seconds(moment: Timestamp) -> String {
    let text = moment.to_string();
    let seconds = text.split(['.', 'Z']).next().unwrap_or(&text);
    seconds.replace('T', " ")
}
