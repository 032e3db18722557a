use std::fs;

use tempfile::TempDir;

use super::{EntryState, GivenKeys, Vault, VaultError, VaultKey, file};
use appsec_grant::{Addresses, Audience, Code, EgressPolicy, InstanceName, Secret, SecretSource};

const VARIABLE: &str = "VENDOR_TOKEN";

fn vault_of(folder: &TempDir, tenant: &str) -> Vault {
    Vault::new(folder.path(), tenant.parse().unwrap())
}

fn name(name: &str) -> InstanceName {
    name.parse().unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::checked(text, &SecretSource::Input).unwrap()
}

fn put(vault: &Vault, key: &VaultKey, instance: &str, text: &str) {
    vault.put(key, &name(instance), &[(VARIABLE.to_owned(), secret(text))], &usual()).unwrap();
}

/// Where the secrets of these tests may go.
fn usual() -> Audience {
    origins("https://vendor.example", Addresses::Public)
}

fn origins(origin: &str, addresses: Addresses) -> Audience {
    let mut policy = EgressPolicy::default();
    policy.grant(origin.parse().unwrap(), addresses);
    Audience::of_instance(&policy, None)
}

fn entry(instance: &str, variable: &str) -> file::EntryName {
    (instance.to_owned(), variable.to_owned(), usual().as_str().to_owned())
}

/// Keys in files of a folder.
fn key_files(keys: &[&VaultKey]) -> (TempDir, Vec<SecretSource>) {
    let folder = tempfile::tempdir().unwrap();
    let source = |key: &&VaultKey| {
        let path = folder.path().join(key.id());
        appsec_grant::files::write_private(&path, key.text().as_bytes()).unwrap();
        SecretSource::File { path }
    };
    let sources = keys.iter().map(source).collect();
    (folder, sources)
}

fn given(keys: &[&VaultKey]) -> GivenKeys {
    GivenKeys::read(&key_files(keys).1)
}

fn told(outcome: Result<Secret, VaultError>) -> String {
    outcome.unwrap_err().to_string()
}

/// A vault with the secrets of two instances.
fn filled() -> (TempDir, Vault, VaultKey) {
    let folder = tempfile::tempdir().unwrap();
    let (vault, key) = (vault_of(&folder, "acme"), VaultKey::generate().unwrap());
    put(&vault, &key, "code", "first-secret");
    put(&vault, &key, "cloud", "second-secret");
    (folder, vault, key)
}

#[test]
fn each_instance_gets_its_own_secret_back() {
    let (folder, vault, key) = filled();
    assert_eq!(vault.get(&key, &name("code"), VARIABLE, &usual()).unwrap().reveal(), "first-secret");
    put(&vault, &key, "code", "third-secret");
    let again = vault_of(&folder, "acme");
    assert_eq!(again.get(&key, &name("code"), VARIABLE, &usual()).unwrap().reveal(), "third-secret");
    assert_eq!(again.get(&key, &name("cloud"), VARIABLE, &usual()).unwrap().reveal(), "second-secret");
    insta::assert_snapshot!(told(vault.get(&key, &name("code"), "OTHER", &usual())), @"the vault holds no OTHER for `code`");
    insta::assert_snapshot!(told(vault_of(&tempfile::tempdir().unwrap(), "acme").get(&key, &name("code"), VARIABLE, &usual())), @"the vault holds no VENDOR_TOKEN for `code`");
}

