//! The tree that an instance is in: who started it, and whom it started.

use futures_util::{StreamExt, stream};
use reenact_core::limits::{MAX_ANCESTORS, MAX_TREE_NODES};
use reenact_core::{
    CalledChild, ExecutionId, Family, FamilyView, InstanceId, Name, Relation, Timestamp,
};
use reenact_providers::{InstanceState, InstanceSummary};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::store::{Store, unreadable};

/// An instance among those that started it and those that it started.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct InstanceTree {
    /// Who started it: the outermost first, its parent last. At most [`MAX_ANCESTORS`].
    pub ancestors: Vec<Ancestor>,
    /// The instance, and below it those that it started.
    pub instance: TreeNode,
    /// Whether there are more than are shown: further ancestors, deeper children, or more of them.
    pub is_cut: bool,
}

/// An instance that started another one.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Ancestor {
    /// Its id.
    pub instance: InstanceId,
    /// What the store says of it; `None` when it is gone.
    pub summary: Option<InstanceSummary>,
    /// What the next one is to it.
    pub relation: Relation,
}

/// An instance of a tree.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct TreeNode {
    /// Its id.
    pub instance: InstanceId,
    /// Its orchestration.
    pub name: Name,
    /// Its state; `None` when there is no such instance: it has not begun yet, was refused, or is gone.
    pub state: Option<InstanceState>,
    /// Its newest execution.
    pub execution: Option<ExecutionId>,
    /// When it was started.
    pub created_at: Option<Timestamp>,
    /// The time of its newest turn.
    pub updated_at: Option<Timestamp>,
    /// What the one above it knows of the call. `None` at the top.
    pub call: Option<CalledChild>,
    /// How many its newest execution started; `None` where that was not looked at, because the tree is cut here.
    pub started: Option<u64>,
    /// Those of them that are shown: of many, all that are open and the newest.
    pub children: Vec<TreeNode>,
}

/// Logs, or summaries, that are read at a time.
const READ_TOGETHER: usize = 8;

impl Store {
    /// At most `limit` instances, as deep as asked for.
    pub(crate) async fn tree(
        &self,
        instance: &InstanceId,
        depth: usize,
        limit: usize,
    ) -> Result<InstanceTree> {
        let top = self.summary(instance).await?;
        let (ancestors, mut is_cut) = self.ancestors(instance).await?;
        let mut nodes = vec![Planted::top(&top)];
        let mut left = limit.clamp(1, MAX_TREE_NODES) - 1;
        let mut level = 0..1;
        for _ in 0..depth {
            let here = nodes.get(level.clone()).unwrap_or_default();
            let known: Vec<_> = here.iter().map(|planted| planted.node.clone()).collect();
            let families: Vec<_> = stream::iter(known)
                .map(|node| self.family(node, left))
                .buffered(READ_TOGETHER)
                .collect()
                .await;
            let next = nodes.len();
            for (parent, family) in level.zip(families) {
                let Some(family) = family? else { continue };
                let shown = family.children.items.into_iter().take(left);
                let children = self.planted(parent, shown.collect()).await?;
                left -= children.len();
                is_cut |= (children.len() as u64) < family.children.total;
                if let Some(parent) = nodes.get_mut(parent) {
                    parent.node.started = Some(family.children.total);
                }
                nodes.extend(children);
            }
            level = next..nodes.len();
        }
        is_cut |= nodes.get(level).unwrap_or_default().iter().any(Planted::may_have_children);
        Ok(InstanceTree { ancestors, instance: grown(nodes), is_cut })
    }

    /// Who started an instance, the outermost first; and whether there are more.
    async fn ancestors(&self, instance: &InstanceId) -> Result<(Vec<Ancestor>, bool)> {
        let (mut ancestors, mut of) = (Vec::new(), instance.clone());
        loop {
            let read = self.log().origin(&of).await?;
            let Some(origin) = read.map_err(|reason| unreadable(&of, &reason))? else { break };
            let summary = self.find(&origin.instance).await?;
            let is_gone = summary.is_none();
            of = origin.instance.clone();
            ancestors.push(Ancestor {
                instance: origin.instance,
                summary,
                relation: origin.relation,
            });
            if is_gone {
                break;
            }
            if ancestors.len() == MAX_ANCESTORS {
                ancestors.reverse();
                return Ok((ancestors, true));
            }
        }
        ancestors.reverse();
        Ok((ancestors, false))
    }

    /// Whom an instance has started; `None` of one that is not there.
    async fn family(&self, node: TreeNode, most: usize) -> Result<Option<FamilyView>> {
        if node.state.is_none() {
            return Ok(None);
        }
        let begin = || Family::new(node.instance.clone(), most);
        match self.fold(&node.instance, None, begin, Family::apply).await {
            Ok(folded) => Ok(Some(folded.fold.finish())),
            // It has been purged meanwhile.
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The nodes of children, with what the store says of them.
    async fn planted(&self, parent: usize, children: Vec<CalledChild>) -> Result<Vec<Planted>> {
        let looked_up = stream::iter(children).map(|child| async move {
            let summary = self.find(&child.instance).await?;
            Ok(Planted { parent, node: TreeNode::of_child(child, summary) })
        });
        let planted: Vec<Result<_>> = looked_up.buffered(READ_TOGETHER).collect().await;
        planted.into_iter().collect()
    }
}

/// A node whose children are not with it yet.
struct Planted {
    /// The place of its parent.
    parent: usize,
    node: TreeNode,
}

impl Planted {
    fn top(summary: &InstanceSummary) -> Self {
        let node = TreeNode {
            instance: summary.instance.clone(),
            name: summary.name.clone(),
            state: None,
            execution: None,
            created_at: None,
            updated_at: None,
            call: None,
            started: None,
            children: Vec::new(),
        };
        Self { parent: 0, node: node.with(Some(summary)) }
    }

    /// Whether its own were not looked for.
    fn may_have_children(&self) -> bool {
        self.node.state.is_some() && self.node.started.is_none()
    }
}

impl TreeNode {
    fn of_child(child: CalledChild, summary: Option<InstanceSummary>) -> Self {
        let node = Self {
            instance: child.instance.clone(),
            name: child.name.clone(),
            state: None,
            execution: None,
            created_at: None,
            updated_at: None,
            call: Some(child),
            started: None,
            children: Vec::new(),
        };
        node.with(summary.as_ref())
    }

    fn with(self, summary: Option<&InstanceSummary>) -> Self {
        Self {
            state: summary.map(|summary| summary.state),
            execution: summary.map(|summary| summary.execution),
            created_at: summary.map(|summary| summary.created_at),
            updated_at: summary.map(|summary| summary.updated_at),
            ..self
        }
    }
}

/// The first node, with all others below it. Each stands after its parent.
fn grown(mut nodes: Vec<Planted>) -> TreeNode {
    while nodes.len() > 1
        && let Some(Planted { parent, mut node }) = nodes.pop()
    {
        // They came last first.
        node.children.reverse();
        if let Some(parent) = nodes.get_mut(parent) {
            parent.node.children.push(node);
        }
    }
    let mut top = nodes.swap_remove(0).node;
    top.children.reverse();
    top
}
