//! Connections that cannot be made, and the errors for them.

use reenact_providers::azure::connection::{
    Connection, Credential, Endpoints, Identity, InvalidConnection, Options,
};

use crate::stage::ADAPTERS;

#[test]
fn a_name_that_no_container_can_have_is_refused_before_anything_is_sent() {
    let connection = Connection::parse("UseDevelopmentStorage=true").unwrap();
    for (_, connect) in ADAPTERS {
        for name in ["", "ab", "Hub", "a--b", "hub/x", "..", "$root"] {
            let error = connect(&connection, name, Options::default()).unwrap_err();
            assert!(matches!(error, InvalidConnection::Name { what: "container", .. }), "{error}");
        }
    }
}

#[test]
fn an_identity_of_entra_id_goes_over_https_only() {
    let development = "http://127.0.0.1:10000/devstoreaccount1";
    let endpoints = Endpoints::urls(development, development).unwrap();
    let error = Connection::entra(endpoints, Credential::Default).unwrap_err();
    assert!(matches!(error, InvalidConnection::Malformed { part: "BlobEndpoint", .. }), "{error}");
}

#[cfg(feature = "azure")]
#[test]
fn a_credential_of_entra_id_is_taken_without_asking_anybody() {
    let connection = of_entra(Credential::ManagedIdentity(Identity::System));
    reenact_providers::azure::sdk::connect(&connection, "hub", Options::default()).unwrap();
}

#[cfg(feature = "azure-legacy")]
#[test]
fn the_crates_of_before_have_no_entra_id_and_say_so() {
    let connection = of_entra(Credential::ManagedIdentity(Identity::System));
    let connect = reenact_providers::azure::legacy::connect;
    let error = connect(&connection, "hub", Options::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the credential of Entra ID cannot be used: feature `azure-legacy` has no Entra ID; use \
         feature `azure` for it"
    );
}

fn of_entra(credential: Credential) -> Connection {
    Connection::entra(Endpoints::of_account("shop").unwrap(), credential).unwrap()
}
