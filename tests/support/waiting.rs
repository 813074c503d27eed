//! Waiting for a condition under a deadline, never for a time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Anything that a process does, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// Looks until there is something.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not come");
        sleep(Duration::from_millis(20)).await;
    }
}
