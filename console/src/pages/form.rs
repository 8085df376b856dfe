//! `Form`: what a form of a page has sent, once its token is known to be of this console.

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::response::Response;

use super::page::Page;
use crate::limits::MAX_FORM_BYTES;
use crate::params::Params;
use crate::problem::Problem;
use crate::shared::Shared;

/// The body of a form, whole. One that is too large is answered with a page that says so.
pub(crate) struct FormBody(pub(crate) Bytes);

impl FromRequest<Shared> for FormBody {
    type Rejection = Response;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let Ok(page) = Page::from_request_parts(&mut parts, shared).await;
        to_bytes(body, MAX_FORM_BYTES).await.map(Self).map_err(|_| {
            let detail = format!(
                "the form is not whole, or has more than {MAX_FORM_BYTES} bytes; nothing was changed"
            );
            let problem = Problem::invalid(detail).with_status(StatusCode::PAYLOAD_TOO_LARGE);
            page.answer(Err(problem))
        })
    }
}

/// The fields of a form.
#[derive(Debug)]
pub(crate) struct Form {
    fields: Vec<(String, String)>,
}

impl Form {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// When the token is missing, too old, or of another console: nothing may be changed then.
    pub(crate) fn read(page: &Page, body: &[u8]) -> Result<Self, Problem> {
        let form = Self { fields: form_urlencoded::parse(body).into_owned().collect() };
        page.shared.forms().check(&page.headers, form.text("form_token"))?;
        Ok(form)
    }

    /// The value of a field; empty when it is absent.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The other fields, read as those of an address.
    pub(crate) fn params(&self, without: &[&str]) -> Result<Params, Problem> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.fields.iter().filter(|(key, _)| !without.contains(&key.as_str())));
        Params::parse(&query.finish())
    }
}
