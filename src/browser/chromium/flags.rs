//! Chromium's command line (pure).

use std::{ffi::OsString, path::Path};

use crate::pod::contract::Size;

/// What the gate asks for in [`crate::pod::contract::ToBrowser::Start`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// Size of the page's contents.
    pub(crate) viewport: Size,
    /// Any certificate is accepted.
    pub(crate) insecure_tls: bool,
    /// `--host-resolver-rules`, one rule each.
    pub(crate) resolver_rules: Vec<String>,
}

/// A window is never narrower than this.
const MIN_WIDTH: u32 = 500;

/// What a window that shows a page of this size needs, without the browser's own bars.
pub(crate) fn contents(viewport: Size) -> Size {
    Size { width: viewport.width.max(MIN_WIDTH), height: viewport.height.max(1) }
}

/// Quiet, and the same every time: nothing asks, updates, reports or saves power.
const ALWAYS: &[&str] = &[
    "--remote-debugging-pipe",
    // No first-run pages, questions and bubbles.
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-crash-restore-bubble",
    "--disable-search-engine-choice-screen",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-component-extensions-with-background-pages",
    "--disable-popup-blocking",
    "--disable-prompt-on-repost",
    "--disable-hang-monitor",
    // No connections of its own.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    "--disable-sync",
    "--disable-breakpad",
    "--no-pings",
    "--metrics-recording-only",
    "--no-service-autorun",
    "--disable-field-trial-config",
    // Nothing is slowed down because nobody looks.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-ipc-flooding-protection",
    "--disable-back-forward-cache",
    // No desktop to ask for passwords, colours or scale.
    "--password-store=basic",
    "--force-color-profile=srgb",
    "--force-device-scale-factor=1",
    "--lang=en-US",
    // There is no graphics card; pages that need 3D get it in software.
    "--disable-gpu-compositing",
    "--enable-unsafe-swiftshader",
];

/// One flag, since the last one given wins. Those of the address bar's list as a page of Chromium's own
/// (`WebUIOmnibox…`) took half of the time of a start and 150 MB, and were one more hidden page each.
const DISABLED_FEATURES: &str = "AcceptCHFrame,AutofillServerCommunication,CalculateNativeWinOcclusion,\
     CertificateTransparencyComponentUpdater,DestroyProfileOnBrowserClose,DialMediaRouteProvider,\
     GlobalMediaControls,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,ImprovedCookieControls,\
     InterestFeedContentSuggestions,LensOverlay,MediaRouter,OptimizationHints,PaintHolding,\
     ThirdPartyStoragePartitioning,Translate,WebUIOmniboxAimPopup,WebUIOmniboxPopup";

/// The whole command line, up to the first page's address.
pub(crate) fn flags(
    wishes: &Wishes,
    profile: &Path,
    display: bool,
    own_sandbox: bool,
) -> Vec<OsString> {
    let Wishes { viewport, insecure_tls, resolver_rules } = wishes;
    let Size { width, height } = contents(*viewport);
    let mut flags: Vec<OsString> = ALWAYS.iter().map(OsString::from).collect();
    flags.push(format!("--disable-features={DISABLED_FEATURES}").into());
    let mut directory = OsString::from("--user-data-dir=");
    directory.push(profile);
    flags.push(directory);
    if display {
        flags.push("--ozone-platform=x11".into());
    } else {
        flags.push("--headless=new".into());
    }
    // Its bars are part of the window, so it will grow.
    flags.push("--window-position=0,0".into());
    flags.push(format!("--window-size={width},{height}").into());
    if !own_sandbox {
        flags.push("--no-sandbox".into());
    }
    if *insecure_tls {
        flags.push("--ignore-certificate-errors".into());
    }
    if !resolver_rules.is_empty() {
        flags.push(format!("--host-resolver-rules={}", resolver_rules.join(",")).into());
    }
    if !own_sandbox || *insecure_tls || !resolver_rules.is_empty() {
        // Else a bar warns of the flag and moves the page down.
        flags.push("--test-type".into());
    }
    flags.push("about:blank".into());
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(wishes: &Wishes, display: bool, own_sandbox: bool) -> String {
        let flags = flags(wishes, Path::new("/p"), display, own_sandbox);
        flags.iter().map(|flag| flag.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_sandbox_is_only_given_up_when_told_so() {
        let wishes = Wishes {
            viewport: Size { width: 375, height: 812 },
            insecure_tls: false,
            resolver_rules: Vec::new(),
        };
        let with = line(&wishes, true, true);
        assert!(!with.contains("sandbox") && with.contains("--window-size=500,812"), "{with}");
        assert!(line(&wishes, true, false).contains("--no-sandbox"));
        assert!(
            line(&wishes, false, true)
                .contains("--headless=new --window-position=0,0 --window-size=500,812")
        );
    }

    #[test]
    fn rules_and_certificates_are_passed_on() {
        let wishes = Wishes {
            viewport: Size { width: 1600, height: 900 },
            insecure_tls: true,
            resolver_rules: vec!["MAP a ~NOTFOUND".to_owned(), "MAP b ~NOTFOUND".to_owned()],
        };
        let line = line(&wishes, true, true);
        assert!(line.contains("--host-resolver-rules=MAP a ~NOTFOUND,MAP b ~NOTFOUND"), "{line}");
        assert!(line.contains("--ignore-certificate-errors"));
    }
}
