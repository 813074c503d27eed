//! What is drawn on the recorded frames: images, and the encoder's filter commands that move them.
//!
//! The encoder reads ten commands a second, so that marks of one kind that come faster are replaced
//! by the newest; x and y are packed into one number, or a mark would be at two places in turn.

use std::{fs, io, path::Path};

use image::{Rgba, RgbaImage};

use crate::pod::contract::Mark;

/// The pointer's image, in the recorder's directory.
pub(super) const POINTER: &str = "pointer.png";
/// The ring's image.
pub(super) const RING: &str = "ring.png";
/// The chip's text.
pub(super) const CHIP: &str = "chip.txt";
/// Places off every display.
pub(super) const NOWHERE: &str = "-999";

/// Half the ring's side, where its centre is.
const RING_RADIUS: i64 = 22;
/// How long a ring is seen (the format of the video has no shorter memory than a frame).
const RING_SECONDS: f64 = 0.4;
/// How long a chip can be read.
const CHIP_SECONDS: f64 = 1.2;
/// The encoder reads a command at most this much later.
const LAG_SECONDS: f64 = 0.1;
/// Longer names are cut.
const CHIP_LETTERS: usize = 24;

/// Marks that wait for their turn.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pointer: Option<(i64, i64)>,
    ring: Option<((i64, i64), f64)>,
    chip: Option<(String, f64)>,
    /// Where the pointer is drawn.
    place: Option<(i64, i64)>,
}

/// One write to the encoder.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// With its line break.
    pub(super) command: String,
    /// What to put into [`CHIP`] before.
    pub(super) chip: Option<String>,
}

impl Marks {
    /// Takes a mark that happens at media time `at` (seconds of the segment). The page's corner is
    /// at `origin`.
    #[expect(clippy::cast_possible_truncation, reason = "pixels; a cast of a float saturates")]
    pub(super) fn take(&mut self, mark: Mark, origin: (u32, u32), at: f64) {
        let place = |x: f64, y: f64| {
            (i64::from(origin.0) + x.round() as i64, i64::from(origin.1) + y.round() as i64)
        };
        match mark {
            Mark::Pointer { x, y } => self.pointer = Some(place(x, y)),
            Mark::Press { x, y } => {
                self.pointer = Some(place(x, y));
                self.ring = Some((place(x, y), at));
            }
            Mark::Key { label } => {
                let label: String = label
                    .chars()
                    .filter(|letter| !letter.is_control())
                    .take(CHIP_LETTERS)
                    .collect();
                self.chip = Some((label, at));
            }
        }
    }

    /// The next command, if any, when it is `now` (seconds of the segment).
    pub(super) fn next(&mut self, now: f64) -> Option<Line> {
        if let Some(((x, y), at)) = self.ring.take() {
            let packed = pack(x - RING_RADIUS, y - RING_RADIUS);
            let until = now + LAG_SECONDS + RING_SECONDS;
            let command =
                format!("coverlay@r -1 x if(between(t,{at:.2},{until:.2}),{packed},{NOWHERE})\n");
            return Some(Line { command, chip: None });
        }
        if let Some((x, y)) = self.pointer.take() {
            self.place = Some((x, y));
            return Some(Line { command: format!("coverlay@p -1 x {}\n", pack(x, y)), chip: None });
        }
        let (label, at) = self.chip.take()?;
        let until = now + LAG_SECONDS + CHIP_SECONDS;
        let command = format!("cdrawtext@k -1 enable between(t,{at:.2},{until:.2})\n");
        Some(Line { command, chip: Some(label) })
    }

    /// Where the pointer is at the start of a segment.
    pub(super) fn pointer(&self) -> String {
        self.pointer.or(self.place).map_or_else(|| NOWHERE.to_owned(), |(x, y)| pack(x, y))
    }
}

/// Two coordinates as one number: x before the point, y as four digits behind it.
fn pack(x: i64, y: i64) -> String {
    let y = y.clamp(0, 9999);
    let x = x.clamp(-99, 9999);
    // Minus zero keeps no sign, and needs none: the expression takes y's absolute value.
    format!("{x}.{y:04}")
}

/// Draws the images and the empty chip into `directory`.
pub(super) fn draw(directory: &Path) -> io::Result<()> {
    let save =
        |image: RgbaImage, name: &str| image.save(directory.join(name)).map_err(io::Error::other);
    save(arrow(), POINTER)?;
    save(ring(), RING)?;
    fs::write(directory.join(CHIP), " ")
}

/// The corners of a pointer whose tip is the upper left corner.
const ARROW: [(f64, f64); 7] =
    [(0.0, 0.0), (0.0, 23.0), (5.5, 18.0), (9.0, 26.5), (12.5, 25.0), (9.0, 16.8), (16.5, 16.5)];

