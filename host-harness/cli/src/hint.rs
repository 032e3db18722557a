//! What a person at a terminal can do about an error.

use host_harness::{
    CheckHint,
    grant::{Code, InstanceName},
};

/// Advice for an error; none where the message says it all.
#[expect(clippy::too_many_lines, reason = "one table, so that the compiler finds the code that is missing")]
pub fn hint(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::InvalidSettings => {
            "correct the settings named above; `harness inspect` lists all settings of the connector"
        }
        Code::NotConfigured => "run `harness instance test` for this instance",
        Code::Unauthorized => {
            "the token is wrong, revoked or expired: create a new one at the vendor, and provide it in its environment \
             variable or with --token-file; for an existing instance, run: harness instance rotate-token NAME"
        }
        Code::Forbidden => "the token is valid but lacks a permission: ask its owner to grant it at the vendor",
        Code::MissingScope => {
            "make sure that the token has the scope for the vendor's Web API, and that the deployment's name is right"
        }
        Code::NoDeployment => {
            "sign in to the vendor and make sure that there is an active deployment (organization), then create the \
             token there"
        }
        Code::DeploymentNotFound => "correct the name of the deployment in the settings, or leave it out",
        Code::ProjectNotFound | Code::ProjectUnknown => "`harness projects` lists the projects",
        Code::RateLimited => "nothing is lost: run the command again later; it fetches only what is missing",
        Code::Unavailable => {
            "check that the vendor's address is right and reachable from here, then run the command again; nothing \
             that was fetched is lost"
        }
        Code::EgressDenied => {
            "grant the origin when you add the instance: --allow-origin ORIGIN, or for a loopback or private address \
             --allow-private-origin ORIGIN"
        }
        Code::RequestRefused => {
            "no grant can lift this rule, which holds for all connectors: report it to the author of the one that \
             breaks it"
        }
        Code::EncodedAnswer => {
            "a proxy on the way, or the vendor's server, compresses responses without being asked to: turn that off \
             for this address; nothing that was fetched is lost"
        }
        Code::Protocol => {
            "the address may be that of a proxy or login page; if not, the vendor's API has changed and the connector \
             needs an update"
        }
        Code::InvalidCursor => "run the sync again with --restart",
        Code::Unsupported => "this connector cannot do that; `harness inspect` shows what it supports",
        Code::Limit | Code::SandboxLimit => {
            "a smaller page size may help; if not, report the bug to the connector's author"
        }
        Code::Internal | Code::ConnectorCrashed => {
            "this is a bug in the connector: report the message above to its author; stored data is intact"
        }
        Code::CassetteIncomplete => "record it again with --record, with the same connector and settings",
        Code::CassetteSecret => {
            "the vendor repeats the token in its answer; record with a token that it does not repeat"
        }
        Code::CassetteUnreadable => "give a file that `harness rehearse --record` wrote",
        Code::ConnectorUnusable => "check the file; `harness inspect FILE.wasm` shows what it is",
        Code::ConnectorNotFound | Code::ConnectorMismatch => "give the right component with --connector FILE.wasm",
        Code::ConnectorNotInstalled => {
            "`harness connector list` shows what is installed; install the component with: harness connector install FILE"
        }
        Code::ConnectorDamaged => {
            "remove it and install the component again: harness connector install FILE; the SHA-256 must be the same"
        }
        Code::ConnectorHash => "check where the file comes from, and which SHA-256 its publisher states",
        Code::SbomNotFound => {
            "ask its author for one; `cargo auditable` writes the packages of a Rust component into it"
        }
        Code::OciReference => {
            "the digest is that of the manifest: the registry shows it, and so does whatever pushed the component"
        }
        Code::ConnectorInUse => {
            "give the instances another version first, harness connector update INSTANCE --to CONNECTOR, or delete them"
        }
        Code::DownloadWithoutTls => "use an https address, or state the SHA-256 of the component: --sha256 HEX",
        Code::DownloadFailed => {
            "check the address, or download the file and install that: harness connector install FILE"
        }
        Code::CatalogueNotFound => {
            "`harness catalogue list` lists the catalogues; add one with: harness catalogue add NAME FILE|URL --key \
             KEY; a connector in a file is installed by its path: harness connector install ./FILE"
        }
        Code::CatalogueExists => {
            "choose another name; to pin another key or place, remove it first: harness catalogue remove NAME"
        }
        Code::CatalogueKey => {
            "give a key of minisign: `harness catalogue generate-key FILE` or `minisign -G` makes a pair; with a secret key \
             that has a password, sign with: minisign -S -s KEY -m CATALOGUE"
        }
        Code::CatalogueUnavailable => {
            "check the path or address, and that its signature is beside it with .minisig behind the name; what is \
             installed runs without it"
        }
        Code::CatalogueSignature => {
            "nothing of it was used: try again, since it may just have been published; if it stays, ask the publisher \
             over another channel for the key, and pin a new one by removing and adding the catalogue"
        }
        Code::CatalogueInvalid => "report it to the publisher of the catalogue; nothing was installed",
        Code::CatalogueExpired => {
            "ask its publisher for a new edition, or check the clock of this machine; your own one is renewed with: \
             harness catalogue build CATALOGUE, then harness catalogue sign CATALOGUE --secret-key-file KEY"
        }
        Code::CatalogueRolledBack => {
            "nothing of it was used: somebody shows an old edition, or the publisher has lost count; ask the publisher, \
             and only then remove and add the catalogue again"
        }
        Code::ConnectorNotCatalogued => {
            "`harness catalogue search` lists what there is; give ID or ID@VERSION, with --catalogue NAME where several \
             have it, or the path of a file as ./FILE"
        }
        Code::ConnectorYanked => {
            "use another version: harness catalogue search ID; what is installed already still runs"
        }
        Code::ConnectorNotOwn => {
            "to see what the other one would change, add --dry-run; to use it, give it to the \
             instance: harness connector update NAME --to FILE; or use the program that bundles it"
        }
        Code::ConnectorChanged => {
            "restore the previous file, or inspect the new one and accept it: harness connector update NAME"
        }
        Code::ConnectorNotPinned => "`harness instance show` shows where the connector comes from",
        Code::FolderExposed => {
            "remove the write permission of others: chmod go-w FOLDER; where another user owns it, run this program as \
             that user, or change the owner: chown -R USER FOLDER"
        }
        Code::FileExposed => {
            "restrict the file to yourself: chmod go-rwx FILE, and chown if another user owns it; whoever could \
             write it may know its content or have replaced it"
        }
        Code::InstanceNotFound => "`harness instance list` lists the instances; `harness instance add` creates one",
        Code::InstanceExists => "choose another name",
        Code::ImportOnly => "import its reports (again): harness import --source NAME FILE...",
        Code::NotImportOnly => "choose another name for --source, such as reports; it is created if it does not exist",
        Code::Locked => "wait for the other process to finish, then run the command again",
        Code::DaemonRunning => "`harness status` shows it; stop it first, or let it do the syncs",
        Code::Paused => "resume it with: harness instance resume NAME",
        Code::NotAccepted => {
            "check its origins and where its secrets are read from: harness instance show NAME, harness notify show NAME \
             and harness notify alert list; then accept them with: harness instance resume NAME"
        }
        Code::AccountMismatch => {
            "use a token of the same account; to switch to the other account, confirm with --allow-account-change: the \
             findings of the old one are marked as vanished by the next full sync with --allow-removal"
        }
        Code::SettingNotFound => "`harness instance show` lists the settings in use, `harness inspect` all of them",
        Code::ProxyUnavailable => {
            "check that the proxy's address is right and that it can reach the vendor; `harness instance show NAME` \
             says where it was set. Nothing that was fetched is lost"
        }
        Code::ProxyRefused => {
            "ask who runs the proxy to let CONNECT through to the vendor's host; or set another one, or none, with \
             harness instance set NAME --proxy URL"
        }
        Code::ProxyCredentials => {
            "give USER:PASSWORD with --proxy URL --proxy-auth-file FILE, or in the URL of the environment variable"
        }
        Code::ProxyProtocol => {
            "check that it is an HTTP proxy; one that inspects TLS needs its own authority among the certificates \
             that this system trusts"
        }
        Code::InvalidProxy => {
            "correct the environment variable, or set the proxy of the instance with --proxy URL or --proxy none"
        }
        Code::OauthRefused => {
            "create new credentials for the client at the vendor, and give them with: harness instance rotate-token NAME"
        }
        Code::OauthUnavailable => {
            "check that the token endpoint is reachable from here, then run the command again; nothing that was \
             fetched is lost"
        }
        Code::OauthProtocol => {
            "check that the origin of the token endpoint is right and granted: harness instance show NAME"
        }
        Code::NotPrepared => "nothing is lost: run the command again later, when the vendor has prepared its report",
        Code::WriteBackUnsupported => {
            "decide at the vendor itself; `harness inspect` shows what the connector supports"
        }
        Code::WriteBackOff => {
            "see what would be written with: harness triage push NAME; then switch it on with: harness instance set NAME \
             --write-back on"
        }
        Code::InvalidOrigin => "write it as https://host or https://host:port",
        Code::Secret => "set the environment variable, or give the token with --token-file FILE or --token-stdin",
        Code::SecretReserved => "give the secret by another variable, or with --token-file FILE or --token-stdin",
        Code::SecretAmbiguous => "give each secret: --secret VARIABLE=FILE, or its environment variable",
        Code::SecretUnknown => "`harness inspect` lists the secrets that the connector needs",
        Code::SecretNotGiven => "give it with --token-file FILE, --token-env VARIABLE or --token-stdin",
        Code::SecretNotStored => "store it with --store-token, or give a file or variable",
        Code::NotConfirmed => "confirm with the exact name of what you want to delete",
        Code::LinkedFiles => {
            "replace the link with its target and run the command again, or remove both \
             yourself"
        }
        Code::DeletionPending => {
            "no action is needed: the first command on this tenant after the other process has ended finishes it \
             and reports the proof; until then `harness doctor` shows it"
        }
        Code::VaultKey => {
            "give the key in HARNESS_VAULT_KEY, or its file with --vault-key-file FILE or HARNESS_VAULT_KEY_FILE; \
             `harness vault generate-key` creates one for a new vault"
        }
        Code::VaultKeyForm => "give a key as `harness vault generate-key` prints it, whole and on one line",
        Code::VaultKeyMismatch => {
            "give the key with that id; if it is lost, move the vault away and give the tokens again: \
             harness instance rotate-token NAME --store-token"
        }
        Code::VaultDamaged => {
            "restore it from a backup, or move it away and give the tokens again: \
             harness instance rotate-token NAME --store-token"
        }
        Code::VaultVersion => "use the program that wrote it, or a newer one",
        Code::VaultTenant => "put each tenant's vault back into its own directory",
        Code::VaultAudience => {
            "check the origins with `harness instance show NAME`; if they are right, give the secret again: \
             harness instance rotate-token NAME --store-token, or harness notify set NAME"
        }
        Code::VaultEntry => "give the token again: harness instance rotate-token NAME --store-token",
        Code::VaultFile => "check that the data directory exists, belongs to this user and has space",
        Code::Selection => {
            "`harness projects` lists the projects and `harness instance show` the kinds; an unmapped project is \
             mapped with `harness mapping set`, an ignored one restored with `harness mapping restore`"
        }
        Code::NoProjects => {
            "check at the vendor what the token may see; if all projects were removed, confirm with: \
             harness sync --allow-removal"
        }
        Code::RemovalRefused => {
            "if they are really gone, confirm with: harness sync NAME --allow-removal, or for a file: \
             harness import FILE --complete --allow-removal"
        }
        Code::ScanFailed => "scan again, and import the new report",
        Code::FileUnreadable => "check the path, the permissions, and that the file is complete",
        Code::FileUnsupported => {
            "check that the file is complete and in a format that the connector reads: `harness inspect` lists its \
             formats; import a report of another scanner (SARIF, CycloneDX, OSV-Scanner, GitLab) with: \
             harness import --source NAME FILE"
        }
        Code::FileChanged => "import it again once nothing writes to it; what was ingested so far is kept",
        Code::ReportRefused => {
            "let the scanner write SARIF 2.1.0, CycloneDX JSON, OSV-Scanner JSON or a GitLab report, and name one that \
             cannot be told with --format; for a file of a connector's vendor, omit --source"
        }
        Code::FormatNotFound => "leave --format out to have it detected",
        Code::ProjectNotNamed => "name it with --project NAME, as the vendor names it",
        Code::KindMismatch => "check that it is the right file, or leave --kind out",
        Code::KindNotNamed => "name the kind of the scan, such as --kind sast",
        Code::ScanIncomplete => "import it without --complete: its findings are ingested, and nothing is closed",
        Code::RepositoryNotFound => "`harness repositories list` lists them; `harness repositories add` creates one",
        Code::RepositoryAmbiguous => "give its URL",
        Code::ProjectAmbiguous => "name its instance with --instance NAME, or give the vendor's id",
        Code::IncompleteList => "correct it, or import it without replacing the list before",
        Code::RepositoryInUse => {
            "map these projects to another one with `harness mapping set`, or unmap them with `harness mapping unset`"
        }
        Code::FindingsUndecided => {
            "--keep keeps them as history, none of them open any more; --delete deletes them and everything else of \
             the project"
        }
        Code::FieldNotFound => "use environment, branch, tag, metadata, or a key of the project's metadata",
        Code::OnboardingNotFound => "start it with: harness onboard NAME",
        Code::OnboardingExists => {
            "continue with harness onboard NAME, or discard it with harness onboard NAME --discard"
        }
        Code::OnboardingConnectorChanged => {
            "restore the previous file; or inspect the new one (harness inspect FILE), discard this onboarding with \
             harness onboard NAME --discard, and start again"
        }
        Code::OnboardingIncomplete => {
            "your answers are saved: continue with harness onboard NAME at a terminal, or with --kinds KIND,…, \
             --projects PATTERN and --auto-map create|match|manual, or with --yes for the defaults"
        }
        Code::NoReadableKind => {
            "choose kinds that the token reads with --kinds, or give it more permissions at the vendor"
        }
        Code::KindNotReadable => "choose among those that the token can read, or grant it the permission at the vendor",
        Code::PatternUnmatched => "`*` matches any characters; --projects all selects all of them",
        Code::InvalidPolicies => {
            "correct the file and import it: harness policy import FILE; add --check to only validate it"
        }
        Code::NoPolicies => "import some: harness policy import FILE; `harness policy init` prints a starter set",
        Code::PolicyNotFound => "`harness policy list` lists the policies",
        Code::NothingInScope => {
            "`harness projects` and `harness mapping list` list the projects with their repositories, environments, \
             branches and tags; correct the filter, or leave it out"
        }
        Code::InvalidDecision => "correct the decision: the guide on triage says what it takes",
        Code::InvalidTriageFile => {
            "correct the file and import it again: harness triage import FILE; add --dry-run to only see its effect"
        }
        Code::InvalidUrl => "write it as https://host/path",
        Code::UrlFragment => "leave out what follows the `#`",
        Code::UrlWithoutTls => {
            "use https; plain http is for receivers in your own network: grant the origin with \
             --allow-private-origin ORIGIN"
        }
        Code::OriginMismatch => "grant the exact origin of the address: scheme, host and port",
        Code::SecretTooShort => "generate a random one, such as with: openssl rand -hex 32",
        Code::SecretForm => "check that the secret is whole, or give one without that prefix",
        Code::SecretOnce => "give a file or an environment variable, or keep it in the vault with --store-secret",
        Code::NotifyNotFound => "set one: harness notify set INSTANCE --url URL --secret-file FILE",
        Code::AlertNotFound => "`harness notify alert list` shows those there are",
        Code::InvalidMailAddress => "give one address without a name, such as security@example.org",
        Code::MailFolder => "make the directory, and let sendmail take its files from there",
        Code::DeliveryNotFound => "`harness notify deliveries` lists them, `harness notify list` the receivers",
        Code::NoEvents => "sync on a schedule: harness instance schedule INSTANCE --every 1h",
        Code::SignatureUnsupported => "use a newer program, or sync on a schedule",
        Code::InvalidHeader => "this is a bug in the connector: report it to its author",
        Code::WebhookNotFound => "set its secret: harness webhook secret INSTANCE --from-file FILE",
        Code::RemoteListen => "listen on 127.0.0.1 behind a TLS proxy, or confirm with --allow-remote",
        Code::ListenFailed => "choose another address or port",
        Code::TenantNotFound => "`harness tenant list` lists the tenants, `harness tenant add NAME` creates one",
        Code::ViewNotFound => "list the saved views again: it may be removed by now",
        Code::ViewName => "give a shorter name, or one that is not empty",
        Code::TokenNotFound => "`harness token list` lists the API tokens of the tenant, with their ids",
        Code::TokenLifetime => "give --expires-in a time such as 90d",
        Code::TenantExists => "choose another name; `harness tenant list` lists those that exist",
        Code::BackupExists => "choose another directory; nothing is ever overwritten",
        Code::BackupFile => "check the path, the permissions and the space, then run the command again",
        Code::NotABackup => "give the directory that `harness backup` created",
        Code::BackupForged => "use another backup; nothing was restored. Find out who can write to your backups",
        Code::BackupExchanged => "back up into a directory that no other user can write to",
        Code::BackupDamaged => "use another backup; nothing was restored",
        Code::RunNotFound => "`harness runs` lists the runs",
        Code::FindingNotFound => "`harness findings --include-closed` lists the findings of the tenant",
        Code::IssueNotFound => {
            "`harness issues --include-closed --include-non-security` lists the issues of the tenant"
        }
        Code::AmbiguousId => "give more digits of the id, or one of the candidates",
        Code::NetworkFileSystem => {
            "move it to a local disk; to use several machines, give each its own data directory and its own \
             tenants"
        }
        Code::DiskFull => "free some space and run the command again",
        Code::StoreBusy => "wait for the other process to finish, then run the command again",
        Code::StoreDamaged => {
            "`harness doctor` shows where; move the tenant's directory away, and restore a backup with \
             `harness restore DIR` or sync again"
        }
        Code::StoreReadOnly => "check that the disk is not read-only, and the permissions of the data directory",
        Code::StoreSchema => {
            "the store was not used: move the tenant's directory away, and restore a backup that you trust with \
             `harness restore DIR`, or sync again"
        }
        Code::StoreTooSlow => "do not use this file; restore another backup",
        Code::StoreVersion => "use a newer version of this program; move a pre-release store away and sync again",
        Code::StoreTenant => "put each tenant's store back into its own directory",
        Code::AdvisoryNotFound => "import it from a file: harness advisories import FILE",
        Code::CursorMismatch => "use a cursor only with the options of the command that printed it",
        Code::StoreReplaced | Code::Stopped => "run the command again",
        Code::Store => "check that the data directory exists, is writable and has space",
        Code::DryRun
        | Code::Superseded
        | Code::PagingStuck
        | Code::InvalidSchedule
        | Code::InvalidRepository
        | Code::Usage
        | Code::Io
        | Code::Host => return None,
    })
}

