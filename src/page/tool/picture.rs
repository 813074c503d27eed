//! Pictures of a page: of what is in view, and of all of it.

use super::dispatch::{ACKNOWLEDGED, Page};
use crate::page::{
    frames::within,
    tool::{Failed, dialogs::dialog_open},
};

/// Widest and highest picture, in CSS pixels. A browser draws into surfaces of at most 16384 pixels a
/// side, and what is beyond comes out blank; a JPEG would go to 65535.
const LONGEST: f64 = 16_384.0;
/// Most of it in all, as wide as a large screen and as high as can be: 25 million pixels are 100 MB
/// while the browser draws them.
const LARGEST: f64 = 1600.0 * LONGEST;

/// A picture of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The file, of quality 60.
    pub jpeg: Vec<u8>,
    /// How wide and how high the page is, if the picture does not show all of that, and what it shows.
    pub cut: Option<[(u32, u32); 2]>,
}

impl Picture {
    /// What is missing, in a sentence.
    pub fn omitted(&self) -> Option<String> {
        let [(page_width, page_height), (width, height)] = self.cut?;
        Some(format!(
            "the page is {page_width} × {page_height} pixels; the picture shows {width} × {height}, \
             which is the most, from its top left corner"
        ))
    }
}

impl Page {
    /// A JPEG of the viewport.
    pub async fn screenshot(&self) -> Result<Vec<u8>, Failed> {
        let session = self.alive().await?;
        if let Some(held) = self.held_dialog().await {
            return Err(dialog_open(&held));
        }
        Ok(within(ACKNOWLEDGED, "the screenshot", session.screenshot(None)).await?)
    }

    /// A JPEG of the whole page, however far it scrolls: at most 16384 pixels a side and 26 million in
    /// all. What scrolls inside the page is shown as it is.
    pub async fn full_screenshot(&self) -> Result<Picture, Failed> {
        let session = self.alive().await?;
        if let Some(held) = self.held_dialog().await {
            return Err(dialog_open(&held));
        }
        let page = within(ACKNOWLEDGED, "the page's size", session.page_size()).await?;
        let shown = bounded(page);
        let jpeg = within(ACKNOWLEDGED, "the screenshot", session.screenshot(Some(shown))).await?;
        let whole = |(width, height): (f64, f64)| (pixels(width), pixels(height));
        let cut = (whole(shown) != whole(page)).then(|| [whole(page), whole(shown)]);
        Ok(Picture { jpeg, cut })
    }
}

/// So much of a page of this size that it can be drawn.
fn bounded((width, height): (f64, f64)) -> (f64, f64) {
    let width = width.clamp(1.0, LONGEST);
    let height = height.clamp(1.0, LONGEST).min((LARGEST / width).floor());
    (width, height)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
fn pixels(length: f64) -> u32 {
    length.ceil() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_as_large_as_a_browser_can_draw_it() {
        let check = |page, shown| assert_eq!(bounded(page), shown, "{page:?}");
        check((1600.0, 4000.0), (1600.0, 4000.0));
        check((1600.0, 100_000.0), (1600.0, 16_384.0));
        check((100_000.0, 900.0), (16_384.0, 900.0));
        check((3200.0, 20_000.0), (3200.0, 8192.0));
        check((0.0, 0.0), (1.0, 1.0));
    }
}
