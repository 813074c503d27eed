//! A screenshot made small enough to travel in an answer (pure).

use image::codecs::jpeg::JpegEncoder;

/// Qualities that are tried, and shares of the size after the last of them: text on a page stays
/// readable longest when the quality goes first.
const QUALITIES: [u8; 4] = [60, 45, 30, 20];

/// `jpeg` with its long side at most `side` pixels and in at most `bytes` bytes; `None` if it is no
/// picture.
pub(super) fn within(jpeg: &[u8], side: u32, bytes: usize) -> Option<Vec<u8>> {
    let image = image::load_from_memory(jpeg).ok()?;
    let long = image.width().max(image.height());
    if long <= side && jpeg.len() <= bytes {
        return Some(jpeg.to_owned());
    }
    let mut side = side.min(long);
    loop {
        let small = image.thumbnail(side, side).into_rgb8();
        for quality in QUALITIES {
            let mut made = Vec::new();
            JpegEncoder::new_with_quality(&mut made, quality).encode_image(&small).ok()?;
            if made.len() <= bytes {
                return Some(made);
            }
        }
        side /= 2;
        if side == 0 {
            return None;
        }
    }
}
