//! Which pages are looked at (pure).

use std::collections::BTreeSet;

use url::{Origin, Url};

/// Pages of a run.
pub(super) const MOST: usize = 20;

/// What stands in a path that ends a session.
const ENDS_SESSION: [&str; 4] = ["logout", "log-out", "signout", "sign-out"];

/// Pages that were taken, and those that may be.
#[derive(Clone, Debug)]
pub(super) struct Frontier {
    origin: Origin,
    taken: BTreeSet<String>,
    /// Beyond the most that are taken.
    dropped: BTreeSet<String>,
}

impl Frontier {
    /// For a run that begins there.
    pub(super) fn new(run_url: &Url) -> Self {
        Self { origin: run_url.origin(), taken: BTreeSet::new(), dropped: BTreeSet::new() }
    }

    /// Whether a page there would be taken.
    pub(super) fn wants(&self, url: &Url) -> bool {
        self.fits(url) && self.taken.len() < MOST && !self.taken.contains(key(url))
    }

    /// Takes a page, if it is one that fits and is new.
    pub(super) fn take(&mut self, url: &Url) -> bool {
        let wanted = self.wants(url);
        let key = key(url).to_owned();
        if wanted {
            self.taken.insert(key);
        } else if self.fits(url) && !self.taken.contains(&key) {
            self.dropped.insert(key);
        }
        wanted
    }

    /// How many fitted, but came too late.
    pub(super) fn dropped(&self) -> usize {
        self.dropped.len()
    }

    fn fits(&self, url: &Url) -> bool {
        let path = url.path().to_ascii_lowercase();
        matches!(url.scheme(), "http" | "https")
            && url.origin() == self.origin
            && !path.contains("/api/")
            && !ENDS_SESSION.iter().any(|word| path.contains(word))
    }
}

/// The path without one trailing slash: the origin is everybody's.
fn key(url: &Url) -> &str {
    let path = url.path();
    path.strip_suffix('/').unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(frontier: &mut Frontier, url: &str) -> bool {
        frontier.take(&Url::parse(url).unwrap())
    }

    // agent.md 17.27
    #[test]
    fn a_page_is_its_origin_and_path() {
        let mut frontier = Frontier::new(&Url::parse("http://shop.example:3000/x").unwrap());
        for (url, is_taken) in [
            ("http://shop.example:3000/", true),
            ("http://shop.example:3000", false),
            ("http://shop.example:3000/?page=2#top", false),
            ("http://shop.example:3000/cart/", true),
            ("http://shop.example:3000/cart", false),
            ("http://shop.example:3000/cart//", true),
            ("http://shop.example:3000/Cart", true),
            ("http://shop.example/", false),
            ("https://shop.example:3000/", false),
            ("http://www.shop.example:3000/", false),
            ("about:blank", false),
            ("data:text/html,x", false),
        ] {
            assert_eq!(taken(&mut frontier, url), is_taken, "{url}");
        }
    }

    // agent.md 17.27
    #[test]
    fn what_ends_a_session_and_apis_are_left_alone() {
        let mut frontier = Frontier::new(&Url::parse("http://shop.example/").unwrap());
        for path in [
            "/logout",
            "/users/Log-Out",
            "/SignOut/now",
            "/a/sign-out.php",
            "/api/items",
            "/v1/api/x",
        ] {
            assert!(!taken(&mut frontier, &format!("http://shop.example{path}")), "{path}");
        }
        for path in ["/login", "/apis", "/blog"] {
            assert!(taken(&mut frontier, &format!("http://shop.example{path}")), "{path}");
        }
        assert_eq!(frontier.dropped(), 0);
    }

    // agent.md 17.27
    #[test]
    fn twenty_pages_are_taken_and_the_others_counted() {
        let mut frontier = Frontier::new(&Url::parse("http://shop.example/").unwrap());
        let count =
            (0..25).filter(|n| taken(&mut frontier, &format!("http://shop.example/p/{n}"))).count();
        assert!(!taken(&mut frontier, "http://shop.example/p/24"));
        assert!(!taken(&mut frontier, "http://shop.example/p/3"));
        assert_eq!((count, frontier.dropped()), (20, 5));
    }
}
