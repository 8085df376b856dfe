//! The description of the API in OpenAPI, made of the endpoints and their types.

use axum::Json;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, OpenApi as Document, Ref, RefOr, Response, ResponseBuilder, SecurityRequirement,
};
use utoipa::{IntoParams, Modify, OpenApi};

use super::{
    bulk, change, converse, doctor, entities, export, history, import, info, inspect, instance,
    items, list, metrics, quarantine, watch,
};
use crate::params::Params;
use crate::problem::{PROBLEM_JSON, Problem};

/// The id of an instance.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is read by `Params`, and described here")]
pub(crate) struct Id {
    /// The id of the instance.
    id: String,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "reenact console",
        description = "Looks into durable orchestrations, and steers them. Ids of instances are in the query. What is \
            refused is answered with a problem document (RFC 9457). Changes are POST requests with the header \
            `Content-Type: application/json`; that of an import may be `application/x-ndjson`.",
    ),
    paths(
        info::info, document,
        list::instances, list::count, list::counts,
        instance::instance, instance::state, history::page, history::download, export::export,
        import::import,
        inspect::timeline, inspect::executions, inspect::tree, inspect::failure, inspect::shards,
        items::page, items::watch,
        watch::list, watch::instance,
        change::start, change::raise, change::cancel, change::suspend, change::resume,
        change::terminate, change::rewind, change::fork, change::purge,
        converse::published, converse::update,
        converse::complete, converse::fail, converse::heartbeat,
        entities::types, entities::list, entities::entity, entities::call, entities::signal,
        entities::delete, entities::purge,
        bulk::prepare, bulk::run, bulk::stop,
        doctor::doctor, metrics::json, metrics::prometheus, metrics::hour,
        quarantine::list, quarantine::requeue, quarantine::discard,
    ),
    components(schemas(Problem)),
    modifiers(&Refusals),
)]
struct Description;

/// What every endpoint has: a problem as its answer to what it refuses, and the token.
struct Refusals;

impl Modify for Refusals {
    fn modify(&self, document: &mut Document) {
        let bearer = SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("The token of the console, where it has one"))
                .build(),
        );
        if let Some(components) = &mut document.components {
            components.responses.insert("Refused".to_string(), RefOr::T(refused()));
            components.security_schemes.insert("token".to_string(), RefOr::T(bearer));
        }
        let none: [&str; 0] = [];
        document.security =
            Some(vec![SecurityRequirement::default(), SecurityRequirement::new("token", none)]);
        for item in document.paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
                let refused = RefOr::Ref(Ref::from_response_name("Refused"));
                operation.responses.responses.insert("default".to_string(), refused);
            }
        }
    }
}

fn refused() -> Response {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new()
        .description("Why the request was not carried out. Unless `detail` says otherwise, nothing was changed.")
        .content(PROBLEM_JSON, problem)
        .build()
}

/// This description.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "console",
    responses((status = 200, description = "The description of the API in OpenAPI"))
)]
pub(crate) async fn document(params: Params) -> Result<Json<Document>, Problem> {
    params.end()?;
    Ok(Json(Description::openapi()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::api::endpoints;

    fn described() -> Value {
        serde_json::to_value(Description::openapi()).expect("a description")
    }

    #[test]
    fn each_endpoint_is_described_and_nothing_else() {
        let described = described();
        let paths = described["paths"].as_object().expect("paths");
        let methods = |(path, item): (&String, &Value)| {
            let item = item.as_object().expect("operations").clone();
            item.into_iter().map(|(method, _)| format!("{method} {path}")).collect::<Vec<_>>()
        };
        let described: BTreeSet<_> = paths.iter().flat_map(methods).collect();
        let served: BTreeSet<_> = endpoints()
            .iter()
            .map(|endpoint| {
                format!("{} {}", endpoint.method.as_str().to_lowercase(), endpoint.path)
            })
            .collect();
        assert_eq!(described, served);
    }

    #[test]
    fn each_operation_says_what_it_does_and_how_it_refuses() {
        for (path, item) in described()["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                let summary = operation["summary"].as_str().unwrap_or_default();
                assert!(summary.len() > 10, "{method} {path} has no summary");
                let refused = &operation["responses"]["default"]["$ref"];
                assert_eq!(refused, "#/components/responses/Refused", "{method} {path}");
            }
        }
    }

    #[test]
    fn each_reference_leads_to_something() {
        let described = described();
        let mut open = vec![&described];
        while let Some(value) = open.pop() {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(reference)) = fields.get("$ref") {
                        let pointer = reference.trim_start_matches('#');
                        assert!(described.pointer(pointer).is_some(), "{reference}");
                    }
                    open.extend(fields.values());
                }
                Value::Array(items) => open.extend(items),
                _ => {}
            }
        }
    }
}
