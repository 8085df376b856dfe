//! Tokens of Entra ID.

use std::env;
use std::error::Error;
use std::sync::Arc;

use azure_core::cloud::CustomConfiguration;
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::error::ErrorKind;
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_identity::{
    AzureCliCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, DeveloperToolsCredential, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};

use crate::azure::connection::{Credential, Identity, InvalidConnection, Options};
use crate::azure::port::PortErrorKind;
use crate::azure::wire;

type Token = Arc<dyn TokenCredential>;

/// Gets tokens for a credential. Nothing is sent before the first request.
pub(super) fn token_credential(
    credential: &Credential,
    options: &Options,
) -> Result<Token, InvalidConnection> {
    match credential {
        Credential::ManagedIdentity(identity) => managed(identity, options),
        Credential::ClientSecret { tenant, client, secret, authority } => {
            let secret = Secret::new(secret.expose().to_owned());
            client_secret(tenant, client, secret, authority.as_deref(), options)
        }
        Credential::Environment => {
            let tenant = variable("AZURE_TENANT_ID", "AZURE_TENANT_ID is not set")?;
            let client = variable("AZURE_CLIENT_ID", "AZURE_CLIENT_ID is not set")?;
            let secret = variable("AZURE_CLIENT_SECRET", "AZURE_CLIENT_SECRET is not set")?;
            client_secret(&tenant, &client, Secret::new(secret), None, options)
        }
        Credential::WorkloadIdentity => workload(options),
        Credential::Cli => AzureCliCredential::new(None)
            .map(|token| token as Token)
            .map_err(|_| unusable("the Azure CLI cannot be used")),
        Credential::Default => by_environment(options),
    }
}

/// What a failure to get a token means: no request to the service was sent.
pub(super) fn meaning(error: &azure_core::Error) -> PortErrorKind {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        let kind = error.downcast_ref::<azure_core::Error>().map(azure_core::Error::kind);
        if let Some(ErrorKind::HttpResponse { status, .. }) = kind
            && status.is_client_error()
        {
            return PortErrorKind::Denied { code: "NoToken".to_owned() };
        }
        next = error.source();
    }
    PortErrorKind::Unreachable { reason: "no token was to be had from Entra ID".to_owned() }
}

fn by_environment(options: &Options) -> Result<Token, InvalidConnection> {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    if is_set("AZURE_CLIENT_SECRET") {
        token_credential(&Credential::Environment, options)
    } else if is_set("AZURE_FEDERATED_TOKEN_FILE") {
        workload(options)
    } else if is_set("IDENTITY_ENDPOINT") {
        managed(&Identity::System, options)
    } else {
        DeveloperToolsCredential::new(None)
            .map(|token| token as Token)
            .map_err(|_| unusable("no developer's tool can be used"))
    }
}

fn managed(identity: &Identity, options: &Options) -> Result<Token, InvalidConnection> {
    let user_assigned_id = match identity {
        Identity::System => None,
        Identity::Client(id) => Some(UserAssignedId::ClientId(id.clone())),
        Identity::Object(id) => Some(UserAssignedId::ObjectId(id.clone())),
        Identity::Resource(id) => Some(UserAssignedId::ResourceId(id.clone())),
    };
    let client_options = client_options(options, None)?;
    let options = ManagedIdentityCredentialOptions { user_assigned_id, client_options };
    ManagedIdentityCredential::new(Some(options))
        .map(|token| token as Token)
        .map_err(|_| unusable("this machine's kind of managed identity is not supported"))
}

fn client_secret(
    tenant: &str,
    client: &str,
    secret: Secret,
    authority: Option<&str>,
    options: &Options,
) -> Result<Token, InvalidConnection> {
    let client_options = client_options(options, authority)?;
    let options = ClientSecretCredentialOptions { client_options };
    ClientSecretCredential::new(tenant, client.to_owned(), secret, Some(options))
        .map(|token| token as Token)
        .map_err(|_| unusable("the tenant, client, secret or authority cannot be used"))
}

fn workload(options: &Options) -> Result<Token, InvalidConnection> {
    let client_options = client_options(options, None)?;
    let options = WorkloadIdentityCredentialOptions {
        credential_options: ClientAssertionCredentialOptions { client_options },
        ..Default::default()
    };
    WorkloadIdentityCredential::new(Some(options)).map(|token| token as Token).map_err(|_| {
        unusable("AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE are not all set")
    })
}

/// Tokens are asked for over a client of their own: they go elsewhere, without our signature. One
/// that was not to be had is asked for again, for that changes nothing.
fn client_options(
    options: &Options,
    authority: Option<&str>,
) -> Result<ClientOptions, InvalidConnection> {
    let client = wire::client(options, false).map_err(|_| InvalidConnection::Client)?;
    let cloud = authority.map(|authority| {
        let mut cloud = CustomConfiguration::default();
        authority.clone_into(&mut cloud.authority_host);
        Arc::new(cloud.into())
    });
    Ok(ClientOptions {
        retry: RetryOptions::none(),
        transport: Some(Transport::new(Arc::new(client))),
        cloud,
        ..ClientOptions::default()
    })
}

fn variable(name: &str, reason: &'static str) -> Result<String, InvalidConnection> {
    env::var(name).ok().filter(|value| !value.is_empty()).ok_or(unusable(reason))
}

fn unusable(reason: &'static str) -> InvalidConnection {
    InvalidConnection::Credential { reason }
}
