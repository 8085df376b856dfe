//! `Params`: the part of an address after the `?`, read strictly.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use reenact_core::{ExecutionId, InstanceId};
use reenact_providers::{InstanceState, TimeOrder};

use crate::dto::{Filter, StateText, Time};
use crate::limits::{DEFAULT_PAGE, MAX_PAGE, MAX_QUERY_BYTES};
use crate::problem::Problem;

/// The parameters of a request. Each is taken once; what is left at the end is not known, and refused.
#[derive(Debug)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    taken: Vec<&'static str>,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

impl Params {
    /// Reads the part of an address after the `?`.
    pub(crate) fn parse(query: &str) -> Result<Self, Problem> {
        if query.len() > MAX_QUERY_BYTES {
            return Err(Problem::invalid(format!(
                "the address has {} bytes after the `?`; at most {MAX_QUERY_BYTES} are allowed",
                query.len()
            )));
        }
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Ok(Self { pairs, taken: Vec::new() })
    }

    /// All values of a parameter that may stand there more than once.
    pub(crate) fn all(&mut self, name: &'static str) -> Vec<String> {
        self.taken.push(name);
        let (values, rest) = self.pairs.drain(..).partition(|(key, _)| key == name);
        self.pairs = rest;
        values.into_iter().map(|(_, value): (String, String)| value).collect()
    }