/// What a person can do about what `doctor` found.
pub fn check_hint(hint: CheckHint, instance: Option<&InstanceName>) -> String {
    let name = instance.map_or("NAME", InstanceName::as_str);
    match hint {
        CheckHint::FolderIsMade => "the first command that stores something creates it".to_owned(),
        CheckHint::CheckFolder => "check its permissions and the space on the disk".to_owned(),
        CheckHint::RestrictFolder => {
            "remove the permissions of other users: chmod -R go-rwx on the data directory, and chown -R where \
             another user owns something; what others could write may have been altered: restore it from a backup"
                .to_owned()
        }
        CheckHint::RestrictFile => {
            "restrict the file to yourself: chmod go-rwx FILE, and chown if another user owns it; whoever could write \
             it may know its content or have replaced it"
                .to_owned()
        }
        CheckHint::RestoreAgain => "run that `harness restore` again, or remove the directory".to_owned(),
        CheckHint::MoveKey => {
            "generate a key elsewhere, re-encrypt each vault with it (harness vault rekey), and delete this one"
                .to_owned()
        }
        CheckHint::RestoreOrSync => {
            "restore it from a backup with `harness restore`, or move it away and sync again".to_owned()
        }
        CheckHint::RestoreTrusted => {
            "find out who can write to the data directory; move the tenant's directory away, and restore a backup \
             that you trust with `harness restore`, or sync again"
                .to_owned()
        }
        CheckHint::MoveTenant => {
            "rename the directory to the name of its tenant, or restore it with `harness restore`".to_owned()
        }
        CheckHint::NewerProgram => "use a newer program".to_owned(),
        CheckHint::BackUpBefore => "the next command migrates it; make a backup first".to_owned(),
        CheckHint::DeletionsAreFinished => "the next command of this tenant finishes them".to_owned(),
        CheckHint::RunsGoOn => "the next sync or import resumes them".to_owned(),
        CheckHint::SyncRefreshes => "the next sync brings them up to date".to_owned(),
        CheckHint::LookAtRecords => {
            "`harness runs` shows why; to see how a newer connector reads them: harness renormalize --dry-run"
                .to_owned()
        }
        CheckHint::SetClock => "correct the clock of this machine; nothing is lost".to_owned(),
        CheckHint::CompareConnector => {
            "`harness renormalize --dry-run` shows what the newer one would change".to_owned()
        }
        CheckHint::Import => format!("harness import --instance {name} FILE"),
        CheckHint::Renormalize => format!("harness renormalize {name}"),
        CheckHint::Sync => format!("harness sync {name}"),
        CheckHint::RotateToken => format!("harness instance rotate-token {name}"),
        CheckHint::TestInstance => format!("harness instance test {name}"),
    }
}