#[test]
fn no_file_of_the_folder_holds_a_secret_or_the_key() {
    let (folder, vault, key) = filled();
    vault.rekey(&key, &VaultKey::generate().unwrap()).unwrap();
    let mut files = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let text = String::from_utf8(fs::read(entry.unwrap().path()).unwrap()).unwrap();
        for hidden in ["first-secret", "second-secret", key.text().rsplit('-').next().unwrap()] {
            assert!(!text.contains(hidden) && !text.contains(&data_encoding::HEXLOWER.encode(hidden.as_bytes())));
        }
        files += 1;
    }
    assert_eq!(files, 2, "the vault and its lock");
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, vault, key) = filled();
    vault.rekey(&key, &VaultKey::generate().unwrap()).unwrap();
    assert_eq!(fs::metadata(vault.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_wrong_key_opens_nothing_and_changes_nothing() {
    let (_folder, vault, key) = filled();
    let (before, other) = (fs::read(vault.path()).unwrap(), VaultKey::generate().unwrap());
    let wrong = |outcome: Result<(), VaultError>| {
        assert!(
            matches!(outcome, Err(VaultError::WrongKey { wanted, given, .. }) if wanted == key.id() && given == [other.id()])
        );
    };
    wrong(vault.get(&other, &name("code"), VARIABLE, &usual()).map(|_| ()));
    wrong(vault.put(&other, &name("more"), &[(VARIABLE.to_owned(), secret("x"))], &usual()));
    wrong(vault.rekey(&other, &VaultKey::generate().unwrap()).map(|_| ()));
    wrong(vault.key(given(&[&other])).map(|_| ()));
    assert_eq!(fs::read(vault.path()).unwrap(), before);
}

#[test]
fn a_vault_takes_its_key_among_those_that_are_given() {
    let (folder, vault, key) = filled();
    let (other, third) = (VaultKey::generate().unwrap(), VaultKey::generate().unwrap());
    let fresh = vault_of(&tempfile::tempdir().unwrap(), "acme");
    for keys in [[&key, &other, &third], [&other, &key, &third], [&third, &other, &key]] {
        assert_eq!(vault.key(given(&keys)).unwrap().id(), key.id());
        assert_eq!(fresh.key(given(&keys)).unwrap().id(), keys[0].id(), "a new vault takes the first");
        assert!(vault.report(given(&keys)).unwrap().entries.iter().all(|it| it.state == EntryState::Opens));
    }
    let told = vault.key(given(&[&other, &third])).unwrap_err().to_string();
    assert_eq!(
        told,
        format!(
            "the vault {} is sealed with the key {}, but the given keys are {}, {}",
            vault.path().display(),
            key.id(),
            other.id(),
            third.id()
        )
    );
    // A file that cannot be read does no harm where another holds the key.
    let absent = SecretSource::File { path: folder.path().join("absent") };
    let (keys, sources) = key_files(&[&other, &key]);
    let sources = [&[absent][..], &sources].concat();
    assert_eq!(vault.key(GivenKeys::read(&sources)).unwrap().id(), key.id());
    let told = vault.key(GivenKeys::read(&sources[..2])).unwrap_err();
    assert!(matches!(&told, VaultError::NoKey { wanted: Some(id), .. } if *id == key.id()), "{told}");
    assert!(vault.report(GivenKeys::read(&sources[..2])).is_err());
    assert!(fresh.key(GivenKeys::read(&sources)).is_err(), "the first is not skipped without a word");
    drop(keys);
}

#[test]
fn a_vault_that_claims_the_id_of_another_key_does_not_open_either() {
    let (_folder, vault, _) = filled();
    let other = VaultKey::generate().unwrap();
    file::reseal(vault.path(), |content| content.key_id = other.id());
    insta::assert_snapshot!(told(vault.get(&other, &name("code"), VARIABLE, &usual())), @"the vault's entry for VENDOR_TOKEN of `code` was changed, or was written for another place");
}

#[test]
fn damage_at_any_byte_is_told() {
    let (_folder, vault, key) = filled();
    let whole = fs::read(vault.path()).unwrap();
    for place in 0..whole.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut damaged = whole.clone();
            damaged[place] ^= flip;
            fs::write(vault.path(), &damaged).unwrap();
            let outcome = vault.get(&key, &name("code"), VARIABLE, &usual());
            assert!(matches!(outcome, Err(VaultError::Damaged(_))), "byte {place} ^ {flip}: {outcome:?}");
        }
        fs::write(vault.path(), &whole[..place]).unwrap();
        let outcome = vault.get(&key, &name("code"), VARIABLE, &usual());
        assert!(matches!(outcome, Err(VaultError::Damaged(_))), "cut at {place}: {outcome:?}");
    }
    // A damaged vault is not written over either.
    assert!(vault.put(&key, &name("code"), &[(VARIABLE.to_owned(), secret("x"))], &usual()).is_err());
    assert!(vault.remove(&name("code")).is_err());
    fs::write(vault.path(), &whole).unwrap();
    assert_eq!(vault.get(&key, &name("code"), VARIABLE, &usual()).unwrap().reveal(), "first-secret");
}

