//! Pictures made smaller than they were taken: for a model and for the player (agent.md 1, *image*).
//!
//! One capture is enough for all: to make a picture of 1600 × 900 pixels smaller takes a tenth of the
//! time that the browser needs for another one, and both show the same moment.

use image::codecs::jpeg::JpegEncoder;

/// Longest side, in pixels: enough to read a page's text, at a quarter of the bytes.
const LONG_SIDE: u32 = 1280;
/// As the pictures were taken with.
const QUALITY: u8 = 60;

/// The picture as a model gets it: quality 60, at most 1280 pixels a side. One that is small enough, or
/// cannot be read, stays as it is. Some milliseconds of work, on a thread for such.
pub async fn for_model(jpeg: Vec<u8>) -> Vec<u8> {
    let kept = jpeg.clone();
    let smaller = tokio::task::spawn_blocking(move || shrink(&jpeg)).await.ok().flatten();
    smaller.unwrap_or(kept)
}

/// The picture with its long side at 1280 pixels; nothing if it is not longer, or cannot be read.
pub(super) fn shrink(jpeg: &[u8]) -> Option<Vec<u8>> {
    let image = image::load_from_memory(jpeg).ok()?;
    if image.width().max(image.height()) <= LONG_SIDE {
        return None;
    }
    // Averages whole numbers: a quarter of the time of a filter of fractions, and text reads the same.
    let small = image.thumbnail(LONG_SIDE, LONG_SIDE).into_rgb8();
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(&small).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32) -> Vec<u8> {
        let mut jpeg = Vec::new();
        let image = image::RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([x, y, x ^ y].map(|part| u8::try_from(part % 256).unwrap()))
        });
        JpegEncoder::new_with_quality(&mut jpeg, 80).encode_image(&image).unwrap();
        jpeg
    }

    #[tokio::test]
    async fn a_model_gets_no_more_than_1280_pixels_a_side() {
        for (taken, sent) in
            [((1600, 900), (1280, 720)), ((900, 1800), (640, 1280)), ((1280, 720), (1280, 720))]
        {
            let small = for_model(picture(taken.0, taken.1)).await;
            let small = image::load_from_memory(&small).unwrap();
            assert_eq!((small.width(), small.height()), sent);
        }
        assert_eq!(for_model(b"no picture".to_vec()).await, b"no picture");
    }
}
