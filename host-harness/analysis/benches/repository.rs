//! How long it takes to match all projects of a large tenant: 5,000 projects
//! and 20,000 repositories.

use appsec_analysis::{
    Repository, RepositoryIndex,
    repository::{Match, ProjectFacts, RepositoryList},
};
use divan::{Bencher, black_box};

const REPOSITORIES: usize = 20_000;
const PROJECTS: usize = 5_000;

const WORDS: [&str; 16] = [
    "shop", "billing", "ledger", "search", "gateway", "worker", "portal", "mobile", "report", "policy", "stream",
    "cache", "mailer", "export", "audit", "client",
];

fn main() {
    divan::main();
}

/// A name that looks like those of services.
fn name(at: usize) -> String {
    let word = |at: usize| WORDS.get(at % WORDS.len()).copied().unwrap_or_default();
    format!("{}-{}-{}{}", word(at), word(at / 16), word(at / 256), at / 4096)
}

fn table() -> String {
    let rows = (0..REPOSITORIES).map(|at| {
        let full_name = format!("team{}/{}", at % 50, name(at));
        format!("{full_name},https://github.com/{full_name},github,main,team{};all\n", at % 50)
    });
    "full_name,url,provider,default_branch,groups\n".chars().chain(rows.collect::<String>().chars()).collect()
}

fn repositories() -> Vec<Repository> {
    let list = RepositoryList::read_csv(table().as_bytes(), "bench.csv").unwrap_or_default();
    assert!(list.problems.is_empty() && list.repositories.len() == REPOSITORIES);
    list.repositories
}

#[divan::bench(sample_count = 10)]
fn read_a_list(bencher: Bencher<'_, '_>) {
    let table = table();
    bencher.bench(|| RepositoryList::read_csv(black_box(table.as_bytes()), "bench.csv"));
}

#[divan::bench(sample_count = 10)]
fn make_the_index(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(repositories).bench_values(RepositoryIndex::new);
}

/// How many projects of a tenant have a repository.
fn match_all(index: &RepositoryIndex, projects: &[(String, Option<String>)]) -> usize {
    let found = projects.iter().map(|(name, url)| ProjectFacts { name, url: url.as_deref(), provider: None });
    found.filter(|it| matches!(index.match_project(it), Match::Matched { .. })).count()
}

fn bench_projects(bencher: Bencher<'_, '_>, project: impl Fn(usize) -> (String, Option<String>), expected: usize) {
    let index = RepositoryIndex::new(repositories());
    let projects: Vec<_> = (0..PROJECTS).map(project).collect();
    assert_eq!(match_all(&index, &projects), expected);
    bencher.bench(|| match_all(black_box(&index), black_box(&projects)));
}

#[divan::bench(sample_count = 10)]
fn match_by_url(bencher: Bencher<'_, '_>) {
    let project = |at| ("x".to_owned(), Some(format!("git@github.com:team{}/{}.git", at % 50, name(at))));
    bench_projects(bencher, project, PROJECTS);
}

#[divan::bench(sample_count = 10)]
fn match_by_name(bencher: Bencher<'_, '_>) {
    bench_projects(bencher, |at| (format!("local/{}:part", name(at)), None), PROJECTS);
}

/// The worst case: for each the nearest names are looked for.
#[divan::bench(sample_count = 10)]
fn match_none(bencher: Bencher<'_, '_>) {
    bench_projects(bencher, |at| (format!("team{}/{}x", at % 50, name(at)), None), 0);
}