#[test]
fn an_entry_changed_by_a_skilled_hand_does_not_open() {
    let (_folder, vault, key) = filled();
    let code = entry("code", VARIABLE);
    let sealed = file::read(vault.path()).unwrap().unwrap().entries[&code].clone();
    for place in 0..sealed.0.len() + sealed.1.len() {
        file::reseal(vault.path(), |content| {
            let mut entry = sealed.clone();
            match entry.0.get_mut(place) {
                Some(byte) => *byte ^= 1,
                None => entry.1[place - sealed.0.len()] ^= 1,
            }
            content.entries.insert(code.clone(), entry);
        });
        let outcome = vault.get(&key, &name("code"), VARIABLE, &usual());
        assert!(matches!(outcome, Err(VaultError::Entry { .. })), "{place}: {outcome:?}");
    }
}

#[test]
fn an_entry_in_the_place_of_another_does_not_open() {
    let (folder, vault, key) = filled();
    let (code, cloud) = (entry("code", VARIABLE), entry("cloud", VARIABLE));
    file::reseal(vault.path(), |content| {
        let (first, second) = (content.entries[&code].clone(), content.entries[&cloud].clone());
        content.entries.insert(entry("code", "OTHER"), first.clone());
        content.entries.insert(code.clone(), second);
        content.entries.insert(cloud.clone(), first);
    });
    for (instance, variable) in [("code", VARIABLE), ("cloud", VARIABLE), ("code", "OTHER")] {
        let outcome = vault.get(&key, &name(instance), variable, &usual());
        assert!(matches!(outcome, Err(VaultError::Entry { .. })), "{instance} {variable}");
    }
    // And the file in another tenant's folder is noticed, whatever it says.
    let other = vault_of(&folder, "other");
    insta::assert_snapshot!(
        told(other.get(&key, &name("code"), VARIABLE, &usual())).replace(folder.path().to_str().unwrap(), "FOLDER"),
        @"the vault FOLDER/vault belongs to the tenant `acme`"
    );
    put(&vault, &key, "code", "first-secret");
    file::reseal(vault.path(), |content| content.tenant = "other".to_owned());
    assert!(matches!(other.get(&key, &name("code"), VARIABLE, &usual()), Err(VaultError::Entry { .. })));
}

#[test]
fn a_secret_does_not_open_for_other_origins_than_it_was_sealed_for() {
    let (_folder, vault, key) = filled();
    let private = origins("https://vendor.example", Addresses::Private);
    let other = origins("https://else.example", Addresses::Public);
    for audience in [&private, &other, &Audience::nobody()] {
        let outcome = vault.get(&key, &name("code"), VARIABLE, audience);
        assert!(matches!(outcome, Err(VaultError::OtherAudience { .. })), "{outcome:?}");
        // Nor does it under the name of another audience.
        file::reseal(vault.path(), |content| {
            let sealed = content.entries[&entry("code", VARIABLE)].clone();
            let (instance, variable, _) = entry("code", VARIABLE);
            content.entries.insert((instance, variable, audience.as_str().to_owned()), sealed);
        });
        let outcome = vault.get(&key, &name("code"), VARIABLE, audience);
        assert!(matches!(outcome, Err(VaultError::Entry { .. })), "{outcome:?}");
    }
}

#[test]
fn while_origins_change_a_secret_opens_for_the_old_and_the_new_ones() {
    let (_folder, vault, key) = filled();
    let (code, new) = (name("code"), origins("https://new.example", Addresses::Public));
    let secrets = [(VARIABLE.to_owned(), secret("first-secret"))];
    vault.put_beside(&key, &code, &secrets, &new).unwrap();
    for audience in [&usual(), &new] {
        assert_eq!(vault.get(&key, &code, VARIABLE, audience).unwrap().reveal(), "first-secret");
    }
    vault.keep_only(&code, &secrets, &new).unwrap();
    assert!(vault.get(&key, &code, VARIABLE, &usual()).is_err());
    assert_eq!(vault.get(&key, &code, VARIABLE, &new).unwrap().reveal(), "first-secret");
    assert_eq!(vault.get(&key, &name("cloud"), VARIABLE, &usual()).unwrap().reveal(), "second-secret");
}

