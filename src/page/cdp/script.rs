//! Scripts of others in the page's own world, and values that stay in the browser until they are asked
//! for.

use std::time::Duration;

use chromiumoxide_cdp::cdp::{browser_protocol::dom, js_protocol::runtime};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use super::{CdpError, Session, command::Evaluation};

/// What became of a script.
pub(crate) type Script = Result<Given, Thrown>;

/// A value.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Given {
    /// `undefined`, `number`, `object`, …
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// If JSON can say it.
    pub(crate) value: Option<Value>,
    /// `NaN`, `-0`, `12n`.
    #[serde(rename = "unserializableValue")]
    pub(crate) unserializable: Option<String>,
    /// For people.
    pub(crate) description: String,
    /// To ask more of it; until it is released.
    #[serde(rename = "objectId")]
    pub(crate) object: Option<String>,
}

/// What a script threw, or why it is none.
#[derive(Clone, Debug)]
pub(crate) struct Thrown {
    /// `TypeError`
    pub(crate) name: String,
    /// Without the name.
    pub(crate) message: String,
    /// From 0.
    pub(crate) line: i64,
    /// From 0.
    pub(crate) column: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    #[serde(default)]
    result: Given,
    exception_details: Option<Details>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(default)]
    text: String,
    #[serde(default)]
    line_number: i64,
    #[serde(default)]
    column_number: i64,
    exception: Option<Exception>,
    stack_trace: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Exception {
    class_name: String,
    description: String,
    value: Option<Value>,
}

impl Outcome {
    fn into_script(self) -> Script {
        let Some(details) = self.exception_details else { return Ok(self.result) };
        let Details { text, line_number, column_number, exception, stack_trace } = details;
        // Of what was thrown on the way the browser counts from 1, of what is no script from 0.
        let first = i64::from(stack_trace.is_some());
        let (line, column) = ((line_number - first).max(0), (column_number - first).max(0));
        let Exception { class_name, description, value } = exception.unwrap_or_default();
        let name = if class_name.is_empty() { "Error".to_owned() } else { class_name };
        // `TypeError: message`, and where it came from on further lines.
        let words = description.lines().next().unwrap_or_default();
        let message = match value {
            Some(Value::String(thrown)) => thrown,
            Some(thrown) => thrown.to_string(),
            None if words.is_empty() => text,
            None => words.strip_prefix(&format!("{name}: ")).unwrap_or(words).to_owned(),
        };
        Err(Thrown { name, message, line, column })
    }
}

impl Thrown {
    /// `return` outside of a function.
    pub(crate) fn is_illegal_return(&self) -> bool {
        self.name == "SyntaxError" && self.message.contains("Illegal return")
    }
}

impl Session {
    /// Runs an expression in the main frame and takes its value as it is.
    pub(crate) async fn run(&self, expression: &str) -> Result<Script, CdpError> {
        let params = runtime::EvaluateParams::new(expression);
        Ok(self.command(&params).get::<Outcome>().await?.into_script())
    }

    /// The same, awaiting a promise; a loop that does not end is ended after `limit`.
    pub(crate) async fn run_for(
        &self,
        expression: &str,
        limit: Duration,
    ) -> Result<Script, CdpError> {
        self.evaluate(expression, limit, false).await
    }

    /// The same for statements, which may await: the value is that of the last expression.
    pub(crate) async fn run_all(
        &self,
        statements: &str,
        limit: Duration,
    ) -> Result<Script, CdpError> {
        self.evaluate(statements, limit, true).await
    }

    async fn evaluate(
        &self,
        source: &str,
        limit: Duration,
        statements: bool,
    ) -> Result<Script, CdpError> {
        let mut params = runtime::EvaluateParams::new(source);
        params.await_promise = Some(true);
        params.repl_mode = statements.then_some(true);
        params.timeout = Some(runtime::TimeDelta::new(limit.as_secs_f64() * 1000.0));
        Ok(self.command(&params).get::<Outcome>().await?.into_script())
    }

    /// Calls a function with an object as its argument, in the object's frame, awaiting a promise.
    pub(crate) async fn run_on(&self, object: &str, function: &str) -> Result<Script, CdpError> {
        let mut call = runtime::CallFunctionOnParams::new(function);
        call.object_id = Some(object.to_owned().into());
        call.arguments =
            Some(vec![runtime::CallArgument::builder().object_id(object.to_owned()).build()]);
        call.await_promise = Some(true);
        Ok(self.command(&call).get::<Outcome>().await?.into_script())
    }

    /// Calls a function of ours on an object, with one argument.
    pub(crate) fn call_with(&self, object: &str, function: &str, argument: &Value) -> Evaluation {
        let mut call = runtime::CallFunctionOnParams::new(function);
        call.object_id = Some(object.to_owned().into());
        call.arguments =
            Some(vec![runtime::CallArgument::builder().value(argument.clone()).build()]);
        call.return_by_value = Some(true);
        Evaluation(self.command(&call))
    }

    /// A node that an expression in a world of ours gives, as an object of the page's own world.
    pub(crate) async fn page_object(
        &self,
        context: i64,
        expression: &str,
    ) -> Result<String, CdpError> {
        #[derive(Deserialize)]
        struct Described {
            node: Node,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Node {
            backend_node_id: i64,
        }
        #[derive(Deserialize)]
        struct Resolved {
            object: Given,
        }
        let lost = || CdpError::TargetLost { method: "DOM.resolveNode".into() };
        let mut params = runtime::EvaluateParams::new(expression);
        params.context_id = Some(runtime::ExecutionContextId::new(context));
        let ours = self.command(&params).get::<Outcome>().await?.into_script();
        let ours = ours.ok().and_then(|given| given.object).ok_or_else(lost)?;
        let describe = dom::DescribeNodeParams {
            object_id: Some(ours.clone().into()),
            ..dom::DescribeNodeParams::default()
        };
        let described = self.command(&describe).get::<Described>().await;
        self.release(&ours);
        let resolve = dom::ResolveNodeParams {
            backend_node_id: Some(dom::BackendNodeId::new(described?.node.backend_node_id)),
            ..dom::ResolveNodeParams::default()
        };
        let resolved = self.command(&resolve).get::<Resolved>().await?;
        resolved.object.object.ok_or_else(lost)
    }

    /// Lets go of an object.
    pub(crate) fn release(&self, object: &str) {
        self.command(&runtime::ReleaseObjectParams::new(object.to_owned())).forget();
    }
}