    /// The value of a parameter. An empty one counts as absent, as forms send it so.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        let mut values = self.all(name);
        if values.len() > 1 {
            return Err(Problem::invalid(format!("the parameter `{name}` is given twice")));
        }
        Ok(values.pop().filter(|value| !value.is_empty()))
    }

    /// The value of a parameter, read as something.
    pub(crate) fn parsed<T: FromStr>(
        &mut self,
        name: &'static str,
        what: &str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let parsed = text.parse();
        parsed
            .map(Some)
            .map_err(|_| Problem::invalid(format!("the parameter `{name}` must be {what}")))
    }

    /// The id of an instance, in `id`.
    pub(crate) fn id(&mut self) -> Result<InstanceId, Problem> {
        let text = self.text("id")?;
        let text = text.ok_or_else(|| Problem::invalid("the parameter `id` is missing"))?;
        Ok(InstanceId::new(text)?)
    }

    /// The number of an execution, in `execution`; `None` for the newest one.
    pub(crate) fn execution(&mut self) -> Result<Option<ExecutionId>, Problem> {
        Ok(self.parsed("execution", "the number of an execution")?.map(ExecutionId))
    }

    /// The size of a page, in `limit`.
    pub(crate) fn limit(&mut self, default: usize, most: usize) -> Result<usize, Problem> {
        let limit = self.parsed("limit", "a number")?.unwrap_or(default);
        if limit == 0 || limit > most {
            let detail = format!("the parameter `limit` must be from 1 to {most}");
            return Err(Problem::invalid(detail));
        }
        Ok(limit)
    }

    /// The page of a list, in `after` and `limit`.
    pub(crate) fn page(&mut self) -> Result<(Option<InstanceId>, usize), Problem> {
        let after = self.text("after")?.map(InstanceId::new).transpose()?;
        Ok((after, self.limit(DEFAULT_PAGE, MAX_PAGE)?))
    }

    /// The order of a list, in `order`; `None` for that of the ids. A list by time has one page.
    pub(crate) fn order(
        &mut self,
        after: Option<&InstanceId>,
    ) -> Result<Option<TimeOrder>, Problem> {
        let order = match self.text("order")?.as_deref() {
            None | Some("id") => return Ok(None),
            Some("oldest") => TimeOrder::OldestFirst,
            Some("newest") => TimeOrder::NewestFirst,
            Some(other) => {
                let detail =
                    format!("`{other}` is no order; there are `id`, `oldest` and `newest`");
                return Err(Problem::invalid(detail));
            }
        };
        if after.is_some() {
            let detail =
                "a list by time has no next pages: leave `after` out, and narrow the filter";
            return Err(Problem::invalid(detail));
        }
        Ok(Some(order))
    }

    /// The filter of a list or a count.
    pub(crate) fn filter(&mut self) -> Result<Filter, Problem> {
        Ok(Filter {
            state: self.states()?,
            name: self.text("name")?,
            prefix: self.text("prefix")?,
            created_from: self.time("created_from")?,
            created_until: self.time("created_until")?,
            finished_from: self.time("finished_from")?,
            finished_until: self.time("finished_until")?,
            attr: self.all("attr").into_iter().filter(|text| !text.is_empty()).collect(),
        })
    }

    fn states(&mut self) -> Result<Vec<StateText>, Problem> {
        let texts = self.all("state").into_iter().filter(|text| !text.is_empty());
        let parsed = texts.map(|text| text.parse::<InstanceState>());
        let checked = parsed.map(|state| match state {
            Ok(state) => Ok(StateText(state)),
            Err(error) => Err(Problem::invalid(error.to_string())),
        });
        checked.collect()
    }

    fn time(&mut self, name: &'static str) -> Result<Option<Time>, Problem> {
        self.parsed(name, "a time of RFC 3339, such as 2026-11-29T23:00:00Z")
    }

    /// Refuses what is left.
    pub(crate) fn end(self) -> Result<(), Problem> {
        let Some((name, _)) = self.pairs.first() else { return Ok(()) };
        let known: Vec<_> = self.taken.iter().map(|name| format!("`{name}`")).collect();
        Err(Problem::invalid(match known.is_empty() {
            true => format!("there is no parameter `{name}`; this request takes none"),
            false => {
                format!("there is no parameter `{name}`; this request takes {}", known.join(", "))
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> String {
        let mut params = Params::parse(query).unwrap();
        let read = params.filter().and_then(|filter| filter.checked());
        let read = read.and_then(|_| params.page()).and_then(|_| params.end());
        read.expect_err("it is refused").detail
    }

    #[test]
    fn a_filter_is_read_with_all_of_its_parts() {
        let query = "state=failed&state=Parked&name=order&prefix=a%2F..%2F&created_from=\
                     2026-11-29T23:00:00%2B01:00&finished_until=2026-12-01T00:00:00Z&limit=7&after=x";
        let mut params = Params::parse(query).unwrap();
        let read = params.filter().unwrap();
        let filter = read.checked().unwrap();
        assert_eq!(filter.states, [InstanceState::Failed, InstanceState::Parked]);
        assert_eq!(filter.id_prefix.as_deref(), Some("a/../"));
        let from = filter.created.from.expect("it has a beginning");
        assert_eq!(from.to_string(), "2026-11-29T22:00:00.000000Z");
        assert_eq!(params.page().unwrap(), (Some(InstanceId::new("x").unwrap()), 7));
        params.end().unwrap();
        let written = Params::parse(&read.query()).unwrap().filter().unwrap();
        assert_eq!(written, read);
    }

    #[test]
    fn what_is_wrong_with_a_filter_is_said() {
        assert!(refused("state=asleep").contains("`asleep` is no state"));
        assert!(refused("created_from=yesterday").contains("`created_from` must be a time"));
        assert!(refused("limit=0").contains("from 1 to"));
        assert!(refused("limit=many").contains("`limit` must be a number"));
        assert!(refused("after=a%0Ab").contains("control character"));
        assert!(refused("nmae=order").contains("no parameter `nmae`; this request takes `state`"));
        assert!(refused("name=a&name=b").contains("given twice"));
        let reversed = "created_from=2026-01-02T00:00:00Z&created_until=2026-01-01T00:00:00Z";
        assert!(refused(reversed).contains("nothing in it"));
    }

    #[test]
    fn what_a_form_leaves_empty_is_absent() {
        let mut params = Params::parse("state=&name=&prefix=&created_from=").unwrap();
        assert_eq!(params.filter().unwrap(), Filter::default());
    }
}
