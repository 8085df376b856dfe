//! A start by the form: what is wrong stands beside its field, it asks first, and it counts once.

use reenact_console::ConsoleOptions;
use reenact_providers::{InMemory, InstanceState};
use serde_json::json;

use super::browsing::{Shown, Site, id};

/// A right start of `wait`.
const RIGHT: [(&str, &str); 4] =
    [("orchestration", "wait"), ("id", "w-1"), ("input", "{\"for\": \"Go\"}"), ("step", "ask")];

/// The right start with another value of that field.
fn with<'a>(field: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let others = RIGHT.into_iter().filter(|(name, _)| *name != field);
    others.chain([(field, value)]).collect()
}

/// The hidden fields of the page that asks, with the step that its button has.
fn confirmed(asked: &Shown, step: &'static str) -> Vec<(String, String)> {
    let form = asked.html.split("id=\"ask-form\"").nth(1).expect("it asks");
    let form = form.split("</form>").next().expect("it ends");
    let hidden = form.split("type=\"hidden\" name=\"").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once("\" value=\"")?;
        let value = rest.split('"').next()?.replace("&quot;", "\"");
        (name != "form_token").then(|| (name.to_owned(), value))
    });
    hidden.chain([("step".to_owned(), step.to_owned())]).collect()
}

async fn send(site: &Site, fields: &[(String, String)]) -> Shown {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    site.send("/start", &fields).await
}

#[tokio::test]
async fn a_start_asks_first_and_says_what_it_will_do() {
    let site = Site::open().await;
    for page in ["/instances?name=wait", "/overview"] {
        site.get(page).await.is(200).has("data-action=\"start\"");
    }
    let form = site.get("/start?orchestration=wait").await;
    form.is(200).has("value=\"wait\"").has("<option value=\"echo\">").has("<code>pay</code>");
    let asked = site.send("/start", &RIGHT).await;
    asked.is(200).has("id=\"effects\"").has("w-1").has("&quot;for&quot;: &quot;Go&quot;");
    site.access.summary(&id("w-1")).await.expect_err("it only asks");
    let begun = send(&site, &confirmed(&asked, "start")).await;
    assert_eq!(begun.leads_to(), "instance?id=w-1&did=start");
    assert_eq!(site.access.summary(&id("w-1")).await.unwrap().state, InstanceState::Running);
    site.get("/instance?id=w-1&did=start").await.has("The instance is started.");
    // Sent once more, it is refused beside the id, and nothing else begins.
    let again = send(&site, &confirmed(&asked, "start")).await;
    again.is(400).has("id=\"id-wrong\"").has("already");
}

