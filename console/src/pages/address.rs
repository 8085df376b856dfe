//! Addresses of pages: relative to the page on which they stand, with everything in the query encoded.

use std::fmt::{self, Write as _};

/// An address of a page of the console. All pages are in one folder, so it works under any prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    text: String,
    has_query: bool,
    anchor: Option<&'static str>,
}

impl Address {
    /// Of a page without a query.
    pub(crate) fn page(name: &str) -> Self {
        Self { text: name.to_owned(), has_query: false, anchor: None }
    }

    /// Of the page of an instance.
    pub(crate) fn instance(id: &str) -> Self {
        Self::page("instance").with("id", id)
    }

    /// Of the page that asks before it does something to an instance.
    pub(crate) fn act(what: &str, id: &str) -> Self {
        Self::page("act").with("do", what).with("id", id)
    }

    /// With one more part of the query.
    pub(crate) fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.text.push_str(key);
        self.text.push('=');
        encode(&mut self.text, &value.to_string());
        self
    }

    /// With one more part of the query, if there is one.
    pub(crate) fn with_some(self, key: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// The place on the page.
    pub(crate) fn at(mut self, anchor: &'static str) -> Self {
        self.anchor = Some(anchor);
        self
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match self.anchor {
            Some(anchor) => write!(f, "#{anchor}"),
            None => Ok(()),
        }
    }
}

impl maud::Render for Address {
    fn render_to(&self, into: &mut String) {
        self.to_string().as_str().render_to(into);
    }
}

/// Everything but letters, digits and `-._~` as `%` and two digits.
fn encode(into: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            into.push(char::from(byte));
        } else {
            // Writing into a `String` does not fail.
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_query_is_encoded() {
        let address = Address::instance("a/b?c=d&e #ü").with("after", 7).at("events");
        assert_eq!(address.to_string(), "instance?id=a%2Fb%3Fc%3Dd%26e%20%23%C3%BC&after=7#events");
    }

    #[test]
    fn what_is_absent_is_left_out() {
        let address = Address::page("instances").with_some("name", None::<&str>);
        assert_eq!(address.to_string(), "instances");
    }

    #[test]
    fn in_a_page_the_ampersand_is_escaped() {
        let address = Address::page("x").with("a", 1).with("b", 2);
        assert_eq!(
            maud::html! { a href=(address) {} }.into_string(),
            "<a href=\"x?a=1&amp;b=2\"></a>"
        );
    }
}
