use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use super::{Duration, Held, Tenant};
use crate::{
    error::Error,
    test_context::{TestContext, name},
};
use appsec_grant::InstanceName;
use appsec_ingest::Sleep;

/// Lets go of a name when somebody waits for it.
#[derive(Default)]
struct LetsGo(Mutex<Option<Held>>);

impl Sleep for LetsGo {
    fn wait(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        drop(self.0.lock().unwrap().take());
        Box::pin(std::future::ready(()))
    }
}

/// A tenant with a source of reports.
async fn source(waiter: Arc<dyn Sleep>) -> (TestContext, Tenant, InstanceName) {
    let context = TestContext::with(|options| options.waiter = waiter);
    let (tenant, source) = (context.tenant("acme"), name("checker"));
    tenant.source(&source).await.unwrap();
    (context, tenant, source)
}

#[tokio::test]
async fn whoever_only_looks_keeps_no_work_from_beginning() {
    let looks = Arc::new(LetsGo::default());
    let (_context, tenant, name) = source(looks.clone()).await;
    let look = || *looks.0.lock().unwrap() = Some(tenant.try_hold(&name).unwrap());

    look();
    let imported = tenant.import(&name, "no-such-file".as_ref(), Default::default(), Arc::new(|_| ())).await;
    assert!(matches!(imported, Err(Error::Ingest(_))), "{imported:?}");
    look();
    let discarded = tenant.onboard_abandon(&name).await;
    assert!(matches!(discarded, Err(Error::Onboarding(_))), "{discarded:?}");
    look();
    assert!(tenant.delete_instance(&name, &name).await.unwrap().is_proven());
    assert!(looks.0.lock().unwrap().is_none());
}

#[tokio::test]
async fn all_work_on_an_instance_says_who_is_at_work_already() {
    let (_context, tenant, name) = source(Arc::new(LetsGo::default())).await;
    let instance = tenant.instance(&name).await.unwrap();
    let _lease = tenant.lease(&instance, "import").await.unwrap();
    assert!(tenant.holder(&instance).await.unwrap().unwrap().alive);

    let file = "no-such-file".as_ref();
    let refused = [
        tenant.import(&name, file, Default::default(), Arc::new(|_| ())).await.err(),
        tenant.sync(&name, None, Default::default(), Arc::new(|_| ())).await.err(),
        tenant.renormalize(&name, Default::default(), Arc::new(|_| ())).await.err(),
        tenant.rotate_secret(&name, Default::default()).await.err(),
        tenant.change_settings(&name, Default::default()).await.err(),
        tenant.update_connector(&name, None, false).await.err(),
        tenant.delete_instance(&name, &name).await.err(),
    ];
    for error in refused.map(Option::unwrap) {
        assert!(matches!(&error, Error::AtWork(who) if who.starts_with("import by process")), "{error}");
    }
}
