//! `harness onboard`: sets up an instance step by step. Each step is asked at a
//! terminal or given by its option, and kept as soon as it is taken.

mod ask;
mod guide;

use std::{path::Path, process::ExitCode};

use appsec_model::Kind;
use host_harness::{
    Error, KindChoice, Onboarding, OnboardingError, OnboardingList, OnboardingStep, Setup, Tenant, TypedSecrets,
    grant::InstanceName,
    store::{AutoMap, Instance, ProjectChoice},
};

use self::ask::Asker;
use super::{
    Context,
    error::Failure,
    instance::{ConnectArgs, connected},
    mapping::{AutoMapArg, states, words},
    output::Output,
    style,
    table::cells,
    wait::wait,
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
    /// Fetch projects whose names match; `*` matches any characters, `all` selects all projects
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

pub async fn exec(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let output = context.output;
    let tenant = if args.list || args.discard { context.tenant()? } else { context.tenant_or_new()? };
    if args.list {
        let list = tenant.onboarding_list().await?;
        output.result(&list, |list| show_list(output, list))?;
        return Ok(ExitCode::SUCCESS);
    }
    let asker = if args.yes || args.discard { None } else { Asker::at_terminal(output) };
    let name = name(&tenant, args.name.clone(), asker.as_ref()).await?;
    if args.discard {
        let discarded = tenant.onboard_abandon(&name).await;
        discarded.map_err(|error| Failure::from(error).of(tenant.id(), Some(&name)))?;
        output.line(format!("Discarded the onboarding of {name}"));
        return Ok(ExitCode::SUCCESS);
    }
    match asker {
        Some(asker) => guide::guide(context, tenant, name, args, asker).await,
        None => by_options(context, &tenant, name, args).await,
    }
}

/// All steps, by options or by what is usual.
async fn by_options(context: &Context, tenant: &Tenant, name: InstanceName, args: Args) -> Result<ExitCode, Failure> {
    let output = context.output;
    let told = |error: Error| Failure::from(error).of(tenant.id(), Some(&name));
    let usual = args.yes;
    let mut state = match tenant.onboarding(&name).await? {
        Some(state) if state.step != OnboardingStep::Token && !args.connect.is_given() => state,
        _ => {
            let setup = setup(context, tenant, &name, args.connect).await?;
            wait(output, "Connecting to the vendor", tenant.onboard(setup, TypedSecrets::None)).await.map_err(told)?
        }
    };
    show_authorized(output, &state);
    let kinds = kind_choice(args.kinds).or((usual && state.kinds.is_none()).then_some(KindChoice::Usual));
    if let Some(kinds) = kinds {
        state = tenant.onboard_kinds(&name, kinds).await.map_err(told)?;
    }
    let projects = project_choice(args.projects).or((usual && state.projects.is_none()).then_some(ProjectChoice::All));
    if let Some(projects) = projects.filter(|_| state.kinds.is_some()) {
        let chosen = tenant.onboard_projects(&name, projects);
        state = wait(output, "Listing the projects", chosen).await.map_err(told)?;
    }
    let auto_map = args.auto_map.map(AutoMap::from);
    if let Some(auto_map) = auto_map.or((usual && state.auto_map.is_none()).then_some(AutoMap::Create)) {
        state = tenant.onboard_mapping(&name, auto_map).await.map_err(told)?;
    }
    if state.step != OnboardingStep::Save {
        let missing = state.step;
        return Err(told(OnboardingError::Unfinished { name: name.clone(), missing }.into()));
    }
    show_chosen(output, &state);
    let save = tenant.onboard_save(&name);
    let instance = wait(output, "Connecting and listing the projects", save).await.map_err(told)?;
    saved(context, tenant, instance, None).await
}

/// Says what was made, and what comes next.
async fn saved(
    context: &Context,
    tenant: &Tenant,
    instance: Instance,
    key_file: Option<&Path>,
) -> Result<ExitCode, Failure> {
    let output = context.output;
    let name = instance.made.name.clone();
    let counts = tenant.mapping_counts(Some(instance.id)).await?;
    output.result(&tenant.report_of(instance).await?, |_| {
        output.verdict("", ("Saved", style::GOOD), &format!(" the instance {name}; projects: {}", states(&counts)));
        let key = key_file.map(|file| format!(" --vault-key-file {}", file.display())).unwrap_or_default();
        output.line("Next:");
        if counts.unmapped > 0 {
            output.command(&format!("harness mapping suggest {name}"));
        }
        if counts.mapped > 0 {
            output.command(&format!("harness{key} sync {name}"));
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn kind_choice(kinds: Vec<Kind>) -> Option<KindChoice> {
    match kinds.as_slice() {
        [] => None,
        [Kind::Other(all)] if all == "all" => Some(KindChoice::Readable),
        _ => Some(KindChoice::These(kinds)),
    }
}

fn project_choice(patterns: Vec<String>) -> Option<ProjectChoice> {
    match patterns.is_empty() {
        true => None,
        false if patterns.iter().all(|pattern| pattern == "all") => Some(ProjectChoice::All),
        false => Some(ProjectChoice::Matching(patterns)),
    }
}

/// What the instance is set up with: what was kept, and what is given now.
async fn setup(
    context: &Context,
    tenant: &Tenant,
    name: &InstanceName,
    connect: ConnectArgs,
) -> Result<Setup, Failure> {
    let given = connect.setup(context, name.clone())?;
    Ok(match tenant.onboarding_setup(name).await? {
        Some(mut kept) => {
            kept.settings.extend(given.settings);
            kept.allow_origins.extend(given.allow_origins);
            kept.allow_private_origins.extend(given.allow_private_origins);
            let proxy = given.proxy.or(kept.proxy);
            let (connector, secret, secrets) = (given.connector, given.secret, given.secrets);
            Setup { connector, secret, secrets, store_secret: given.store_secret, proxy, ..kept }
        }
        None => given,
    })
}

/// The name of the instance to be: as given, as asked, or the only one that is
/// under way.
async fn name(tenant: &Tenant, given: Option<InstanceName>, asker: Option<&Asker>) -> Result<InstanceName, Failure> {
    if let Some(name) = given {
        return Ok(name);
    }
    let under_way = tenant.onboardings().await?;
    match (under_way.as_slice(), asker) {
        ([only], _) => only
            .name
            .parse()
            .map_err(|error: host_harness::grant::NameError| Failure::new("name", error.to_string(), None)),
        (_, Some(asker)) => {
            let instances = tenant.instances().await?;
            let taken: Vec<String> = instances.iter().map(|it| it.made.name.to_string()).collect();
            let name = asker.name(&taken)?;
            name.ok_or_else(|| Failure::new("no-answer", "no name was given", None).of(tenant.id(), None))
        }
        (_, None) => Err(Failure::new(
            "onboarding",
            "no instance is named, and there is no terminal to ask at",
            Some("give its name: harness onboard NAME"),
        )
        .of(tenant.id(), None)),
    }
}

fn show_authorized(output: Output, state: &Onboarding) {
    if let Some(deployment) = &state.deployment {
        connected(output, deployment, &state.readable, None);
    }
}

fn show_chosen(output: Output, state: &Onboarding) {
    let kinds = state.kinds.iter().flatten().map(Kind::to_string).collect::<Vec<_>>().join(", ");
    output.line(format!("Kinds: {kinds}"));
    output.line(match &state.projects {
        Some(ProjectChoice::Matching(patterns)) => format!("Projects: {}", patterns.join(", ")),
        Some(ProjectChoice::All) | None => "Projects: all".to_owned(),
    });
    output.line(format!("Mapping: {}", words(state.auto_map.unwrap_or(AutoMap::Create))));
}

fn show_list(output: Output, list: &OnboardingList) {
    if list.onboardings.is_empty() {
        output.line("No onboarding in progress. Start one with: harness onboard NAME");
        return;
    }
    let mut table = output.table(&["NAME", "WAITS FOR", "DEPLOYMENT", "BEGUN", "LAST STEP"]);
    for it in &list.onboardings {
        let step = match it.step {
            OnboardingStep::Token => "token",
            OnboardingStep::Kinds => "kinds",
            OnboardingStep::Projects => "projects",
            OnboardingStep::Mapping => "mapping",
            OnboardingStep::Save => "save",
        };
        table.add_row(cells![&it.name, step, it.deployment.as_ref().map(|it| &it.slug), it.started_at, it.changed_at]);
    }
    output.print(&table);
    output.line("Continue with: harness onboard NAME");
}
