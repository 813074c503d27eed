//! What the processes of one run have in common, whether they are containers of a pod or tasks and a
//! child of `handback run`.

pub mod contract;
