//! Coordinates through frame boundaries: a frame's viewport is a rectangle that its parent shows as
//! some quadrilateral (pure).

#![expect(clippy::many_single_char_names, reason = "matrices have them")]

/// A point in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// From the left.
    pub(crate) x: f64,
    /// From the top.
    pub(crate) y: f64,
}

/// The projective map from a rectangle at the origin to a quadrilateral, as a 3 × 3 matrix in rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Projection([f64; 9]);

impl Projection {
    /// From `width` × `height` to corners in the order top left, top right, bottom right, bottom
    /// left. `None` if the rectangle or the quadrilateral is empty.
    ///
    /// The map of the unit square is that of Heckbert, Fundamentals of Texture Mapping (1989), 2.2.3.
    pub(crate) fn new(width: f64, height: f64, quad: [f64; 8]) -> Option<Self> {
        if width < 1.0 || height < 1.0 {
            return None;
        }
        let [x0, y0, x1, y1, x2, y2, x3, y3] = quad;
        let (sx, sy) = (x0 - x1 + x2 - x3, y0 - y1 + y2 - y3);
        let (dx1, dx2, dy1, dy2) = (x1 - x2, x3 - x2, y1 - y2, y3 - y2);
        let determinant = dx1 * dy2 - dx2 * dy1;
        if determinant.abs() < 1e-9 {
            return None;
        }
        let g = (sx * dy2 - dx2 * sy) / determinant;
        let h = (dx1 * sy - sx * dy1) / determinant;
        let (a, b) = (x1 - x0 + g * x1, x3 - x0 + h * x3);
        let (d, e) = (y1 - y0 + g * y1, y3 - y0 + h * y3);
        Some(Self([
            a / width,
            b / height,
            x0,
            d / width,
            e / height,
            y0,
            g / width,
            h / height,
            1.0,
        ]))
    }

    /// From inside to outside.
    pub(crate) fn out(&self, point: Point) -> Point {
        apply(&self.0, point)
    }

    /// From outside to inside.
    pub(crate) fn into_frame(self, point: Point) -> Point {
        let [a, b, c, d, e, f, g, h, i] = self.0;
        // The adjugate is the inverse up to a factor, which a projection does not see.
        let inverse = [
            e * i - f * h,
            c * h - b * i,
            b * f - c * e,
            f * g - d * i,
            a * i - c * g,
            c * d - a * f,
            d * h - e * g,
            b * g - a * h,
            a * e - b * d,
        ];
        apply(&inverse, point)
    }
}

fn apply(matrix: &[f64; 9], point: Point) -> Point {
    let [a, b, c, d, e, f, g, h, i] = *matrix;
    let Point { x, y } = point;
    let w = g * x + h * y + i;
    Point { x: (a * x + b * y + c) / w, y: (d * x + e * y + f) / w }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(a: Point, b: Point) -> bool {
        (a.x - b.x).abs() < 1e-6 && (a.y - b.y).abs() < 1e-6
    }

    #[test]
    fn corners_map_to_corners_and_a_shifted_frame_shifts_its_points() {
        let quad = [10.0, 20.0, 110.0, 30.0, 120.0, 90.0, 5.0, 80.0];
        let map = Projection::new(200.0, 100.0, quad).unwrap();
        for (inside, outside) in [
            ((0.0, 0.0), (10.0, 20.0)),
            ((200.0, 0.0), (110.0, 30.0)),
            ((200.0, 100.0), (120.0, 90.0)),
            ((0.0, 100.0), (5.0, 80.0)),
        ] {
            let mapped = map.out(Point { x: inside.0, y: inside.1 });
            assert!(near(mapped, Point { x: outside.0, y: outside.1 }), "{inside:?} {mapped:?}");
        }
        let plain = [7.0, 9.0, 207.0, 9.0, 207.0, 109.0, 7.0, 109.0];
        let map = Projection::new(200.0, 100.0, plain).unwrap();
        assert!(near(map.out(Point { x: 50.0, y: 60.0 }), Point { x: 57.0, y: 69.0 }));
    }

    #[test]
    fn an_empty_frame_has_no_projection() {
        assert!(Projection::new(0.0, 10.0, [0.0; 8]).is_none());
        assert!(Projection::new(10.0, 10.0, [0.0; 8]).is_none());
    }

    proptest! {
        #[test]
        fn the_way_back_leads_to_where_one_came_from(
            x in 0.0..300.0, y in 0.0..200.0, turn in 0.0..6.2_f64, scale in 0.3..3.0,
        ) {
            let corner = |cx: f64, cy: f64| {
                let (sin, cos) = turn.sin_cos();
                [400.0 + scale * (cx * cos - cy * sin), 300.0 + scale * (cx * sin + cy * cos)]
            };
            let [a, b, c, d] = [corner(0.0, 0.0), corner(300.0, 0.0), corner(300.0, 200.0), corner(0.0, 200.0)];
            let quad = [a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1]];
            let map = Projection::new(300.0, 200.0, quad).unwrap();
            let there = map.out(Point { x, y });
            let [ex, ey] = corner(x, y);
            let outside = Point { x: ex, y: ey };
            prop_assert!(near(there, outside), "not where the corner function puts it");
            prop_assert!(near(map.into_frame(there), Point { x, y }), "not back");
        }
    }
}
