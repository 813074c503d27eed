//! Screenshots made smaller, for a model and for the player (agent.md 1, *image*).

use std::io::Cursor;

use image::{ImageReader, codecs::jpeg::JpegEncoder};

/// Longest side in pixels.
const LONGEST_SIDE: u32 = 1280;
/// Of a JPEG, 1 to 100.
const QUALITY: u8 = 60;

/// The picture at a size that is enough to be looked at. None, if it has that size already or cannot be
/// read.
pub fn smaller(jpeg: &[u8]) -> Option<Vec<u8>> {
    let reader = || ImageReader::new(Cursor::new(jpeg)).with_guessed_format().ok();
    let (width, height) = reader()?.into_dimensions().ok()?;
    if width.max(height) <= LONGEST_SIDE {
        return None;
    }
    // Averages whole numbers: a quarter of the time of a filter of fractions, and text reads the same.
    let small = reader()?.decode().ok()?.thumbnail(LONGEST_SIDE, LONGEST_SIDE).into_rgb8();
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(&small).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pictures_are_made_smaller_and_small_ones_kept() {
        let encode = |width, height| {
            let mut bytes = Vec::new();
            let image = image::RgbImage::from_pixel(width, height, image::Rgb([200, 10, 10]));
            JpegEncoder::new_with_quality(&mut bytes, 60).encode_image(&image).unwrap();
            bytes
        };
        let small = smaller(&encode(1600, 900)).unwrap();
        let image = image::load_from_memory(&small).unwrap();
        assert_eq!((image.width(), image.height()), (1280, 720));
        assert!(smaller(&encode(800, 600)).is_none());
        assert!(smaller(b"no picture").is_none());
    }
}