#[tokio::test]
async fn without_an_id_one_is_drawn_before_it_asks_so_that_it_begins_once() {
    let site = Site::open().await;
    let asked = site.send("/start", &with("id", "")).await;
    asked.is(200).has("(drawn)");
    let fields = confirmed(&asked, "start");
    let first = send(&site, &fields).await.leads_to().to_owned();
    send(&site, &fields).await.is(400).has("id=\"id-wrong\"");
    let page = site.get("/instances").await;
    assert_eq!(page.html.matches("data-row=").count(), 1, "{first}");
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field_and_the_others_stay_as_they_were() {
    let site = Site::open().await;
    site.begin("wait", "taken", json!(1)).await;
    let wrongs = [
        ("orchestration", "nobody", "nobody"),
        ("orchestration", "", "empty"),
        ("version", "not a version", "not a version"),
        ("version", "9.9.9", "9.9.9"),
        ("id", "taken", "already"),
        ("id", "a\nb", "control character"),
        ("input", "{oops", "not JSON"),
        ("delay", "soon", "not a whole number"),
        ("delay", "99999999999999", "at most"),
        ("timeout", "an hour", "not a whole number"),
        ("total_timeout", "99999999999999", "at most"),
        ("attributes", "customer", "no attribute"),
        ("reuse", "whatever", "none of these"),
    ];
    for (field, value, words) in wrongs {
        let page = site.send("/start", &with(field, value)).await;
        page.is(400).has(&format!("id=\"{field}-wrong\"")).has(words);
        page.has(&format!("aria-describedby=\"{field}-wrong {field}-hint\""));
        assert_eq!(page.html.matches("aria-invalid=\"true\"").count(), 1, "{field}: {value}");
        if field != "input" {
            page.has("{&quot;for&quot;: &quot;Go&quot;}");
        }
    }
    let both = [("orchestration", "nobody"), ("delay", "soon"), ("input", "{"), ("step", "start")];
    let page = site.send("/start", &both).await;
    assert_eq!(page.is(400).html.matches("aria-invalid=\"true\"").count(), 3, "all at once");
    assert_eq!(site.get("/instances").await.html.matches("data-row=").count(), 1);
}

#[tokio::test]
async fn one_can_go_back_from_the_question_to_the_form() {
    let site = Site::open().await;
    let fields = with("delay", "90");
    let fields: Vec<_> = fields.into_iter().chain([("unit", "minutes")]).collect();
    let asked = site.send("/start", &fields).await;
    asked.is(200).has("after");
    let form = send(&site, &confirmed(&asked, "edit")).await;
    form.is(200).has("id=\"start-form\"").has("value=\"90\"").has("value=\"minutes\" selected");
    form.has("{&quot;for&quot;: &quot;Go&quot;}");
    send(&site, &confirmed(&asked, "start")).await.leads_to();
    site.get("/instance?id=w-1").await.has("It waits for its start");
}

#[tokio::test]
async fn a_console_that_only_reads_starts_nothing() {
    let options = ConsoleOptions::new().guarded_by_layer().read_only(true);
    let site = Site::open_with(options).await;
    site.get("/start").await.is(200).has("only reads").lacks("id=\"start-form\"");
    site.get("/instances").await.lacks("data-action=\"start\"");
    site.send("/start", &RIGHT).await.is(403);
    site.access.summary(&id("w-1")).await.expect_err("it is not there");
}

#[tokio::test]
async fn without_a_host_any_name_can_be_typed() {
    let site = Site::over(&InMemory::new().shared());
    site.get("/start").await.is(200).has("reaches no host");
    site.send("/start", &with("orchestration", "of-another-host"))
        .await
        .is(200)
        .has("id=\"effects\"");
}

#[tokio::test]
async fn on_a_host_that_runs_no_code_the_question_says_when_it_begins() {
    let site = Site::dormant().await;
    site.get("/start").await.is(200).has("that of code that has none");
    let asked = site.send("/start", &with("orchestration", "of-another-host")).await;
    asked.is(200).has("at once, once a host that has it starts");
    send(&site, &confirmed(&asked, "start")).await.leads_to();
    let begun = site.access.summary(&id("w-1")).await.expect("it is there");
    assert_eq!(begun.name.as_str(), "of-another-host");
}

#[tokio::test]
async fn a_form_that_is_too_large_is_refused_with_a_page() {
    let site = Site::open().await;
    let input = "9".repeat(reenact_console::limits::MAX_FORM_BYTES);
    site.send("/start", &with("input", &input)).await.is(413).has("id=\"problem\"");
}

#[tokio::test]
async fn a_start_takes_time_limits_and_attributes() {
    let site = Site::open().await;
    let mut fields = with("id", "w-1");
    fields.extend([
        ("timeout", "90"),
        ("timeout_unit", "minutes"),
        ("total_timeout", "2"),
        ("total_timeout_unit", "days"),
        ("attributes", "customer=<ada>\n\ncents = 430\n"),
    ]);
    let asked = site.send("/start", &fields).await;
    asked.is(200).has("Time limit of each execution").has("Time limit of all executions");
    asked.has("customer=<code>").has("cents=<code>430</code>").lacks("<ada>");
    let form = send(&site, &confirmed(&asked, "edit")).await;
    form.is(200).has("<details id=\"more\" open").has("value=\"minutes\" selected");
    send(&site, &confirmed(&asked, "start")).await.leads_to();
    let page = site.get("/instance?id=w-1").await;
    page.has("Attributes").has("cents=<code>430</code>").lacks("<ada>");
    page.has("time limit of this execution").has("time limit of all executions");
    let view = site.access.view(&id("w-1")).await.unwrap().execution;
    let (begun, ends) = (view.started_at.unwrap(), view.execution_ends_at.unwrap());
    assert_eq!(ends.since(begun), std::time::Duration::from_secs(90 * 60));
    assert!(view.total_ends_at > Some(ends));
}

#[tokio::test]
async fn an_id_that_is_taken_is_attached_to_or_replaced_where_the_form_says_so() {
    let site = Site::open().await;
    site.begin("wait", "w-1", json!("first")).await;
    let started = async |reuse| {
        let mut fields = RIGHT.to_vec();
        fields.push(("reuse", reuse));
        let asked = site.send("/start", &fields).await;
        asked.is(200).has("Where the id is taken");
        send(&site, &confirmed(&asked, "start")).await
    };
    let execution = async || site.access.summary(&id("w-1")).await.unwrap().execution.0;
    started("attach").await.leads_to();
    assert_eq!(execution().await, 1, "it is the one that was there");
    started("replace-failed").await.is(409).has("id=\"id-wrong\"");
    started("replace").await.leads_to();
    assert_eq!(execution().await, 2);
    site.get("/instance?id=w-1").await.has("&quot;for&quot;: &quot;Go&quot;").lacks("first");
}
