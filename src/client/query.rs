//! Questions to instances: the values that they have published.

use reenact_actors::{Error, Result, Values};
use reenact_core::{Name, PublishedValues, ToInstanceId};
use serde::de::DeserializeOwned;

use super::{Client, InstanceHandle};

impl Client {
    /// The value that an instance has [published](reenact_core::OrchestrationContext::publish) under a name;
    /// `None` when it has published none, or has cleared it.
    ///
    /// It is answered from memory or from the log, and no code of the instance runs: one that is suspended,
    /// parked or finished answers as well. It is a value that is durable: after a value was seen, no
    /// older one is shown, unless the instance is rewound.
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// #[orchestration]
    /// async fn order(ctx: OrchestrationContext, item: String) -> Result<(), OrchestrationError> {
    ///     ctx.publish("cart", &vec![item]);
    ///     ctx.wait_external::<()>("Paid").await?;
    ///     Ok(())
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() -> reenact::Result<()> {
    /// let host = Host::builder().provider(InMemory::new()).orchestration(order).start().await?;
    /// host.start_new(order, "tea".to_string()).id("order-7").await?;
    ///
    /// let cart: Option<Vec<String>> = host.query("order-7", "cart").await?;
    /// assert_eq!(cart, Some(vec!["tea".to_string()]));
    /// # host.shutdown().await
    /// # }
    /// ```
    ///
    /// The first question after a host has begun goes once over the log of the newest execution, and a later
    /// one over what has come since.
    ///
    /// # Errors
    /// [`Error::NotFound`]: there is no such instance. [`Error::InvalidName`]: no instance can have the id, or no
    /// value the name. [`Error::InvalidPayload`]: the value is not a `T`. [`Error::Unreadable`],
    /// [`Error::Store`].
    ///
    /// Cancelling it is harmless.
    pub async fn query<T: DeserializeOwned>(
        &self,
        id: impl ToInstanceId,
        name: impl AsRef<str>,
    ) -> Result<Option<T>> {
        let (instance, name) = (id.to_instance_id()?, Name::new(name)?);
        let value = self.access.query(&instance, &name).await?;
        value.map(|value| value.decode()).transpose().map_err(|source| Error::InvalidPayload {
            what: format!("the value `{name}` that instance `{instance}` has published"),
            source,
        })
    }

    /// All values that an instance has published, by their names, as they are stored. Otherwise as
    /// [`query`](Self::query).
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidName`], [`Error::Unreadable`], [`Error::Store`].
    pub async fn published(&self, id: impl ToInstanceId) -> Result<PublishedValues> {
        self.access.published(&id.to_instance_id()?).await
    }

    /// The values that an instance publishes under a name: the one that there is now, and then each newer one,
    /// until the instance ends. See [`Values`].
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// # async fn follow(client: &Client) -> reenact::Result<()> {
    /// let mut carts = client.watch_value::<Vec<String>>("order-7", "cart")?;
    /// while let Some(cart) = carts.next().await {
    ///     println!("{:?}", cart?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidName`].
    pub fn watch_value<T>(
        &self,
        id: impl ToInstanceId,
        name: impl AsRef<str>,
    ) -> Result<Values<T>> {
        Ok(self.access.values(&id.to_instance_id()?, &Name::new(name)?))
    }
}

impl<O> InstanceHandle<O> {
    /// The value that the instance has published under a name; see [`Client::query`].
    ///
    /// # Errors
    /// As [`Client::query`].
    pub async fn query<T: DeserializeOwned>(&self, name: impl AsRef<str>) -> Result<Option<T>> {
        self.client().query(self.checked_id()?, name).await
    }

    /// All values that the instance has published; see [`Client::published`].
    ///
    /// # Errors
    /// As [`Client::published`].
    pub async fn published(&self) -> Result<PublishedValues> {
        self.client().published(self.checked_id()?).await
    }

    /// The values that the instance publishes under a name; see [`Client::watch_value`].
    ///
    /// # Errors
    /// [`Error::InvalidName`].
    pub fn watch_value<T>(&self, name: impl AsRef<str>) -> Result<Values<T>> {
        self.client().watch_value(self.checked_id()?, name)
    }
}
