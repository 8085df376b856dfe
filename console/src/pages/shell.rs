//! What surrounds each page: head, bar with the tabs, place for what is said to screen readers, foot.

use maud::{DOCTYPE, Markup, html};

use super::address::Address;
use super::assets::{ICON, SCRIPT, STYLE};

/// Which tab a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    /// Overview.
    Overview,
    /// Instances, and one of them.
    Instances,
    /// Entities, and one of them.
    Entities,
    /// Hosts and shards.
    Shards,
    /// Quarantine.
    Quarantine,
    /// None: login, problems.
    None,
}

impl Tab {
    const SHOWN: [Self; 5] =
        [Self::Overview, Self::Instances, Self::Entities, Self::Shards, Self::Quarantine];

    const fn page(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Instances => "instances",
            Self::Entities => "entities",
            Self::Shards => "shards",
            Self::Quarantine => "quarantine",
            Self::None => "",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Instances => "Instances",
            Self::Entities => "Entities",
            Self::Shards => "Hosts and shards",
            Self::Quarantine => "Quarantine",
            Self::None => "",
        }
    }
}

/// Light, dark, or as the system is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    /// As the system is.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// By its name, as it stands in the cookie and in the form.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::System => Self::Dark,
            Self::Dark => Self::Light,
            Self::Light => Self::System,
        }
    }

    const fn sign(self) -> &'static str {
        match self {
            Self::System => "◐",
            Self::Light => "☀",
            Self::Dark => "☾",
        }
    }
}

/// How a page hears of changes.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    /// The stream of server-sent events; without one, the page looks again and again.
    pub(crate) watch: Option<Address>,
    /// How often it looks, in milliseconds, besides.
    pub(crate) every_ms: u64,
}

/// What surrounds a page.
#[derive(Clone, Debug)]
pub(crate) struct Shell {
    /// Of the page, without the name of the console.
    pub(crate) title: String,
    /// Its tab.
    pub(crate) tab: Tab,
    /// From the page to the folder of the pages: empty, or `../` for each folder below it.
    pub(crate) root: String,
    /// The look.
    pub(crate) theme: Theme,
    /// The address of the page itself, from the folder of the pages, for forms that lead back to it.
    pub(crate) here: String,
    /// The token of forms.
    pub(crate) form_token: String,
    /// Whether nothing can be changed.
    pub(crate) read_only: bool,
    /// Whether there is a login that one can leave.
    pub(crate) has_login: bool,
    /// Whether and how it is live.
    pub(crate) live: Option<Live>,
}

impl Shell {
    /// The whole page around its content.
    pub(crate) fn around(&self, content: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" data-theme=[self.chosen_theme()] {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="referrer" content="same-origin";
                    title { (self.title) " · reenact" }
                    link rel="icon" type="image/svg+xml" href={ (self.root) (ICON.address()) };
                    link rel="stylesheet" href={ (self.root) (STYLE.address()) };
                    script src={ (self.root) (SCRIPT.address()) } defer {}
                }
                body data-page=(self.tab.page()) {
                    a.skip href="#main" { "Skip to the content" }
                    (self.bar())
                    main id="main" tabindex="-1" { (content) }
                    (self.foot())
                    div.hidden id="said" role="status" aria-live="polite" {}
                }
            }
        }
    }

    fn chosen_theme(&self) -> Option<&'static str> {
        (self.theme != Theme::System).then(|| self.theme.name())
    }

    fn bar(&self) -> Markup {
        html! {
            header.top {
                div.top-in {
                    a.brand href={ (self.root) "overview" } {
                        img src={ (self.root) (ICON.address()) } alt="";
                        "reenact"
                    }
                    nav aria-label="Main" {
                        ul.tabs {
                            @for tab in Tab::SHOWN {
                                li {
                                    a href={ (self.root) (tab.page()) } aria-current=[(tab == self.tab).then_some("page")] {
                                        (tab.title())
                                    }
                                }
                            }
                        }
                    }
                    form.find role="search" method="get" action={ (self.root) "instance" } {
                        label.hidden for="find" { "Open an instance by its id" }
                        input id="find" type="search" name="id" required placeholder="Open an id  ( / )" autocomplete="off" spellcheck="false";
                    }
                    @if let Some(live) = &self.live { (self.live(live)) }
                    (self.theme_switch())
                }
            }
        }
    }

    /// Hidden until the script shows it.
    fn live(&self, live: &Live) -> Markup {
        let watch = live.watch.as_ref().map(|address| format!("{}{address}", self.root));
        html! {
            div.live id="live" hidden data-live-state="off" data-watch=[watch] data-kinds="list change instance gone" data-every=(live.every_ms) {
                button.plain type="button" aria-pressed="true" title="Pause or go on with live update" {
                    span data-live-text { "Live" }
                }
            }
        }
    }

    fn theme_switch(&self) -> Markup {
        let (now, next) = (self.theme, self.theme.next());
        html! {
            form.theme method="post" action={ (self.root) "theme" } {
                (token(&self.form_token))
                input type="hidden" name="back" value=(self.here);
                button.plain id="theme" name="theme" value=(next.name())
                    title={ "Colours: " (now.name()) ". Change to " (next.name()) "." } {
                    span aria-hidden="true" { (now.sign()) }
                    span.hidden { "Colours: " (now.name()) ". Change to " (next.name()) "." }
                }
            }
        }
    }

    fn foot(&self) -> Markup {
        html! {
            footer.foot {
                div.foot-in {
                    span { "reenact " (env!("CARGO_PKG_VERSION")) }
                    @if self.read_only { span data-read-only { "Read only: nothing can be changed here." } }
                    span { "All times are UTC." }
                    a href={ (self.root) "api/openapi.json" } { "API" }
                    a href={ (self.root) "metrics" } { "Metrics" }
                    @if self.has_login {
                        form method="post" action={ (self.root) "logout" } {
                            (token(&self.form_token))
                            button.plain { "Log out" }
                        }
                    }
                }
            }
        }
    }
}

/// The field of a form that proves that the form is from this console.
pub(crate) fn token(token: &str) -> Markup {
    html! { input type="hidden" name="form_token" value=(token); }
}
