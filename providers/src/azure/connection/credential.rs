//! Who asks, and what must not be printed.

use std::fmt;

/// An identity of Entra ID, and how it is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// The identity that Azure has given to the machine or the app service.
    ManagedIdentity(Identity),
    /// A service principal with a secret.
    ClientSecret {
        /// The tenant's id.
        tenant: String,
        /// The client's id.
        client: String,
        /// Its secret.
        secret: Secret,
        /// Where tokens are asked for, an `https` URL; `None` for the public cloud or what
        /// `AZURE_AUTHORITY_HOST` says.
        authority: Option<String>,
    },
    /// The same out of the environment: `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and
    /// `AZURE_CLIENT_SECRET`, read when the store is connected.
    Environment,
    /// The service account of a pod, out of `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and
    /// `AZURE_FEDERATED_TOKEN_FILE`.
    WorkloadIdentity,
    /// The user who is signed in with the Azure CLI (`az login`).
    Cli,
    /// What the environment says: [`Environment`](Self::Environment) when it has a secret,
    /// else [`WorkloadIdentity`](Self::WorkloadIdentity) when it has a token file, else the app
    /// service's identity when it has one, else the user who is signed in with the Azure CLI or the
    /// Azure Developer CLI. The identity of a virtual machine leaves no trace in the environment:
    /// ask for [`ManagedIdentity`](Self::ManagedIdentity).
    Default,
}

impl Credential {
    fn kind(&self) -> &'static str {
        match self {
            Self::ManagedIdentity(_) => "a managed identity",
            Self::ClientSecret { .. } | Self::Environment => "a service principal",
            Self::WorkloadIdentity => "a workload identity",
            Self::Cli => "the Azure CLI's identity",
            Self::Default => "an identity",
        }
    }
}

/// Which of the identities that a machine has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// Its own.
    #[default]
    System,
    /// An identity that was assigned to it, by the client's id.
    Client(String),
    /// An identity that was assigned to it, by the object's id.
    Object(String),
    /// An identity that was assigned to it, by the id of its resource.
    Resource(String),
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text from being printed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// The key of an account, decoded. Never printed.
#[derive(Clone)]
pub(crate) struct Key(Vec<u8>);

impl Key {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

/// The right by which requests are made.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    /// Each request is signed with the account's key.
    SharedKey {
        /// The account's name.
        account: String,
        /// Its key.
        key: Key,
    },
    /// Each request has the signature in its query.
    Sas(Secret),
    /// Each request has a token.
    Entra(Credential),
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SharedKey { account, .. } => write!(f, "the key of account {account}"),
            Self::Sas(_) => f.write_str("a shared access signature"),
            Self::Entra(credential) => write!(f, "{} of Entra ID", credential.kind()),
        }
    }
}
