//! A picture that every provider takes (pure).

use std::{fmt::Write as _, io::Cursor};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// Most bytes once encoded: a provider counts the base64 text.
const MOST_ENCODED: usize = 5 * 1024 * 1024;
/// Longest side in pixels. Up to 20 images may be larger, but nothing of ours is.
const LONGEST_SIDE: u32 = 2000;
/// Pixels that cost about one token.
const PIXELS_A_TOKEN: u64 = 750;

/// A JPEG or PNG, looked at before it is sent: what a provider would refuse cannot be made. Cheap to
/// clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    media_type: &'static str,
    bytes: Bytes,
    width: u32,
    height: u32,
}

/// Why a picture cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadImage {
    /// Another format, or no picture at all.
    #[error("not a JPEG or PNG")]
    Format,
    /// More than 5 MiB once encoded.
    #[error("{encoded} bytes once encoded, the most is {MOST_ENCODED}")]
    Bytes {
        /// Its size in base64.
        encoded: usize,
    },
    /// More than 2000 pixels wide or high, or none.
    #[error("{width} × {height} pixels, the most is {LONGEST_SIDE} × {LONGEST_SIDE}")]
    Pixels {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
}

impl Image {
    /// Takes a picture's file as it is.
    ///
    /// # Errors
    /// If a provider would refuse it.
    pub fn new(bytes: Bytes) -> Result<Self, BadImage> {
        let reader = image::ImageReader::new(Cursor::new(&bytes))
            .with_guessed_format()
            .map_err(|_| BadImage::Format)?;
        let media_type = match reader.format() {
            Some(image::ImageFormat::Jpeg) => "image/jpeg",
            Some(image::ImageFormat::Png) => "image/png",
            Some(_) | None => return Err(BadImage::Format),
        };
        let encoded = bytes.len().div_ceil(3) * 4;
        if encoded > MOST_ENCODED {
            return Err(BadImage::Bytes { encoded });
        }
        let (width, height) = reader.into_dimensions().map_err(|_| BadImage::Format)?;
        let fine = 1..=LONGEST_SIDE;
        if !fine.contains(&width) || !fine.contains(&height) {
            return Err(BadImage::Pixels { width, height });
        }
        Ok(Self { media_type, bytes, width, height })
    }

    /// `image/jpeg` or `image/png`.
    pub fn media_type(&self) -> &'static str {
        self.media_type
    }

    /// Its file in base64.
    pub(super) fn base64(&self) -> String {
        STANDARD.encode(&self.bytes)
    }

    /// SHA-256 of its file, in hexadecimal.
    pub fn sha256(&self) -> String {
        let mut text = String::with_capacity(64);
        for byte in Sha256::digest(&self.bytes) {
            write!(text, "{byte:02x}").ok();
        }
        text
    }

    /// What it costs to show, roughly.
    pub(super) fn tokens(&self) -> u64 {
        (u64::from(self.width) * u64::from(self.height)).div_ceil(PIXELS_A_TOKEN)
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { media_type, bytes, width, height } = self;
        write!(formatter, "Image({media_type}, {width}x{height}, {} bytes)", bytes.len())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A grey picture of this size.
    pub(in crate::model) fn grey(width: u32, height: u32, format: image::ImageFormat) -> Bytes {
        let mut file = Cursor::new(Vec::new());
        image::GrayImage::new(width, height).write_to(&mut file, format).unwrap();
        file.into_inner().into()
    }

    #[test]
    fn jpeg_and_png_of_a_size_that_providers_take_are_images() {
        for (format, media_type) in
            [(image::ImageFormat::Jpeg, "image/jpeg"), (image::ImageFormat::Png, "image/png")]
        {
            let image = Image::new(grey(1280, 720, format)).unwrap();
            assert_eq!((image.media_type(), image.tokens()), (media_type, 1229));
        }
    }

    #[test]
    fn anything_else_is_refused_before_a_provider_sees_it() {
        assert_eq!(Image::new(Bytes::new()), Err(BadImage::Format));
        assert_eq!(Image::new(Bytes::from_static(b"GIF89a\x01\0\x01\0")), Err(BadImage::Format));
        let cut = grey(8, 8, image::ImageFormat::Png).slice(..12);
        assert_eq!(Image::new(cut), Err(BadImage::Format));
        let wide = Image::new(grey(2001, 1, image::ImageFormat::Png));
        assert_eq!(wide, Err(BadImage::Pixels { width: 2001, height: 1 }));
        let mut large = grey(8, 8, image::ImageFormat::Png).to_vec();
        large.resize(3_932_161, 0);
        assert_eq!(Image::new(large.into()), Err(BadImage::Bytes { encoded: 5_242_884 }));
    }
}
