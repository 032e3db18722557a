//! What the codes of the library mean, for whoever asks over HTTP.

use host_harness::grant::Code;

use super::{About, about};

/// What a code of the library means. Whoever adds one says it here.
#[expect(clippy::too_many_lines, reason = "one table, so that the compiler finds the code that is missing")]
pub(super) const fn of(code: Code) -> About {
    match code {
        Code::InvalidSettings => {
            about("The connector refuses its settings.", "Correct the settings that the message names.")
        }
        Code::NotConfigured => about("The instance has not been connected yet.", "Test its connection."),
        Code::Unauthorized => {
            about("The vendor refuses the token.", "Create a new token at the vendor, and give it here.")
        }
        Code::Forbidden => about(
            "The token is valid but lacks a permission.",
            "Ask the owner of the token to grant the permission at the vendor.",
        ),
        Code::MissingScope => about(
            "The token lacks the scope for the vendor's API.",
            "Make sure that the token has the scope for the vendor's Web API, and that the deployment's name is right.",
        ),
        Code::NoDeployment => about(
            "The token sees no deployment at the vendor.",
            "Sign in to the vendor, make sure that there is an active deployment, and create the token there.",
        ),
        Code::DeploymentNotFound => about(
            "The vendor has no deployment of this name.",
            "Correct the name of the deployment in the settings, or leave it out.",
        ),
        Code::ProjectNotFound => {
            about("The vendor has no such project.", "List the projects, and use one of their names.")
        }
        Code::RateLimited => about("The vendor asks to wait.", "Nothing is lost: try again later."),
        Code::Unavailable => about(
            "The vendor does not answer, or answers with a failure of its own.",
            "Check that the vendor's address in the settings is right and reachable from this machine.",
        ),
        Code::EgressDenied => about(
            "The connector wants to reach an address that it was not granted.",
            "Grant the origin if it is the right one. An address of this machine or network has to be allowed explicitly.",
        ),
        Code::Protocol => about(
            "The vendor answers something else than its API promises.",
            "Check that the vendor's address in the settings is right. If it is, the connector needs an update.",
        ),
        Code::InvalidCursor => about(
            "The connector does not take its own cursor any more.",
            "Sync again from the beginning: `harness sync --restart`.",
        ),
        Code::Unsupported => about("The connector cannot do this.", "See what it supports: `harness inspect`."),
        Code::Limit => about(
            "The connector came to a limit of its own.",
            "A smaller page size may help; if not, report it to the connector's author.",
        ),
        Code::Internal => {
            about("A fault in the connector.", "Report the message to its author; stored data is intact.")
        }
        Code::RequestRefused => about(
            "The connector breaks a rule for requests that holds for all connectors.",
            "No grant lifts the rule: report it to the connector's author.",
        ),
        Code::EncodedAnswer => about(
            "The answer is compressed, though nobody asked for it.",
            "Turn compression off for this address at the proxy or server that does it.",
        ),
        Code::ProxyUnavailable => about(
            "The proxy does not answer, or does not reach the vendor.",
            "Check the address of the proxy, and that it reaches the vendor.",
        ),
        Code::ProxyRefused => about(
            "The proxy refuses the connection to the vendor.",
            "Ask who runs the proxy to let CONNECT through to the vendor's host, or use another proxy.",
        ),
        Code::ProxyCredentials => {
            about("The proxy asks for credentials, or refuses those given.", "Give the instance the right ones.")
        }
        Code::ProxyProtocol => about(
            "What answers in the proxy's place does not speak as one.",
            "Check that it is an HTTP proxy. One that inspects TLS needs its authority among those that this system trusts.",
        ),
        Code::InvalidProxy => about("The address of the proxy cannot be read.", "Write it as http://host:port."),
        Code::OauthRefused => about(
            "The token endpoint refuses the client's credentials.",
            "Create new credentials for the client at the vendor, and give them here.",
        ),
        Code::OauthUnavailable => about(
            "The token endpoint does not answer.",
            "Check that it is reachable from this machine, then try again.",
        ),
        Code::OauthProtocol => about(
            "The token endpoint answers something else than OAuth 2.0.",
            "Check that its origin is right and granted.",
        ),
        Code::SandboxLimit => about(
            "The connector came to a limit of its sandbox: memory, time, or the size of an answer.",
            "A smaller page size may help; if not, report it to the connector's author.",
        ),
        Code::CassetteIncomplete => about(
            "The recording lacks the answer to a request.",
            "Record it again, with the same connector and settings.",
        ),
        Code::CassetteSecret => {
            about("The recording would hold a secret.", "Record with a token that the vendor does not repeat.")
        }
        Code::CassetteUnreadable => about("The file is no recording.", "Use one that was written with `--record`."),
        Code::ConnectorCrashed => {
            about("The connector crashed.", "Report the message to its author; stored data is intact.")
        }
        Code::ConnectorUnusable => about(
            "The file is no connector that this program can use.",
            "Check the file: `harness inspect` shows what it is.",
        ),
        Code::ConnectorNotFound => {
            about("The connector's file is not there.", "Give the instance a connector that is there.")
        }
        Code::ConnectorMismatch => {
            about("The instance is of another connector.", "Use the connector that the instance was made with.")
        }
        Code::ConnectorChanged => about(
            "The connector's file is another one than was accepted.",
            "Put the previous file back, or inspect the new one and accept it: `harness connector update`.",
        ),
        Code::ConnectorNotPinned => about(
            "The connector of the instance is not pinned to a file.",
            "See where it comes from: `harness instance show`.",
        ),
        Code::ConnectorNotOwn => about(
            "The instance has a connector of its own, and another one was named.",
            "Give the connector to the instance first: `harness connector update`.",
        ),
        Code::ConnectorNotInstalled => {
            about("No such connector is installed.", "Install it: `harness connector install`.")
        }
        Code::ConnectorDamaged => about(
            "The installed connector is not what it was.",
            "Remove it, and install it again with the same SHA-256.",
        ),
        Code::ConnectorHash => about(
            "The component has another SHA-256 than stated.",
            "Check where it comes from, and what its publisher states.",
        ),
        Code::SbomNotFound => {
            about("The component does not say which packages are in it.", "Ask its author for a bill of materials.")
        }
        Code::OciReference => about(
            "The address names no component in a registry.",
            "Write it with the digest of its manifest: `oci://registry/repository@sha256:HEX`.",
        ),
        Code::ConnectorInUse => {
            about("Instances use the connector.", "Give them another version, or delete them, first.")
        }
        Code::DownloadWithoutTls => about(
            "The address of the component is not encrypted.",
            "Use an https address, or state the SHA-256 of the component.",
        ),
        Code::DownloadFailed => about(
            "The component cannot be downloaded.",
            "Check the address, or download it yourself and install the file.",
        ),
        Code::CatalogueNotFound => {
            about("There is no such catalogue.", "List the catalogues: `harness catalogue list`.")
        }
        Code::CatalogueExists => about("A catalogue has this name.", "Choose another name."),
        Code::CatalogueKey => about(
            "The key for a catalogue cannot be used.",
            "Give a key of minisign; sign with that tool itself where the key has a password.",
        ),
        Code::CatalogueUnavailable => about(
            "The catalogue or its signature cannot be read.",
            "Check its path or address, and that the signature is beside it.",
        ),
        Code::CatalogueSignature => about(
            "The catalogue is not signed with the pinned key, or was changed since.",
            "Try again; if it stays, ask its publisher over another channel.",
        ),
        Code::CatalogueInvalid => about(
            "The catalogue is signed, but says what cannot be.",
            "Report it to its publisher; nothing was installed.",
        ),
        Code::CatalogueExpired => about(
            "The catalogue is too old to be believed.",
            "Ask its publisher for a new edition, or check the clock of the machine.",
        ),
        Code::CatalogueRolledBack => {
            about("The catalogue is older than one that was seen before.", "Ask its publisher; nothing of it was used.")
        }
        Code::ConnectorNotCatalogued => {
            about("No catalogue has this connector or version.", "Search for it: `harness catalogue search`.")
        }
        Code::ConnectorYanked => {
            about("The publisher has taken this version back.", "Use another version: `harness catalogue search`.")
        }
        Code::InstanceNotFound => {
            about("There is no instance of this name.", "List the instances, and use one of their names.")
        }
        Code::InstanceExists => about("An instance has this name.", "Choose another name."),
        Code::ImportOnly => {
            about("The instance has no vendor to be asked: its findings come from files.", "Import its reports again.")
        }
        Code::NotImportOnly => about(
            "The instance is of a connector, and takes no reports of others.",
            "Import them under another name; it is made if it is not there.",
        ),
        Code::Locked => about("Other work on the instance is under way.", "Wait until it has ended, then try again."),
        Code::DaemonRunning => {
            about("Another daemon works on the data directory.", "Stop it first, or let it do the syncs.")
        }
        Code::Paused => about("The instance is paused.", "Resume it first."),
        Code::NotAccepted => about(
            "The instance comes from a backup, and nobody has accepted what it may reach.",
            "Check its origins and where its secrets are read from, then resume it.",
        ),
        Code::AccountMismatch => about(
            "The token is of another account than the instance.",
            "Use a token of the same account, or add another instance for this one.",
        ),
        Code::SettingNotFound => {
            about("The connector has no such setting.", "Use one of those that its form or `harness inspect` lists.")
        }
        Code::InvalidOrigin => about("The origin cannot be read.", "Write it as https://host or https://host:port."),
        Code::Secret => about(
            "The secret cannot be read from where it is said to be.",
            "Type the token into the form, or correct the file or variable.",
        ),
        Code::SecretReserved => {
            about("The variable is one that this program uses itself.", "Give the secret by another variable.")
        }
        Code::SecretNotGiven => {
            about("The connector needs a secret, and none was given.", "Type the token into the form.")
        }
        Code::SecretNotStored => about("The secret is not in the vault.", "Give it once more, and have it stored."),
        Code::SecretAmbiguous => about(
            "The connector needs several secrets, and it is not said which one this is.",
            "Give each with the name of its variable.",
        ),
        Code::SecretUnknown => {
            about("The connector needs no secret of this name.", "Use one of those that `harness inspect` lists.")
        }
        Code::NotConfirmed => about("A deletion was not confirmed.", "Type the name exactly as it is shown."),
        Code::LinkedFiles => about(
            "A link stands where a file is to be deleted.",
            "Replace the link with its target, or remove both yourself.",
        ),
        Code::DeletionPending => {
            about("A deletion was cut off and is not finished.", "The next command on this tenant finishes it.")
        }
        Code::InvalidSchedule => {
            about("The schedule cannot be read.", "Give an interval such as 1h, or a cron expression with five fields.")
        }
        Code::VaultKey => about("The key of the vault is not given.", "Start `harness serve` with --vault-key-file."),
        Code::VaultKeyForm => {
            about("The key of the vault is not whole.", "Give it as `harness vault generate-key` prints it.")
        }
        Code::VaultKeyMismatch => about(
            "The vault is sealed with another key.",
            "Start `harness serve` with the key that this tenant's vault was sealed with.",
        ),
        Code::VaultDamaged => {
            about("The vault is damaged.", "Restore it from a backup, or move it away and give the tokens again.")
        }
        Code::VaultVersion => about("The vault is of a newer program.", "Use that program, or a newer one."),
        Code::VaultTenant => {
            about("The vault is of another tenant.", "Put each tenant's vault back into its own directory.")
        }
        Code::VaultAudience => about(
            "The secret is sealed for other origins.",
            "Check the origins; if they are right, give the secret again.",
        ),
        Code::VaultEntry => about("The secret in the vault cannot be read.", "Give the token again."),
        Code::VaultFile => about(
            "The file of the vault cannot be read or written.",
            "Check that the data directory belongs to this user and has space.",
        ),
        Code::Selection => about(
            "What was selected is not there, or is not read.",
            "List the projects and kinds. A project that is not mapped is mapped first.",
        ),
        Code::NoProjects => about(
            "The vendor lists no project, though there were some.",
            "Check at the vendor what the token may see. If all were removed, confirm it with the next sync.",
        ),
        Code::RemovalRefused => about(
            "More findings would vanish than one sync may remove.",
            "Look at what would vanish. If it is really gone, sync once with a higher limit.",
        ),
        Code::DryRun => about("It was only tried: nothing was changed.", "Leave the dry run out to do it."),
        Code::ScanFailed => about("The report is of a scan that failed.", "Scan again, and import the new report."),
        Code::Superseded => about("Another run has taken its place.", "Look at the newer run."),
        Code::PagingStuck => {
            about("The connector's pages bring nothing new and do not end.", "Report it to the connector's author.")
        }
        Code::NotPrepared => about("The vendor has not prepared its report yet.", "Nothing is lost: try again later."),
        Code::RunNotFound => about("There is no run of this number.", "List the runs."),
        Code::FileUnreadable => about("The file cannot be read.", "Check that it is complete."),
        Code::FileUnsupported => about(
            "The file is in no format that is known here.",
            "Import SARIF, CycloneDX, OSV-Scanner JSON or a GitLab report, or a file of the connector's vendor.",
        ),
        Code::FileChanged => about("The file changed while it was read.", "Import it again once nothing writes to it."),
        Code::ReportRefused => about(
            "The report says something that cannot be.",
            "Let the scanner write it again, as SARIF 2.1.0, CycloneDX JSON, OSV-Scanner JSON or a GitLab report.",
        ),
        Code::FormatNotFound => about("There is no such format.", "Leave the format out to have it detected."),
        Code::ProjectNotNamed => about("The file does not say which project it is of.", "Name the project."),
        Code::KindMismatch => about("The file holds findings of another kind.", "Check that it is the right file."),
        Code::KindNotNamed => about("The file does not say which kind its scan is of.", "Name the kind, such as sast."),
        Code::ScanIncomplete => about(
            "The file cannot be taken as a complete scan.",
            "Import it without saying that it is complete: then nothing is closed.",
        ),
        Code::ProjectUnknown => {
            about("There is no such project.", "List the projects, and use one of their names or ids.")
        }
        Code::IncompleteList => about(
            "Not all of the list can be read, so that it cannot replace the one that is there.",
            "Correct the places that the message names, or add it without replacing.",
        ),
        Code::RepositoryNotFound => about("There is no such repository.", "List the repositories, or add it."),
        Code::RepositoryAmbiguous => about("Several repositories have this name.", "Give the URL of the repository."),
        Code::ProjectAmbiguous => {
            about("Several instances have a project of this name.", "Name the instance, or give the vendor's id.")
        }
        Code::InvalidRepository => {
            about("The repository cannot be read.", "Give a full name such as acme/shop, or a URL.")
        }
        Code::RepositoryInUse => about("Projects are mapped to the repository.", "Map them to another one first."),
        Code::FindingsUndecided => about(
            "It is not said what becomes of the findings.",
            "Choose what becomes of its findings: keep or delete.",
        ),
        Code::FieldNotFound => about(
            "There is no such field of a scan.",
            "Use environment, branch, tag, metadata, or a key of the metadata.",
        ),
        Code::OnboardingNotFound => about("No setup of this name is under way.", "Begin one."),
        Code::OnboardingExists => about("A setup of this name is under way.", "Choose another name, or go on with it."),
        Code::OnboardingConnectorChanged => {
            about("The connector is another one than the setup was begun with.", "Discard this setup and begin anew.")
        }
        Code::OnboardingIncomplete => about("The setup lacks an answer.", "Go on with it: what was answered is kept."),
        Code::NoReadableKind => about(
            "The token reads none of the kinds that were chosen.",
            "Choose others, or give it more permissions at the vendor.",
        ),
        Code::KindNotReadable => about(
            "The token does not read this kind.",
            "Choose among those that it reads, or grant it the permission at the vendor.",
        ),
        Code::PatternUnmatched => {
            about("The pattern matches no project.", "Correct it: `*` stands for any characters.")
        }
        Code::InvalidPolicies => {
            about("The file of policies has mistakes.", "Correct the places that the message names.")
        }
        Code::NoPolicies => about("No policies are in force.", "Import some."),
        Code::PolicyNotFound => about("There is no policy of this id.", "List the policies."),
        Code::NothingInScope => about("The scope holds no project.", "Correct the filter, or leave it out."),
        Code::InvalidDecision => about(
            "The decision cannot be made so.",
            "Give a decision that closes findings a reason, and an end that is to come.",
        ),
        Code::InvalidTriageFile => {
            about("The file of decisions has mistakes.", "Correct the places that the message names.")
        }
        Code::WriteBackUnsupported => {
            about("The connector writes no decisions to its vendor.", "Decide at the vendor itself.")
        }
        Code::WriteBackOff => about(
            "Writing decisions to the vendor is switched off for the instance.",
            "Look at what would be written, then switch it on.",
        ),
        Code::InvalidUrl => about("The address cannot be read.", "Write it as https://host/path."),
        Code::UrlFragment => {
            about("The address has a fragment, which is never sent.", "Leave out what follows the `#`.")
        }
        Code::UrlWithoutTls => about(
            "The address is not encrypted, or one of this machine or network.",
            "Use https. An address of your own network has to be allowed explicitly.",
        ),
        Code::OriginMismatch => about(
            "The origin that is allowed is not that of the address.",
            "Allow the exact origin: scheme, host and port.",
        ),
        Code::SecretTooShort => {
            about("The secret is too short to sign with.", "Generate a random one, such as with: openssl rand -hex 32.")
        }
        Code::SecretForm => about(
            "The secret is not of the form that its beginning promises.",
            "Check that it is whole, or give one without that prefix.",
        ),
        Code::SecretOnce => {
            about("The secret would be read once only.", "Keep it in the vault, or give a file or a variable.")
        }
        Code::NotifyNotFound => about("The instance notifies nobody.", "Set a receiver first."),
        Code::AlertNotFound => about("There is no alert of this name.", "List the alerts."),
        Code::InvalidMailAddress => {
            about("The mail address cannot be read.", "Give one address without a name, such as security@example.org.")
        }
        Code::MailFolder => about(
            "The folder for mails is not there or not writable.",
            "Make the folder, and let sendmail take its files from there.",
        ),
        Code::DeliveryNotFound => about("There is no such delivery.", "List the deliveries."),
        Code::NoEvents => about("The connector takes no events of its vendor.", "Sync on a schedule."),
        Code::SignatureUnsupported => about(
            "The vendor signs its events in a way that is not known here.",
            "Use a newer program, or sync on a schedule.",
        ),
        Code::InvalidHeader => about("The connector names a header that cannot be.", "Report it to its author."),
        Code::WebhookNotFound => {
            about("The instance takes no events: it has no secret to check them by.", "Set the secret first.")
        }
        Code::RemoteListen => {
            about("The address is reachable from other machines.", "Listen on 127.0.0.1 behind a TLS proxy.")
        }
        Code::ListenFailed => about("The address cannot be listened on.", "Choose another address or port."),
        Code::TenantNotFound => about("There is no such tenant.", "List the tenants, or add it."),
        Code::TenantExists => about("A tenant has this name.", "Choose another name."),
        Code::BackupExists => {
            about("Something is at the place of the backup.", "Choose another directory: nothing is ever overwritten.")
        }
        Code::BackupFile => {
            about("The backup cannot be read or written.", "Check the path, the permissions and the space.")
        }
        Code::NotABackup => about("The directory is no backup.", "Give the directory that `harness backup` created."),
        Code::BackupForged => about(
            "The backup was not made with the key of this vault.",
            "Use another backup, and find out who can write to your backups.",
        ),
        Code::BackupExchanged => about(
            "The backup was exchanged while it was read.",
            "Back up into a directory that no other user can write to.",
        ),
        Code::BackupDamaged => about("The backup is damaged.", "Use another backup: nothing was restored."),
        Code::TokenNotFound => about("There is no API token of this id.", "List the API tokens."),
        Code::ViewNotFound => {
            about("There is no such saved view.", "List the saved views again: it may be removed by now.")
        }
        Code::ViewName => about("The name of the view is empty or too long.", "Give another one."),
        Code::TokenLifetime => {
            about("A token cannot last that long, or not at all.", "Give between one day and a year.")
        }
        Code::FindingNotFound => about("There is no such finding.", "Look for it with the closed ones included."),
        Code::IssueNotFound => about("There is no such issue.", "Look for it with the closed ones included."),
        Code::AmbiguousId => about("Several ids begin so.", "Give more digits of the id."),
        Code::AdvisoryNotFound => {
            about("There is no such advisory.", "Import it from a file: `harness advisories import`.")
        }
        Code::CursorMismatch => about(
            "The cursor is of another list, or of another filter.",
            "Use it with the filter of the answer that it is from, or begin without one.",
        ),
        Code::Usage => about("The request asks for something that cannot be.", "Correct what the message names."),
        Code::FolderExposed => {
            about("Other users can write to a folder of secrets or code.", "Remove the write permission of others.")
        }
        Code::FileExposed => about(
            "Other users can read or write a file with a secret.",
            "Restrict it to yourself, and consider the secret known.",
        ),
        Code::Io => about("A file cannot be read or written.", "Check the path, the permissions and the space."),
        Code::NetworkFileSystem => about("The data directory is on a network file system.", "Move it to a local disk."),
        Code::DiskFull => about("The disk is full.", "Free some space, then try again."),
        Code::StoreBusy => about("Another process writes to the store.", "Try again in a moment."),
        Code::StoreDamaged => {
            about("The store is damaged.", "Restore a backup, or move the tenant's directory away and sync again.")
        }
        Code::StoreReadOnly => about(
            "The store cannot be written to.",
            "Check that the disk is not read-only, and the permissions of the data directory.",
        ),
        Code::StoreSchema => about(
            "The store holds what this program has not put there.",
            "Restore a backup that you trust, or sync again.",
        ),
        Code::StoreTooSlow => {
            about("The store makes simple questions slow.", "Do not use this file: restore another backup.")
        }
        Code::StoreVersion => {
            about("The store is of another version of this program.", "Use a newer version of this program.")
        }
        Code::StoreTenant => {
            about("The store is of another tenant.", "Put each tenant's store back into its own directory.")
        }
        Code::StoreReplaced => about("The store was replaced while it was in use.", "Try again."),
        Code::Store => {
            about("The store cannot be read or written.", "Check that the data directory is writable and has space.")
        }
        Code::Stopped => about("The server ends.", "Try again once it is up."),
        Code::Host => about("A fault of this program or machine.", "Try again; if it stays, report the message."),
    }
}
