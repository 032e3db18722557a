//! Who may use the pages and the HTTP API, and what each of them may do there.
//!
//! A link of the terminal lets one browser in, which works with the rights of
//! whoever owns the data folder. A program has a token: of one tenant, with a role,
//! until it expires. What either does is written down.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use appsec_grant::{TenantId, counted};
use appsec_model::Timestamp;
use appsec_store::{
    AccessStore, AuditCheck, AuditEntry, AuditFilter, AuditRow, KeptAnswer, KeyHash, NewTokenRow, NewView, Role,
    SavedView, SessionRow, Sessions, StoreError, TokenRow,
};
use data_encoding::{BASE32_DNSSEC, BASE64URL_NOPAD};
use serde::Serialize;

/// For how long a link lets in, unless it is used.
const LINK_TIME: Duration = Duration::from_secs(600);

/// Browsers at one time; the one that was let in first makes place.
const SESSIONS: u32 = 32;

/// What every token begins with, so that searches for leaked secrets find it.
const TOKEN_PREFIX: &str = "hrn_";

/// Signs of a token's id, of its secret, and of its check.
const TOKEN_PARTS: [usize; 3] = [8, 52, 7];

/// Bytes of the name of a saved view.
const VIEW_NAME_BYTES: usize = 80;

const DAY: Duration = Duration::from_secs(86_400);

/// Why access is not given or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// There is no such token.
    #[error("API token `{0}` not found")]
    NoToken(String),
    /// There is no such view.
    #[error("saved view {0} not found")]
    NoView(i64),
    /// A view has a name.
    #[error("the name of a view has 1 to {VIEW_NAME_BYTES} bytes")]
    ViewName,
    /// A token may not work for so long.
    #[error(
        "an API token is valid for {} at least and {} at most",
        counted(1, "minute"),
        counted(Access::LONGEST_DAYS, "day")
    )]
    Lifetime,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// The file of it failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a request needs to be allowed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Permission {
    /// To look, and to export.
    Read,
    /// To decide on findings.
    Triage,
    /// To sync, import, map projects, and set schedules and policies.
    Manage,
    /// To add, change and delete instances, and to give out tokens.
    Administer,
    /// What concerns the machine and no tenant.
    Operate,
}

impl Permission {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Manage => "manage",
            Self::Administer => "administer",
            Self::Operate => "operate",
        }
    }
}

/// What a role may do in its tenant.
fn may(role: Role, needs: Permission) -> bool {
    let highest = match role {
        Role::Viewer => Permission::Read,
        Role::Triager => Permission::Triage,
        Role::Manager => Permission::Manage,
        Role::Admin => Permission::Administer,
    };
    needs <= highest
}

/// Who asks for something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Principal {
    /// Whoever owns the data folder, by the way that they came: `browser` or
    /// `cli`.
    Owner(String),
    /// A program with a token.
    Token {
        /// The token's id.
        id: String,
        /// Its tenant.
        tenant: TenantId,
        /// Its role there.
        role: Role,
    },
}

/// Whether somebody may do something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// They may.
    Granted,
    /// They may not.
    Denied,
    /// They are not to learn whether the tenant exists.
    Hidden,
}

impl Principal {
    /// Whether it may do something, in a tenant or outside of tenants.
    pub fn verdict(&self, tenant: Option<&str>, needs: Permission) -> Verdict {
        match (self, tenant) {
            (Self::Owner(_), _) => Verdict::Granted,
            (Self::Token { tenant: own, .. }, Some(asked)) if own.as_str() != asked => Verdict::Hidden,
            (Self::Token { role, .. }, Some(_)) if may(*role, needs) => Verdict::Granted,
            (Self::Token { .. }, None) if needs == Permission::Read => Verdict::Granted,
            (Self::Token { .. }, _) => Verdict::Denied,
        }
    }

    /// Whether it sees a tenant.
    pub fn sees(&self, tenant: &TenantId) -> bool {
        self.verdict(Some(tenant.as_str()), Permission::Read) == Verdict::Granted
    }

    /// As the audit log names it.
    pub fn who(&self) -> String {
        match self {
            Self::Owner(way) => way.clone(),
            Self::Token { id, .. } => format!("token:{id}"),
        }
    }
}

/// What `token add` prints.
#[derive(Clone, Serialize, schemars::JsonSchema)]
pub struct NewToken {
    /// What is kept of it.
    #[serde(flatten)]
    pub row: TokenRow,
    /// The token: shown now and never again.
    pub token: String,
}

