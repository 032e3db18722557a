//! `harness onboard`: sets up an instance step by step. Each step is asked at a
//! terminal or given by its option, and kept as soon as it is taken.

mod ask;

use std::process::ExitCode;

use appsec_model::{Access, Kind};
use host_harness::{
    AutoMap, Error, InstanceName, KindChoice, Onboarding, OnboardingError, OnboardingStep, ProjectChoice, SecretSource,
    Tenant,
};
use serde::Serialize;

use self::ask::Asker;
use super::{
    Context,
    error::Failure,
    instance::{ConnectArgs, InstanceReport},
    mapping::AutoMapArg,
    output::{Output, moment},
};

#[derive(clap::Args)]
pub struct Args {
    /// Name the new instance [default: asked, or the one in progress]
    name: Option<InstanceName>,
    #[command(flatten)]
    connect: ConnectArgs,
    /// Fetch these kinds, such as sast,sca; `all` for all that the token can read
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    kinds: Vec<Kind>,
    /// Fetch projects with these names; `*` stands for any characters, `all` for all projects
    #[arg(long, value_name = "PATTERN,…", value_delimiter = ',')]
    projects: Vec<String>,
    /// Choose what happens to projects that match no repository
    #[arg(long, value_name = "WHAT")]
    auto_map: Option<AutoMapArg>,
    /// Skip all questions and use the defaults
    #[arg(long)]
    yes: bool,
    /// List onboardings in progress
    #[arg(long, conflicts_with = "discard")]
    list: bool,
    /// Discard the onboarding
    #[arg(long)]
    discard: bool,
}

