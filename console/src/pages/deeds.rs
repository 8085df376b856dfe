//! What one can do to an instance, in words: what it is called, what it does, and what to beware of.

use crate::dto::Action;

/// An action in words.
pub(crate) struct Deed {
    /// On a button: a verb.
    pub(crate) verb: &'static str,
    /// What it does, sentence by sentence.
    pub(crate) effects: &'static [&'static str],
    /// Whether a reason is asked for, which stands in the history.
    pub(crate) has_reason: bool,
    /// Whether it ends or removes an instance without asking its code.
    pub(crate) is_grave: bool,
}

/// Those that a page of an instance offers, in this order.
pub(crate) const OF_AN_INSTANCE: [Action; 8] = [
    Action::Raise,
    Action::Resume,
    Action::Suspend,
    Action::Rewind,
    Action::Fork,
    Action::Cancel,
    Action::Terminate,
    Action::Purge,
];

/// Those that can be done to all instances of a filter.
pub(crate) const IN_BULK: [Action; 5] =
    [Action::Suspend, Action::Resume, Action::Cancel, Action::Terminate, Action::Purge];

/// The action of this name, among those that a page offers.
pub(crate) fn named(name: &str) -> Option<Action> {
    OF_AN_INSTANCE.into_iter().find(|action| action.name() == name)
}

/// The action in words.
pub(crate) const fn deed(action: Action) -> Deed {
    match action {
        Action::Start => Deed {
            verb: "Start",
            effects: &[
                "A new instance begins. Its code runs on the host that has its shard.",
                "It is there once, however often this is sent: its id is taken then.",
            ],
            has_reason: false,
            is_grave: false,
        },
        Action::Raise => Deed {
            verb: "Raise an event",
            effects: &[
                "The event is written to the history of the instance, and stays there.",
                "The oldest wait for its name takes it. When nothing waits for it, it is kept until the code does.",
            ],
            has_reason: false,
            is_grave: false,
        },
        Action::Cancel => Deed {
            verb: "Cancel",
            effects: &[
                "The instance is asked to end, once. This cannot be taken back.",
                "Open activities, timers, waits and children end, except those that the code has shielded.",
                "The code learns of it, can clean up what it has done, and decides how it ends.",
            ],
            has_reason: true,
            is_grave: false,
        },
        Action::Suspend => Deed {
            verb: "Suspend",
            effects: &[
                "The code stops until somebody resumes the instance.",
                "What comes meanwhile is recorded: events, ends of activities, timers. Activities that run go on to their end.",
            ],
            has_reason: true,
            is_grave: false,
        },
        Action::Resume => Deed {
            verb: "Resume",
            effects: &[
                "The code goes on from where it stopped, and sees what has come meanwhile in its order.",
                "A parked instance is tried again with the code that the host has now. If that does not fit either, it is parked again and nothing is lost.",
            ],
            has_reason: false,
            is_grave: false,
        },
        Action::Terminate => Deed {
            verb: "Terminate",
            effects: &[
                "The instance ends at once, without its code: nothing is cleaned up. This cannot be taken back, except by a rewind.",
                "Open activities are called off. Its children are cancelled, ended or left alone, as they were called.",
            ],
            has_reason: true,
            is_grave: true,
        },
        Action::Rewind => Deed {
            verb: "Rewind",
            effects: &[
                "The instance is taken back to before the turn of an event, and goes on from there with the code that the host has now.",
                "What the code did after that is undone. What activities have done outside stands, and they may run again.",
                "External events that had come are kept, and come again.",
            ],
            has_reason: true,
            is_grave: false,
        },
        Action::Fork => Deed {
            verb: "Fork",
            effects: &[
                "A new instance begins with a copy of the history, and goes on from there with the code that the host has now. This one stays as it is.",
                "What activities have done is not done again. Those that were under way run for the new instance.",
                "No message of the copy is sent again. Events that come to this instance later do not come to the new one.",
            ],
            has_reason: true,
            is_grave: false,
        },
        Action::Purge => Deed {
            verb: "Purge",
            effects: &[
                "The instance is removed with its whole history, for good. Its id is free then.",
                "Only instances that have finished can be purged.",
            ],
            has_reason: false,
            is_grave: true,
        },
    }
}