/// What `token list` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct TokenList {
    /// The tokens of the tenant, newest first.
    pub tokens: Vec<TokenRow>,
}

/// The saved views of a tenant.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct ViewList {
    /// By page and name.
    pub views: Vec<SavedView>,
}

/// What `audit list` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct AuditList {
    /// The entries, newest first.
    pub entries: Vec<AuditRow>,
    /// Where the next page begins; none where this is the last one.
    pub next_cursor: Option<String>,
}

/// Lets in, and writes down. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    store: AccessStore,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Access {
    /// Days for which a token works at most.
    pub const LONGEST_DAYS: u64 = 366;
    /// For how long a browser that was let in stays in.
    pub const SESSION_TIME: Duration = Duration::from_secs(90 * 86_400);

    pub(crate) fn new(store: AccessStore, clock: Arc<dyn Fn() -> Timestamp + Send + Sync>) -> Self {
        Self { store, clock }
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn in_(&self, time: Duration) -> Timestamp {
        let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(self.now().as_micros().saturating_add(micros))
    }

    /// Notes where a server answers, for whoever makes a link to it.
    pub async fn set_address(&self, address: SocketAddr) -> Result<(), AccessError> {
        Ok(self.store.set_address(address).await?)
    }

    /// Where the server of the data folder answered last, if there was one.
    pub async fn address(&self) -> Result<Option<SocketAddr>, AccessError> {
        Ok(self.store.address().await?)
    }

    /// The key of a fresh link, which lets one browser in.
    pub async fn new_link(&self) -> Result<String, AccessError> {
        let key = random()?;
        self.store.put_link(hash(&key), self.now(), self.in_(LINK_TIME)).await?;
        Ok(key)
    }

    /// Whether somebody could come in with a link that was made before.
    pub async fn has_link(&self) -> Result<bool, AccessError> {
        Ok(self.store.has_link(self.now()).await?)
    }

    /// Lets a browser in that has the key of a link: the key of its session.
    pub async fn enter(&self, key: &str) -> Result<Option<String>, AccessError> {
        let (session, until) = (random()?, self.in_(Self::SESSION_TIME));
        let entered = self.store.enter(hash(key), hash(&session), self.now(), until, SESSIONS).await?;
        Ok(entered.then_some(session))
    }

    /// What a browser that has this key is listed as; none where it was not let in.
    pub async fn session(&self, key: &str) -> Result<Option<String>, AccessError> {
        Ok(self.store.use_session(hash(key), self.now()).await?)
    }

    /// Ends a session.
    pub async fn leave(&self, key: &str) -> Result<(), AccessError> {
        Ok(self.store.end_session(hash(key)).await?)
    }

    /// The browsers that were let in, newest first.
    pub async fn sessions(&self) -> Result<Vec<SessionRow>, AccessError> {
        Ok(self.store.sessions(self.now()).await?)
    }

    /// Ends sessions by the id of one; tells how many.
    pub async fn end_sessions(&self, which: Sessions) -> Result<usize, AccessError> {
        Ok(self.store.end_sessions(which).await?)
    }

    /// Makes a token of a tenant.
    pub async fn add_token(
        &self,
        tenant: &TenantId,
        name: String,
        role: Role,
        valid_for: Duration,
    ) -> Result<NewToken, AccessError> {
        if !(Duration::from_secs(60)..=DAY.saturating_mul(366)).contains(&valid_for) {
            return Err(AccessError::Lifetime);
        }
        let (mut id, mut secret) = ([0; 5], [0; 32]);
        getrandom::fill(&mut id).and_then(|()| getrandom::fill(&mut secret)).map_err(|_| AccessError::Random)?;
        let id = BASE32_DNSSEC.encode(&id);
        let token = format!("{TOKEN_PREFIX}{id}{}", BASE32_DNSSEC.encode(&secret));
        let token = format!("{token}{}", check(&token));
        let expires_at = self.in_(valid_for);
        let new = NewTokenRow { id, hash: hash(&token), name, tenant: tenant.clone(), role, expires_at };
        Ok(NewToken { row: self.store.add_token(new, self.now()).await?, token })
    }

    /// The tokens of a tenant.
    pub async fn tokens(&self, tenant: &TenantId) -> Result<TokenList, AccessError> {
        Ok(TokenList { tokens: self.store.tokens(tenant.clone()).await? })
    }

    /// Revokes a token of a tenant, by its id.
    pub async fn revoke_token(&self, tenant: &TenantId, id: &str) -> Result<TokenRow, AccessError> {
        let revoked = self.store.revoke_token(tenant.clone(), id.to_owned(), self.now()).await?;
        revoked.ok_or_else(|| AccessError::NoToken(id.to_owned()))
    }

    /// Forgets the tokens of a tenant that was deleted.
    pub(crate) async fn forget_tokens(&self, tenant: &TenantId) -> Result<(), AccessError> {
        self.store.forget_tokens(tenant.clone()).await?;
        Ok(())
    }

    /// Whoever has a token that works.
    pub async fn principal(&self, token: &str) -> Result<Option<Principal>, AccessError> {
        if !has_form(token) {
            return Ok(None);
        }
        let Some(row) = self.store.use_token(hash(token), self.now()).await? else { return Ok(None) };
        // Only checked names are ever written.
        let tenant = row.tenant.parse().ok();
        Ok(tenant.map(|tenant| Principal::Token { id: row.id, tenant, role: row.role }))
    }

    /// Keeps the filter of a list under a name, in place of one of the same name.
    pub async fn save_view(&self, tenant: &TenantId, view: NewView) -> Result<SavedView, AccessError> {
        let name = view.name.trim().to_owned();
        if name.is_empty() || name.len() > VIEW_NAME_BYTES {
            return Err(AccessError::ViewName);
        }
        Ok(self.store.save_view(tenant.clone(), NewView { name, ..view }, self.now()).await?)
    }

    /// The saved views of a tenant, by page and name.
    pub async fn views(&self, tenant: &TenantId) -> Result<ViewList, AccessError> {
        Ok(ViewList { views: self.store.views(tenant.clone()).await? })
    }

    /// Forgets a saved view.
    pub async fn remove_view(&self, tenant: &TenantId, id: i64) -> Result<(), AccessError> {
        match self.store.remove_view(tenant.clone(), id).await? {
            true => Ok(()),
            false => Err(AccessError::NoView(id)),
        }
    }

    /// What was answered within a day to a request that is sent again: `request` is
    /// all that tells it from others.
    pub async fn answer(&self, request: &str) -> Result<Option<KeptAnswer>, AccessError> {
        Ok(self.store.answer(hash(request), self.a_day_ago()).await?)
    }

    /// Keeps what was answered to a request.
    pub async fn keep_answer(&self, request: &str, tenant: String, answer: KeptAnswer) -> Result<(), AccessError> {
        Ok(self.store.keep_answer(hash(request), tenant, answer, self.now(), self.a_day_ago()).await?)
    }

    fn a_day_ago(&self) -> Timestamp {
        let day = i64::try_from(DAY.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(self.now().as_micros().saturating_sub(day))
    }

    /// Writes down what is done.
    pub async fn record(&self, entry: AuditEntry) -> Result<(), AccessError> {
        Ok(self.store.record(entry, self.now()).await?)
    }

    /// The newest entries of the audit log, of all tenants or of one.
    pub async fn audit(&self, tenant: Option<&TenantId>, limit: u32) -> Result<AuditList, AccessError> {
        self.audit_of(AuditFilter { tenant: tenant.cloned(), limit, ..AuditFilter::default() }).await
    }

    /// The newest entries of the audit log that a filter finds.
    pub async fn audit_of(&self, filter: AuditFilter) -> Result<AuditList, AccessError> {
        let wanted = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        // One more tells whether there is a next page.
        let more = filter.limit.saturating_add(1);
        let mut entries = self.store.audit(AuditFilter { limit: more, ..filter }).await?;
        let goes_on = entries.len() > wanted;
        entries.truncate(wanted);
        let last = entries.last().map(|it| it.number.to_string());
        Ok(AuditList { entries, next_cursor: last.filter(|_| goes_on) })
    }

    /// Goes through the whole audit log.
    pub async fn check_audit(&self) -> Result<AuditCheck, AccessError> {
        Ok(self.store.check_audit().await?)
    }
}

/// Keys and tokens have 256 random bits: a slow hash would gain nothing.
fn hash(key: &str) -> KeyHash {
    *blake3::hash(key.as_bytes()).as_bytes()
}

fn random() -> Result<String, AccessError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| AccessError::Random)?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}

