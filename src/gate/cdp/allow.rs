//! What the agent may ask of Chromium (pure): what its tools use, and nothing that ends the browser,
//! opens another door into it, or outlives the agent's sessions.

/// Sorted, for the search.
const METHODS: [&str; 57] = [
    "Browser.getVersion",
    "CSS.createStyleSheet",
    "CSS.enable",
    "CSS.setStyleSheetText",
    "DOM.describeNode",
    "DOM.disable",
    "DOM.enable",
    "DOM.getBoxModel",
    "DOM.getContentQuads",
    "DOM.getDocument",
    "DOM.getFrameOwner",
    "DOM.requestNode",
    "DOM.resolveNode",
    "DOM.scrollIntoViewIfNeeded",
    "DOM.setFileInputFiles",
    "DOMDebugger.getEventListeners",
    "Input.dispatchDragEvent",
    "Input.dispatchKeyEvent",
    "Input.dispatchMouseEvent",
    "Input.imeSetComposition",
    "Input.insertText",
    "Input.setInterceptDrags",
    "Log.disable",
    "Log.enable",
    "Network.disable",
    "Network.enable",
    "Page.addScriptToEvaluateOnNewDocument",
    "Page.bringToFront",
    "Page.captureScreenshot",
    "Page.createIsolatedWorld",
    "Page.enable",
    "Page.getFrameTree",
    "Page.getLayoutMetrics",
    "Page.getNavigationHistory",
    "Page.handleJavaScriptDialog",
    "Page.navigate",
    "Page.navigateToHistoryEntry",
    "Page.reload",
    "Page.removeScriptToEvaluateOnNewDocument",
    "Page.setInterceptFileChooserDialog",
    "Page.setLifecycleEventsEnabled",
    "Page.stopLoading",
    "Runtime.callFunctionOn",
    "Runtime.enable",
    "Runtime.evaluate",
    "Runtime.releaseObject",
    "Runtime.releaseObjectGroup",
    "Runtime.runIfWaitingForDebugger",
    "Target.activateTarget",
    "Target.attachToTarget",
    "Target.closeTarget",
    "Target.createBrowserContext",
    "Target.createTarget",
    "Target.detachFromTarget",
    "Target.disposeBrowserContext",
    "Target.getTargets",
    "Target.setAutoAttach",
];

/// The method, if it is on the list.
pub(super) fn allowed(method: &str) -> Option<&'static str> {
    METHODS.binary_search(&method).ok().and_then(|place| METHODS.get(place).copied())
}

/// Whether its parameters name sessions or targets and are looked at.
pub(super) fn is_about_sessions(method: &str) -> bool {
    method.starts_with("Target.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_so_that_every_method_is_found() {
        assert!(METHODS.is_sorted());
        assert!(METHODS.iter().all(|method| allowed(method) == Some(*method)));
    }

    #[test]
    fn what_ends_the_browser_or_opens_a_door_is_not_on_the_list() {
        for method in [
            "Browser.close",
            "Browser.crash",
            "Browser.crashGpuProcess",
            "Page.crash",
            "Target.attachToBrowserTarget",
            "Target.exposeDevToolsProtocol",
            "Target.setRemoteLocations",
            "Target.sendMessageToTarget",
            "Overlay.enable",
            "Overlay.setInspectMode",
            "Tethering.bind",
            "Browser.setDownloadBehavior",
            "Emulation.setDeviceMetricsOverride",
            "Page.enable ",
            "page.enable",
            "",
        ] {
            assert_eq!(allowed(method), None, "{method}");
        }
    }
}