#[test]
fn a_writer_that_is_stopped_leaves_the_old_vault_and_the_next_one_cleans_up() {
    let (folder, vault, key) = filled();
    let old = fs::read(vault.path()).unwrap();
    vault.rekey(&key, &VaultKey::generate().unwrap()).unwrap();
    let new = fs::read(vault.path()).unwrap();
    fs::write(vault.path(), &old).unwrap();
    // Before the new file takes the vault's name, it may be there to any length.
    for length in [0, 1, new.len() / 2, new.len()] {
        let part = folder.path().join(format!("vault-{length}.part"));
        fs::write(&part, &new[..length]).unwrap();
        assert_eq!(vault.get(&key, &name("code"), VARIABLE, &usual()).unwrap().reveal(), "first-secret");
        put(&vault, &key, "cloud", "second-secret");
        assert!(!part.exists());
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_told_and_the_vault_stays() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, vault, key) = filled();
    let before = fs::read(vault.path()).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).unwrap();
    // The super-user may write all the same.
    if tempfile::tempfile_in(&folder).is_err() {
        let outcome = vault.put(&key, &name("code"), &[(VARIABLE.to_owned(), secret("x"))], &usual());
        assert!(matches!(outcome, Err(VaultError::Write(..))), "{outcome:?}");
        assert_eq!(fs::read(vault.path()).unwrap(), before);
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_new_key_takes_over_whole_and_twice_changes_nothing() {
    let (_folder, vault, old) = filled();
    let new = VaultKey::generate().unwrap();
    assert_eq!(vault.rekey(&old, &new).unwrap(), 2);
    assert!(matches!(vault.get(&old, &name("code"), VARIABLE, &usual()), Err(VaultError::WrongKey { .. })));
    assert_eq!(vault.get(&new, &name("cloud"), VARIABLE, &usual()).unwrap().reveal(), "second-secret");
    assert_eq!(vault.rekey(&old, &new).unwrap(), 2);
    assert_eq!(vault.get(&new, &name("code"), VARIABLE, &usual()).unwrap().reveal(), "first-secret");
}

#[test]
fn a_new_key_does_not_take_over_a_vault_with_an_entry_that_does_not_open() {
    let (_folder, vault, old) = filled();
    file::reseal(vault.path(), |content| {
        content.entries.get_mut(&entry("code", VARIABLE)).unwrap().1[0] ^= 1;
    });
    let before = fs::read(vault.path()).unwrap();
    assert!(matches!(vault.rekey(&old, &VaultKey::generate().unwrap()), Err(VaultError::Entry { .. })));
    assert_eq!(fs::read(vault.path()).unwrap(), before);
}

#[test]
fn secrets_are_removed_without_the_key_and_an_empty_vault_takes_any() {
    let (_folder, vault, key) = filled();
    vault.remove(&name("code")).unwrap();
    assert!(matches!(vault.get(&key, &name("code"), VARIABLE, &usual()), Err(VaultError::Missing { .. })));
    assert_eq!(vault.get(&key, &name("cloud"), VARIABLE, &usual()).unwrap().reveal(), "second-secret");
    vault.remove(&name("cloud")).unwrap();
    let other = VaultKey::generate().unwrap();
    put(&vault, &other, "code", "fresh");
    assert_eq!(vault.get(&other, &name("code"), VARIABLE, &usual()).unwrap().reveal(), "fresh");
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let (folder, _, key) = filled();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let (vault, key) = (vault_of(&folder, "acme"), &key);
            scope.spawn(move || put(&vault, key, &format!("writer-{writer}"), "x"));
        }
    });
    assert_eq!(vault_of(&folder, "acme").report(given(&[&key])).unwrap().entries.len(), 10);
}

#[test]
fn every_failure_has_a_code_of_its_own() {
    let (folder, vault, key) = filled();
    for (outcome, code) in [
        (vault.get(&VaultKey::generate().unwrap(), &name("code"), VARIABLE, &usual()), Code::VaultKeyMismatch),
        (vault.get(&key, &name("none"), VARIABLE, &usual()), Code::VaultEntry),
        (vault_of(&folder, "other").get(&key, &name("code"), VARIABLE, &usual()), Code::VaultTenant),
    ] {
        assert_eq!(outcome.unwrap_err().code(), code);
    }
    let unset = SecretSource::Variable { name: "A_VARIABLE_THAT_NOBODY_SETS".to_owned() };
    assert_eq!(VaultKey::read(&unset).unwrap_err().code(), Code::VaultKey);
    let file = folder.path().join("key");
    fs::write(&file, "hunter2").unwrap();
    let error = VaultKey::read(&SecretSource::File { path: file }).unwrap_err();
    assert!(!error.to_string().contains("hunter2") && error.code() == Code::VaultKeyForm);
}
