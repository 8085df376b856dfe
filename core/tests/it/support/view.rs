//! The view of a log says what the machine of its execution knows.

use std::collections::BTreeSet;

use reenact_core::{
    Action, CorrelationId, Family, Machine, RecordedTurn, SpanEnd, SpanKind, TimelineBuilder,
    Viewer,
};

use super::instance::instance_id;

/// As far as a log alone can know it: after a cancel a view has more, in doubt.
pub(crate) fn assert_view(viewer: &Viewer, machine: &Machine) {
    let view = viewer.view(usize::MAX);
    assert_eq!(view.turns, machine.turns());
    assert_eq!(view.outcome.as_ref(), machine.outcome());
    assert_eq!(view.ended_at.is_some(), machine.outcome().is_some());
    assert_eq!(view.parent, machine.origin());
    assert_eq!(view.published, machine.published());
    assert_eq!(view.streams, machine.streams());
    assert_eq!(view.attributes, machine.attributes());
    if machine.outcome().is_none() {
        assert_eq!(view.suspended.is_some(), machine.is_suspended());
        assert_eq!(view.parked.is_some(), machine.is_parked());
        let cancelled = view.cancel_requested.as_ref().map(|since| since.reason.to_string());
        assert_eq!(cancelled, machine.cancel_requested());
    }

    let known = machine.open_activities(usize::MAX);
    let shown = view.activities.items.iter().map(|activity| {
        let fields = (&activity.name, &activity.tag, activity.attempt, &activity.last_error);
        (activity.id, activity.in_doubt, (fields, activity.begins_at, &activity.heartbeat))
    });
    let known = known.iter().map(|open| {
        let fields = (&open.name, &open.tag, open.attempt, &open.last_error);
        (open.id, (fields, open.retry_at, &open.heartbeat))
    });
    assert_same("activities", shown, known);

    let known = machine.open_waits();
    let shown = view.waits.items.iter().map(|wait| (wait.id, wait.in_doubt, wait.name.clone()));
    assert_same("waits", shown, known.into_iter());

    let is_timer = |id: CorrelationId| view.activities.items.iter().all(|one| one.id != id);
    let known = machine.open_actions().into_iter().filter_map(|action| match action {
        Action::CreateTimer { id: CorrelationId::LIMIT, .. } => None,
        Action::CreateTimer { id, fire_at } if is_timer(id) => Some((id, fire_at)),
        _ => None,
    });
    let mut known: Vec<_> = known.collect();
    known.sort_unstable();
    let shown = view.timers.items.iter().map(|timer| (timer.id, timer.in_doubt, timer.fire_at));
    assert_same("timers", shown, known.into_iter());

    let limit = machine.open_actions().into_iter().find_map(|action| match action {
        Action::CreateTimer { id: CorrelationId::LIMIT, fire_at } => Some(fire_at),
        _ => None,
    });
    let shown = view.execution_ends_at.into_iter().chain(view.total_ends_at).min();
    assert_eq!(limit, shown, "the limit of its time");

    let known = machine.open_children(usize::MAX);
    let known: Vec<_> = known.into_iter().map(|open| (open.id, open.instance)).collect();
    let shown = view.children.items.iter().map(|child| (child.id, child.instance.clone()));
    assert_eq!(shown.collect::<Vec<_>>(), known);
    assert_eq!(view.messages.total, machine.outbox_len() as u64);
    if view.locks.total > 0 {
        assert!(machine.has_locks(), "{:?}", view.locks);
    }
}

/// What is shown without a doubt is known, and what is known is shown.
fn assert_same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    shown: impl Iterator<Item = (CorrelationId, bool, T)>,
    known: impl Iterator<Item = (CorrelationId, T)>,
) {
    let known: Vec<_> = known.collect();
    let is_known = |id: CorrelationId| known.iter().any(|(of, _)| *of == id);
    let shown = shown.filter(|(id, in_doubt, _)| !in_doubt || is_known(*id));
    let shown: Vec<_> = shown.map(|(id, _, shown)| (id, shown)).collect();
    assert_eq!(shown, known, "{what}: the log alone says the same");
}

/// The timeline and the family of a log have open what its view has open.
pub(crate) fn assert_timeline(turns: &[RecordedTurn], viewer: &Viewer) {
    let mut timeline = TimelineBuilder::new(instance_id(), 0, usize::MAX);
    let mut family = Family::new(instance_id(), usize::MAX);
    for turn in turns {
        timeline.apply(turn);
        family.apply(turn);
    }
    let (view, family, timeline) = (viewer.view(usize::MAX), family.finish(), timeline.finish());
    let open = |kind| {
        let open = timeline.spans.iter().filter(move |span| span.kind == kind);
        let open = open.filter(|span| span.end.is_none()).filter_map(|span| span.id);
        open.collect::<BTreeSet<CorrelationId>>()
    };
    let ids = |ids: &mut dyn Iterator<Item = CorrelationId>| ids.collect::<BTreeSet<_>>();
    let activities = ids(&mut view.activities.items.iter().map(|activity| activity.id));
    assert_eq!(open(SpanKind::Activity), activities);
    assert_eq!(open(SpanKind::Timer), ids(&mut view.timers.items.iter().map(|timer| timer.id)));
    assert_eq!(open(SpanKind::Wait), ids(&mut view.waits.items.iter().map(|wait| wait.id)));
    assert_eq!(open(SpanKind::Child), ids(&mut view.children.items.iter().map(|child| child.id)));
    assert_eq!(family.open, view.children.total);
    let ended = family.completed + family.failed + family.cancelled + family.left;
    assert_eq!(family.children.total, family.open + ended);

    assert_eq!((timeline.total, timeline.next), (timeline.spans.len() as u64, None));
    assert_eq!(timeline.ended_at, view.ended_at);
    assert!(timeline.running <= timeline.at.since(timeline.begin));
    for span in &timeline.spans {
        assert!(span.end.is_none_or(|end| end >= span.begin), "{span:?}");
        assert_eq!(span.end.is_none(), span.outcome == SpanEnd::Open, "{span:?}");
        let attempts: Vec<_> = span.attempts.iter().collect();
        assert!(attempts.windows(2).all(|two| two[0].end <= Some(two[1].begin)), "{span:?}");
    }
}
