//! The limits of what a page shows, with their units.

/// Most characters of an id in a table; the whole of it is in the title.
pub(crate) const MAX_SHOWN_ID_CHARS: usize = 64;

/// Most characters of an error or a reason before the rest of it is folded away.
pub(crate) const MAX_SHOWN_TEXT_CHARS: usize = 240;

/// Most characters of a value before it is folded away.
pub(crate) const MAX_SHOWN_VALUE_CHARS: usize = 72;

/// Most bytes of a value that a page prints.
pub(crate) const MAX_SHOWN_PAYLOAD_BYTES: usize = 64 * 1024;

/// Rows of the timeline on one page.
pub(crate) const TIMELINE_ROWS: usize = 60;

/// Events on one page of a history.
pub(crate) const EVENTS_PAGE: usize = 100;

/// Instances on one page of a list.
pub(crate) const LIST_PAGE: usize = 50;

/// Rows of the short lists on the overview: parked, stuck longest, newest failures.
pub(crate) const OVERVIEW_ROWS: usize = 8;

/// Most points of a plot; more are put together.
pub(crate) const PLOT_POINTS: usize = 120;

/// Newest failures among which the overview leaves out children that their parents name in their errors.
pub(crate) const FAILURES_LOOKED_AT: usize = 64;

/// How deep the tree of an instance is shown.
pub(crate) const TREE_DEPTH: usize = 3;

/// Most instances in the tree of an instance.
pub(crate) const TREE_NODES: usize = 60;