/// What `onboard --list` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub struct OnboardingList {
    /// What is under way, by name.
    onboardings: Vec<Onboarding>,
}

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let output = context.output;
    let tenant = if args.list || args.discard { context.tenant()? } else { context.tenant_or_new()? };
    if args.list {
        let list = OnboardingList { onboardings: tenant.onboardings().await? };
        output.result(&list, |list| show_list(output, list))?;
        return Ok(ExitCode::SUCCESS);
    }
    let asker = if args.yes { None } else { Asker::at_terminal(output) };
    let name = name(&tenant, args.name.clone(), asker.as_ref()).await?;
    let told = |error: Error| Failure::from(error).of(tenant.id(), Some(&name));
    if args.discard {
        tenant.onboard_abandon(&name).await.map_err(told)?;
        output.line(format!("Discarded the onboarding of {name}"));
        return Ok(ExitCode::SUCCESS);
    }
    let state = match tenant.onboarding(&name).await? {
        Some(state) if !args.connect.is_given() => state,
        _ => authorize(context, &tenant, &name, args.connect, asker.as_ref()).await?,
    };
    show_authorized(output, &state);

    let choice = match (args.kinds.as_slice(), &state.kinds, &asker) {
        ([], Some(_), _) => None,
        ([], None, Some(asker)) => Some(asker.kinds(&state)?),
        ([], None, None) => args.yes.then_some(KindChoice::Usual),
        ([Kind::Other(all)], _, _) if all == "all" => Some(KindChoice::Readable),
        (kinds, _, _) => Some(KindChoice::These(kinds.to_vec())),
    };
    let mut state = state;
    if let Some(choice) = choice {
        state = tenant.onboard_kinds(&name, choice).await.map_err(told)?;
    }
    let all = args.projects.iter().all(|pattern| pattern == "all");
    let choice = match (args.projects.is_empty(), &state.projects, &asker) {
        _ if state.kinds.is_none() => None,
        (true, Some(_), _) => None,
        (true, None, Some(asker)) => Some(asker.projects(&tenant, &name).await?),
        (true, None, None) => args.yes.then_some(ProjectChoice::All),
        (false, _, _) if all => Some(ProjectChoice::All),
        (false, _, _) => Some(ProjectChoice::Matching(args.projects)),
    };
    if let Some(choice) = choice {
        state = tenant.onboard_projects(&name, choice).await.map_err(told)?;
    }
    let auto_map = match (args.auto_map, &state.auto_map, &asker) {
        (Some(arg), _, _) => Some(arg.into()),
        (None, Some(_), _) => None,
        (None, None, Some(asker)) => Some(asker.auto_map()?),
        (None, None, None) => args.yes.then_some(AutoMap::Create),
    };
    if let Some(auto_map) = auto_map {
        state = tenant.onboard_mapping(&name, auto_map).await.map_err(told)?;
    }
    if state.step != OnboardingStep::Save {
        let missing = state.step;
        return Err(told(OnboardingError::Unfinished { name: name.clone(), missing }.into()));
    }
    show_chosen(output, &state);
    if let Some(asker) = &asker
        && !asker.save(&name)?
    {
        output.line(format!("Kept. Continue with: harness onboard {name}"));
        return Ok(ExitCode::SUCCESS);
    }
    let instance = tenant.onboard_save(&name).await.map_err(told)?;
    output.result(&InstanceReport::of(&tenant, instance).await?, |_| {
        output.line(format!("Saved. Next: harness sync {name}"));
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The name of the instance to be: as given, as asked, or the only one that is
/// under way.
async fn name(tenant: &Tenant, given: Option<InstanceName>, asker: Option<&Asker>) -> Result<InstanceName, Failure> {
    if let Some(name) = given {
        return Ok(name);
    }
    let under_way = tenant.onboardings().await?;
    match (under_way.as_slice(), asker) {
        ([only], _) => {
            only.name.parse().map_err(|error: host_harness::NameError| Failure::new("name", error.to_string(), None))
        }
        (_, Some(asker)) => asker.name(),
        (_, None) => Err(Failure::new(
            "onboarding",
            "no instance is named, and there is no terminal to ask",
            Some("give its name: harness onboard NAME"),
        )
        .of(tenant.id(), None)),
    }
}

/// The first step.
async fn authorize(
    context: &Context,
    tenant: &Tenant,
    name: &InstanceName,
    connect: ConnectArgs,
    asker: Option<&Asker>,
) -> Result<Onboarding, Failure> {
    let mut setup = connect.setup(context, name.clone())?;
    let mut typed = None;
    if let (None, Some(asker)) = (&setup.secret, asker) {
        let loaded = context.harness.connector(&setup.connector).await?;
        if let Some(need) = loaded.manifest.secrets.first() {
            match asker.token(need)? {
                ask::Token::Variable => {}
                ask::Token::File(path) => {
                    setup.secret = Some(SecretSource::File { path: std::path::absolute(path)? });
                }
                ask::Token::Typed(secret) => {
                    setup.store_secret = true;
                    typed = Some(secret);
                }
            }
        }
    }
    tenant.onboard(setup, typed).await.map_err(|error| Failure::from(error).of(tenant.id(), Some(name)))
}

fn show_authorized(output: Output, state: &Onboarding) {
    output.line(format!("Authorized for deployment `{}` (id {})", state.deployment.slug, state.deployment.id));
    for it in &state.readable {
        match &it.access {
            Access::Readable => output.line(format!("  {}: readable", it.kind)),
            Access::Denied { reason } => output.line(format!("  {}: {reason}", it.kind)),
        }
    }
}

fn show_chosen(output: Output, state: &Onboarding) {
    let kinds = state.kinds.iter().flatten().map(Kind::to_string).collect::<Vec<_>>().join(" ");
    output.line(format!("Kinds: {kinds}"));
    output.line(match &state.projects {
        Some(ProjectChoice::Matching(patterns)) => format!("Projects: {}", patterns.join(" ")),
        Some(ProjectChoice::All) | None => "Projects: all".to_owned(),
    });
    output.line(format!("Projects without a repository: {}", state.auto_map.map_or("create", AutoMap::as_str)));
}

fn show_list(output: Output, list: &OnboardingList) {
    if list.onboardings.is_empty() {
        output.line("No onboarding in progress. Start one with: harness onboard NAME");
        return;
    }
    let mut table = output.table(&["NAME", "WAITS FOR", "DEPLOYMENT", "BEGUN", "LAST STEP"]);
    for it in &list.onboardings {
        let step = match it.step {
            OnboardingStep::Kinds => "kinds",
            OnboardingStep::Projects => "projects",
            OnboardingStep::Mapping => "mapping",
            OnboardingStep::Save => "save",
        };
        let (begun, changed) = (moment(it.started_at), moment(it.changed_at));
        table.add_row([&it.name, step, &it.deployment.slug, &begun, &changed]);
    }
    output.print(&table);
    output.line("Continue with: harness onboard NAME");
}