/// What tells a slip in copying from a token that was revoked.
fn check(token: &str) -> String {
    let hash = blake3::hash(token.as_bytes());
    BASE32_DNSSEC.encode(hash.as_bytes().first_chunk::<4>().map_or(&[][..], |it| it.as_slice()))
}

fn has_form(token: &str) -> bool {
    let [id, secret, _] = TOKEN_PARTS;
    let begin = TOKEN_PREFIX.len() + id + secret;
    token.starts_with(TOKEN_PREFIX) && token.split_at_checked(begin).is_some_and(|(token, end)| end == check(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(folder: &tempfile::TempDir) -> Access {
        let store = AccessStore::open(&folder.path().join("access.sqlite3")).unwrap();
        Access::new(store, Arc::new(|| Timestamp::from_micros(1_000_000)))
    }

    #[test]
    fn each_role_may_what_those_before_it_may_and_none_may_operate() {
        let all =
            [Permission::Read, Permission::Triage, Permission::Manage, Permission::Administer, Permission::Operate];
        let told = Role::ALL.iter().map(|role| {
            let may: Vec<&str> = all.into_iter().filter(|it| may(*role, *it)).map(Permission::as_str).collect();
            format!("{}: {}", role.as_str(), may.join(" "))
        });
        insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r"
        viewer: read
        triager: read triage
        manager: read triage manage
        admin: read triage manage administer
        ");
    }

    #[test]
    fn a_token_learns_nothing_of_other_tenants_and_the_owner_may_all() {
        let [own, other] = ["acme", "other"].map(|it| it.parse::<TenantId>().unwrap());
        let token = Principal::Token { id: "1".to_owned(), tenant: own.clone(), role: Role::Viewer };
        assert_eq!(token.verdict(Some("acme"), Permission::Read), Verdict::Granted);
        assert_eq!(token.verdict(Some("acme"), Permission::Triage), Verdict::Denied);
        assert_eq!(token.verdict(Some("other"), Permission::Read), Verdict::Hidden);
        assert_eq!(token.verdict(Some("none"), Permission::Administer), Verdict::Hidden);
        assert_eq!(token.verdict(None, Permission::Read), Verdict::Granted);
        assert_eq!(token.verdict(None, Permission::Operate), Verdict::Denied);
        assert!(token.sees(&own) && !token.sees(&other));
        let owner = Principal::Owner("browser".to_owned());
        assert_eq!(owner.verdict(Some("other"), Permission::Operate), Verdict::Granted);
    }

    #[tokio::test]
    async fn a_token_has_a_form_of_its_own_and_is_kept_as_a_hash() {
        let folder = tempfile::tempdir().unwrap();
        let access = access(&folder);
        let tenant: TenantId = "acme".parse().unwrap();
        let made = access.add_token(&tenant, "ci".to_owned(), Role::Manager, 90 * DAY).await.unwrap();
        let [id, secret, end] = TOKEN_PARTS;
        assert_eq!(made.token.len(), TOKEN_PREFIX.len() + id + secret + end);
        assert!(made.token.starts_with(&format!("hrn_{}", made.row.id)) && has_form(&made.token));
        let known = access.principal(&made.token).await.unwrap().unwrap();
        assert_eq!(known.who(), format!("token:{}", made.row.id));
        for place in 0..made.token.len() {
            let mut slipped = made.token.clone().into_bytes();
            slipped[place] = if slipped[place] == b'0' { b'1' } else { b'0' };
            let slipped = String::from_utf8(slipped).unwrap();
            assert!(!has_form(&slipped) && access.principal(&slipped).await.unwrap().is_none(), "{place}");
        }
        drop(access);
        let mut files = 0;
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            let secret = &made.token.as_bytes()[TOKEN_PREFIX.len() + id..];
            assert!(!bytes.windows(20).any(|it| it == &secret[..20]));
            files += 1;
        }
        assert!(files > 0);
    }

    #[tokio::test]
    async fn no_token_works_for_ever_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let (access, tenant): (_, TenantId) = (access(&folder), "acme".parse().unwrap());
        for seconds in [0, 59, 366 * 86_400 + 1] {
            let made = access.add_token(&tenant, String::new(), Role::Viewer, Duration::from_secs(seconds)).await;
            assert!(matches!(made, Err(AccessError::Lifetime)), "{seconds}");
        }
        assert!(matches!(access.revoke_token(&tenant, "none").await, Err(AccessError::NoToken(_))));
    }
}