/// A pointer: white with a dark edge, to be seen on anything.
fn arrow() -> RgbaImage {
    RgbaImage::from_fn(18, 28, |column, row| {
        let (dark, white) = coverage(column, row, |x, y| {
            let depth = depth_in_arrow(x, y);
            (depth > 0.0, depth > 1.5)
        });
        shade([20, 22, 28], [255, 255, 255], dark, white)
    })
}

/// How far inside the arrow a place is; 0 outside.
fn depth_in_arrow(x: f64, y: f64) -> f64 {
    let mut inside = false;
    let mut nearest = f64::INFINITY;
    for ((ax, ay), (bx, by)) in ARROW.iter().zip(ARROW.iter().cycle().skip(1)) {
        // A line from the place to the right crosses the outline an odd number of times.
        if (ay > &y) != (by > &y) && x < ax + (y - ay) / (by - ay) * (bx - ax) {
            inside = !inside;
        }
        let (dx, dy) = (bx - ax, by - ay);
        let along = (((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
        nearest = nearest.min((x - ax - along * dx).hypot(y - ay - along * dy));
    }
    if inside { nearest } else { 0.0 }
}

/// A ring, amber with a dark edge.
fn ring() -> RgbaImage {
    let side = u32::try_from(RING_RADIUS * 2).unwrap_or(44);
    let middle = f64::from(side) / 2.0;
    RgbaImage::from_fn(side, side, |column, row| {
        let (dark, bright) = coverage(column, row, |x, y| {
            let from_middle = (x - middle).hypot(y - middle);
            ((14.5..21.5).contains(&from_middle), (16.0..20.0).contains(&from_middle))
        });
        shade([20, 22, 28], [255, 176, 32], dark, bright)
    })
}

/// How much of a pixel is in each of two shapes: 0 to 1, from 16 samples.
fn coverage(column: u32, row: u32, inside: impl Fn(f64, f64) -> (bool, bool)) -> (f64, f64) {
    let (mut first, mut second) = (0.0, 0.0);
    for sample in 0..16_u32 {
        let x = f64::from(column) + (f64::from(sample % 4) + 0.5) / 4.0;
        let y = f64::from(row) + (f64::from(sample / 4) + 0.5) / 4.0;
        let (in_first, in_second) = inside(x, y);
        first += f64::from(u8::from(in_first)) / 16.0;
        second += f64::from(u8::from(in_second)) / 16.0;
    }
    (first, second)
}

/// A pixel of `edge` colour where the outer shape is, of `fill` where the inner one is.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
fn shade(edge: [u8; 3], fill: [u8; 3], outer: f64, inner: f64) -> Rgba<u8> {
    let share = if outer > 0.0 { (inner / outer).min(1.0) } else { 0.0 };
    let mix = |edge: u8, fill: u8| {
        (f64::from(edge) * (1.0 - share) + f64::from(fill) * share).round() as u8
    };
    let ([r, g, b], [fr, fg, fb]) = (edge, fill);
    Rgba([mix(r, fr), mix(g, fg), mix(b, fb), (outer * 255.0).round() as u8])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(marks: &mut Marks, now: f64) -> Vec<String> {
        std::iter::from_fn(|| marks.next(now)).map(|line| line.command).collect()
    }

    #[test]
    fn only_the_newest_place_of_the_pointer_is_told() {
        let mut marks = Marks::default();
        for x in 0..50 {
            marks.take(Mark::Pointer { x: f64::from(x), y: 20.4 }, (0, 88), 1.0);
        }
        assert_eq!(commands(&mut marks, 1.0), ["coverlay@p -1 x 49.0108\n"]);
        assert_eq!(marks.pointer(), "49.0108");
    }

    #[test]
    fn a_press_moves_the_pointer_and_shows_a_ring_for_a_while() {
        let mut marks = Marks::default();
        marks.take(Mark::Press { x: 10.0, y: 0.0 }, (0, 88), 2.0);
        assert_eq!(
            commands(&mut marks, 2.1),
            [
                "coverlay@r -1 x if(between(t,2.00,2.60),-12.0066,-999)\n",
                "coverlay@p -1 x 10.0088\n"
            ]
        );
    }

    #[test]
    fn a_chip_is_one_short_line_whatever_it_is_called() {
        let mut marks = Marks::default();
        marks.take(Mark::Key { label: format!("Enter\n{}", "x".repeat(90)) }, (0, 0), 0.5);
        let line = marks.next(0.5).unwrap();
        assert_eq!(line.chip.unwrap(), format!("Enter{}", "x".repeat(19)));
        assert_eq!(line.command, "cdrawtext@k -1 enable between(t,0.50,1.80)\n");
    }

    #[test]
    fn images_have_an_edge_a_filling_and_a_transparent_rest() {
        for (image, filled, clear) in [(arrow(), (4, 12), (17, 0)), (ring(), (22, 4), (22, 22))] {
            assert_eq!(image.get_pixel(filled.0, filled.1).0[3], 255);
            assert!(image.get_pixel(filled.0, filled.1).0[0] > 200, "filling");
            assert_eq!(image.get_pixel(clear.0, clear.1).0[3], 0);
        }
    }
}
