//! The protocol's side of the desk: who we are, which tools there are, and each call to its tool.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt as _,
    model::{
        CallToolRequestParams, CallToolResponse, Implementation, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
    },
    service::RequestContext,
};
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{desk::Desk, progress::Progress, table};
use crate::{agent::tools::schema, shutdown::Shutdown};

/// What a coding agent is told before it has called anything.
const INSTRUCTIONS: &str = include_str!("instructions.md");

/// One connection's server; all of them share the desk.
#[derive(Clone, Debug)]
pub(super) struct Server {
    desk: Arc<Desk>,
}

impl Server {
    pub(super) fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    /// Serves one client until it goes, or until the end.
    pub(super) async fn serve_on(
        self,
        input: impl AsyncRead + Send + Unpin + 'static,
        output: impl AsyncWrite + Send + Unpin + 'static,
        shutdown: &Shutdown,
    ) -> Result<(), String> {
        let served = tokio::select! {
            biased;
            () = shutdown.cancel.cancelled() => return Ok(()),
            served = self.serve((input, output)) => served,
        };
        // A client that goes before it has said hello wanted nothing.
        let Ok(service) = served.inspect_err(|error| tracing::info!(%error, "no session")) else {
            return Ok(());
        };
        tokio::select! {
            biased;
            () = shutdown.cancel.cancelled() => Ok(()),
            quit = service.waiting() => {
                quit.map(drop).map_err(|error| format!("The session broke off: {error}."))
            }
        }
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(
                Implementation::new("handback", env!("CARGO_PKG_VERSION")).with_title("Handback"),
            )
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(table::TOOLS.iter().copied().map(offered).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let given: Map<String, Value> = request.arguments.unwrap_or_default();
        let progress = Progress::of(&context);
        let cancel = context.ct;
        let result = match &*request.name {
            "test" => self.desk.test(given, progress, cancel).await,
            other => {
                let names: Vec<_> = table::TOOLS.iter().map(|tool| tool.name).collect();
                let message = format!("there is no tool {other:?}; there are {}", names.join(", "));
                return Err(ErrorData::invalid_params(message, None));
            }
        };
        Ok(result.into())
    }
}

fn offered(tool: &crate::agent::tools::Tool) -> Tool {
    let schema = match schema::of(tool) {
        Value::Object(schema) => schema,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    };
    Tool::new(tool.name, tool.says, Arc::new(schema))
        .with_annotations(ToolAnnotations::new().open_world(true))
}
