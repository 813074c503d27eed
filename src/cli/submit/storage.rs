//! The bucket of a run, read with the person's own keys: the usual variables of AWS' own tools, and
//! what the run says of its storage.

use std::env;

use crate::{
    client::Error,
    gate::{S3, upload::download::Stored},
    manifest::test_run::TestRun,
    secret::Secret,
};

/// The files of a stored run, if there are keys for them.
pub(super) fn of(run: &TestRun) -> Option<Result<(Stored, String), Error>> {
    let status = run.status.as_ref()?;
    let uri = status.artifacts.as_ref()?.uri.clone();
    let target = target(run, &uri, given)?;
    let stored = Stored::at(&target).map_err(|error| Error::Storage {
        path: "manifest.json".to_owned(),
        uri: uri.clone(),
        why: error.to_string(),
    });
    Some(stored.map(|stored| (stored, uri)))
}

fn given(name: &str) -> Option<String> {
    env::var_os(name).and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty())
}

/// Where to look and with which keys. A variable wins over what the run says.
fn target(run: &TestRun, uri: &str, given: impl Fn(&str) -> Option<String>) -> Option<S3> {
    let (bucket, prefix) = uri.strip_prefix("s3://")?.split_once('/')?;
    let own = run.spec.artifacts.s3.as_ref().filter(|own| own.bucket == bucket);
    let secret = |name: &str| given(name).map(Secret::new);
    let (access_key, secret_key) = (secret("AWS_ACCESS_KEY_ID")?, secret("AWS_SECRET_ACCESS_KEY")?);
    let region = given("AWS_REGION")
        .or_else(|| given("AWS_DEFAULT_REGION"))
        .or_else(|| own.map(|own| own.region.clone()))
        .unwrap_or_default();
    let named = given("AWS_ENDPOINT_URL_S3").or_else(|| given("AWS_ENDPOINT_URL"));
    // Whoever sets an address by hand means it, http included.
    let insecure = named.is_some() || own.is_some_and(|own| own.allow_insecure);
    let path_style = own.map_or_else(|| named.is_some(), |own| own.path_style);
    let endpoint = named.or_else(|| own.map(|own| own.endpoint.clone())).unwrap_or_else(|| {
        let region = if region.is_empty() { "us-east-1" } else { &region };
        format!("https://s3.{region}.amazonaws.com")
    });
    Some(S3 {
        endpoint,
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        region,
        path_style,
        allow_insecure: insecure,
        access_key,
        secret_key,
        session_token: secret("AWS_SESSION_TOKEN"),
        ca: given("AWS_CA_BUNDLE").and_then(|path| std::fs::read(path).ok()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(s3: &serde_json::Value) -> TestRun {
        serde_json::from_value(json!({
            "apiVersion": "handback.dev/v1alpha1", "kind": "TestRun", "metadata": {"name": "x"},
            "spec": {"url": "https://shop.example", "plan": "x", "artifacts": {"s3": s3}},
        }))
        .unwrap()
    }

    fn keys(name: &str) -> Option<String> {
        let known = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "secret")];
        known.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_run_says_where_and_the_environment_with_what() {
        let own = json!({
            "endpoint": "https://s3.example", "bucket": "runs", "region": "eu-1", "pathStyle": true,
        });
        let found = target(&run(&own), "s3://runs/shop/checkout/3f1c/1/", keys).unwrap();
        assert_eq!(
            (found.endpoint.as_str(), found.bucket.as_str()),
            ("https://s3.example", "runs")
        );
        assert_eq!(
            (found.prefix.as_str(), found.region.as_str()),
            ("shop/checkout/3f1c/1/", "eu-1")
        );
        assert!(found.path_style && !found.allow_insecure);
        assert_eq!(found.secret_key.expose(), "secret");
        // The operator's default bucket is not the run's own.
        let found = target(&run(&own), "s3://other/x/", keys).unwrap();
        assert_eq!(found.endpoint, "https://s3.us-east-1.amazonaws.com");
        let with = |name: &str| match name {
            "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:9000".to_owned()),
            _ => keys(name),
        };
        let found = target(&run(&own), "s3://runs/x/", with).unwrap();
        assert!(found.endpoint == "http://127.0.0.1:9000" && found.allow_insecure);
        assert!(target(&run(&own), "", keys).is_none(), "kept in the pod");
        assert!(target(&run(&own), "s3://runs/x/", |_| None).is_none(), "no keys");
    }
}
