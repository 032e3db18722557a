//! The fields of a list as arguments: their names, values and help are those of
//! the library's table.

use std::{ffi::OsStr, marker::PhantomData};

use clap::{
    Arg, ArgAction, ArgMatches, Command,
    builder::{PossibleValue, TypedValueParser},
    parser::ValueSource,
};
use host_harness::{
    View,
    query::{Field, Group, List, Open, Query, Takes},
};

/// A list, as a type.
pub trait Listed {
    /// The list.
    const LIST: List;
    /// Heading of its filters, where a command has options beside them.
    const HEADING: Option<&'static str> = None;
}

macro_rules! lists {
    ($($name:ident $list:expr $(, $heading:literal)?;)+) => {
        $(
            #[doc = "A list, as a type."]
            pub enum $name {}

            impl Listed for $name {
                const LIST: List = $list;
                $(const HEADING: Option<&'static str> = Some($heading);)?
            }
        )+
    };
}

lists! {
    Findings List::Findings(View::All);
    Vulnerabilities List::Findings(View::Vulnerabilities);
    Weaknesses List::Findings(View::Weaknesses);
    Secrets List::Findings(View::Secrets);
    Export List::Export;
    Triage List::Triage, "Filters";
    Decided List::Export, "Filters";
    Decisions List::Decisions;
    Issues List::Issues;
    Packages List::Packages;
    Dashboard List::Dashboard;
    Coverage List::Coverage;
    PolicyCheck List::PolicyCheck;
    Runs List::Runs;
}

/// What is asked of a list.
pub struct Filters<L> {
    pub query: Query,
    list: PhantomData<L>,
}

impl<L: Listed> clap::Args for Filters<L> {
    fn augment_args(command: Command) -> Command {
        command.args(L::LIST.fields().iter().map(|field| arg(field, L::HEADING)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<L: Listed> clap::FromArgMatches for Filters<L> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut query = Query::new(L::LIST);
        for field in L::LIST.fields() {
            if !matches!(matches.value_source(field.name), Some(ValueSource::CommandLine)) {
                continue;
            }
            let values: Vec<&str> = match field.takes {
                Takes::Flag => vec![""],
                _ => matches.get_many::<String>(field.name).into_iter().flatten().map(String::as_str).collect(),
            };
            for value in values {
                let wrong = |error| clap::Error::raw(clap::error::ErrorKind::ValueValidation, format!("{error}\n"));
                query.add(field, value).map_err(wrong)?;
            }
        }
        Ok(Self { query, list: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn arg(field: &'static Field, of_filters: Option<&'static str>) -> Arg {
    let arg = Arg::new(field.name).long(field.name).help(field.help);
    let arg = match heading(field.group).or(of_filters) {
        Some(heading) => arg.help_heading(heading),
        None => arg,
    };
    let arg = match field.excludes {
        Some(other) => arg.conflicts_with(other),
        None => arg,
    };
    if matches!(field.takes, Takes::Flag) {
        return arg.action(ArgAction::SetTrue);
    }
    let arg = arg.value_name(field.value).value_parser(Values(field));
    let arg = if field.takes.is_many() { arg.action(ArgAction::Append) } else { arg };
    let arg = if field.takes.is_list() { arg.value_delimiter(',') } else { arg };
    let arg = match field.takes.unsaid() {
        Some(unsaid) => arg.num_args(0..=1).default_missing_value(unsaid),
        None => arg,
    };
    match field.default {
        // A help says of an order which one comes first.
        Some(default) => arg.default_value(default).hide_default_value(matches!(field.takes, Takes::Choice(_))),
        None => arg,
    }
}

const fn heading(group: Group) -> Option<&'static str> {
    match group {
        Group::Filter => None,
        Group::OneFinding => Some("Filters that one finding of the issue must match"),
        Group::Scope => Some("Scope"),
        Group::Output => Some("Output"),
    }
}

/// Values of a field, as texts that it takes.
#[derive(Clone)]
struct Values(&'static Field);

impl TypedValueParser for Values {
    type Value = String;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        let field = self.0;
        let parse = move |text: &str| field.takes.checked(text).map(|()| text.to_owned());
        parse.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        match self.0.takes {
            Takes::Words(open) => Some(Box::new(open.named().into_iter().map(PossibleValue::new))),
            _ => None,
        }
    }
}

/// Words of an open field, for commands that show no list: the help and completions
/// tell those of the model.
#[derive(Clone)]
pub struct Words(pub Open);

impl TypedValueParser for Words {
    type Value = String;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        clap::builder::NonEmptyStringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.named().into_iter().map(PossibleValue::new)))
    }
}
