//! A ractor program as a host: one of its own actors sends external events to an instance as actor
//! messages, with and without an acknowledgement.
//!
//!     cargo run --example ractor_host

use ractor::{Actor, ActorProcessingErr, ActorRef, MessagingErr, RpcReplyPort};
use reenact::Error;
use reenact::actor::{ExternalEvent, InstanceMessage};
use reenact::prelude::*;

/// Adds up meter readings until a zero comes.
#[orchestration]
async fn add_up(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    let mut sum = 0;
    loop {
        match ctx.wait_external::<u64>("Reading").await? {
            0 => return Ok(sum),
            reading => sum += reading,
        }
    }
}

/// An actor of the program: it has readings, and hands them on.
struct Meter;

enum MeterMessage {
    /// Hand it on; nobody waits.
    Tell(u64),
    /// Hand it on, and answer once it is durable.
    TellSurely(u64, RpcReplyPort<reenact::Result<()>>),
}

/// Needed only where ractor's own `cluster` feature is on.
#[cfg(feature = "cluster")]
impl ractor::Message for MeterMessage {}

struct MeterState {
    client: Client,
    id: InstanceId,
    instance: ActorRef<InstanceMessage>,
}

impl Actor for Meter {
    type Msg = MeterMessage;
    type State = MeterState;
    type Arguments = (Client, InstanceId);

    async fn pre_start(
        &self,
        _myself: ActorRef<MeterMessage>,
        (client, id): Self::Arguments,
    ) -> Result<MeterState, ActorProcessingErr> {
        let instance = client.actor(&id).await?;
        Ok(MeterState { client, id, instance })
    }

    async fn handle(
        &self,
        _myself: ActorRef<MeterMessage>,
        message: MeterMessage,
        state: &mut MeterState,
    ) -> Result<(), ActorProcessingErr> {
        let (reading, port) = match message {
            MeterMessage::Tell(reading) => (reading, None),
            MeterMessage::TellSurely(reading, port) => (reading, Some(port)),
        };
        let event = ExternalEvent::new("Reading", &reading)?;
        let reply = port.map(Into::into);
        state.send(InstanceMessage::RaiseEvent { event, reply }).await
    }
}

impl MeterState {
    /// An idle instance goes from memory, and its actor with it: the message comes back then, and
    /// goes to the actor that takes its place.
    async fn send(&mut self, message: InstanceMessage) -> Result<(), ActorProcessingErr> {
        let Err(MessagingErr::SendErr(message)) = self.instance.cast(message) else {
            return Ok(());
        };
        self.instance = self.client.actor(&self.id).await?;
        Ok(self.instance.cast(message)?)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    // Idle instances go from memory soon, so that the meter has to find its instance again.
    let options = HostOptions::new().passivate_after(Duration::from_millis(20));
    let host = Host::builder()
        .provider(InMemory::new())
        .orchestration(add_up)
        .options(options)
        .start()
        .await?;
    let instance = host.start_new(add_up, ()).await?;
    let arguments = (host.client().clone(), instance.id().clone());
    let (meter, running) = Actor::spawn(None, Meter, arguments).await?;

    for reading in 1..=9 {
        meter.cast(MeterMessage::Tell(reading))?;
    }
    // Messages keep their order: once this one is durable, those before it are.
    tell_surely(&meter, 10).await?;
    wait_until_passive(&host).await;
    tell_surely(&meter, 45).await?;
    tell_surely(&meter, 0).await?;
    let sum = instance.result().await?;
    println!("the readings add up to {sum}");
    assert_eq!(sum, 100);

    // A finished instance has no actor any more.
    assert!(matches!(instance.actor().await, Err(Error::Finished { .. })));
    meter.stop(None);
    running.await?;
    host.shutdown().await?;
    Ok(())
}

async fn tell_surely(
    meter: &ActorRef<MeterMessage>,
    reading: u64,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let answer = ractor::call!(meter, MeterMessage::TellSurely, reading)?;
    Ok(answer?)
}

async fn wait_until_passive(host: &Host) {
    while host.in_memory() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
