//! Options of everything that talks to a cluster, named as kubectl's are.

use std::{io::stderr, path::PathBuf};

use crate::{
    cli::say,
    client::{
        Error,
        cluster::{Cluster, Place},
    },
    pod::contract::Exit,
};

/// Which cluster, and where in it.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterArgs {
    /// Namespace [default: the context's]
    #[arg(short, long, env = "HANDBACK_NAMESPACE", value_name = "NAME")]
    pub namespace: Option<String>,
    /// Context of the kubeconfig [default: the current one]
    #[arg(long, env = "HANDBACK_CONTEXT", value_name = "NAME")]
    pub context: Option<String>,
    /// A kubeconfig [default: $KUBECONFIG, then ~/.kube/config]
    #[arg(long, env = "HANDBACK_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

impl ClusterArgs {
    /// The cluster that is meant. Nothing is asked of it yet.
    pub(super) async fn find(self) -> Result<Cluster, Error> {
        let Self { namespace, context, kubeconfig } = self;
        Cluster::find(&Place { kubeconfig, context, namespace }).await
    }
}

/// Says what went wrong; gives what the caller is told.
pub(super) fn complain(error: &Error) -> Exit {
    say(&mut stderr(), &format!("error: {error}\n"));
    error.exit()
}
