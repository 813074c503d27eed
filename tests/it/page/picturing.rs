//! Pictures of a page.

use super::*;

fn read(jpeg: &[u8]) -> image::RgbImage {
    image::load_from_memory(jpeg).unwrap().into_rgb8()
}

/// Whether a place of a picture is about that colour: a JPEG is not exact.
fn is(picture: &image::RgbImage, at: (u32, u32), colour: [u8; 3]) -> bool {
    let found = picture.get_pixel(at.0, at.1).0;
    found.iter().zip(colour).all(|(found, wanted)| found.abs_diff(wanted) < 30)
}

#[tokio::test]
async fn a_picture_shows_the_viewport_or_the_whole_page_as_far_as_a_browser_draws() {
    let page = |height: u32| {
        format!(
            "<title>t</title><style>body {{ margin:0; height:{height}px; position:relative; background:#00ff00 }}
             i {{ position:absolute; left:0; width:100%; height:40px }}</style>
             <i style='top:0;background:#ff0000'></i><i style='bottom:0;background:#0000ff'></i>
             {}",
            if height > 16_384 { "<i style='top:16300px;background:#ff00ff'></i>" } else { "" }
        )
    };
    let (long, endless) = (page(5000), page(40_000));
    let bench = Bench::open(&[("/", &long), ("/endless", &endless)]).await;
    let (red, green, blue) = ([255, 0, 0], [0, 255, 0], [0, 0, 255]);
    bench.call(Call::Scroll { within: None, by: ScrollBy::Pixels { x: 0, y: 700 } }).await.unwrap();
    let seen = read(&bench.page.screenshot().await.unwrap());
    assert!(is(&seen, (5, 5), green), "what is in view");
    let whole = bench.page.full_screenshot().await.unwrap();
    assert_eq!(whole.omitted(), None);
    let picture = read(&whole.jpeg);
    assert_eq!((picture.width(), picture.height()), (seen.width(), 5000));
    assert!(is(&picture, (5, 5), red) && is(&picture, (5, 4990), blue), "from its top");
    let again = read(&bench.page.screenshot().await.unwrap());
    assert_eq!(again.dimensions(), seen.dimensions());
    assert!(is(&again, (5, 5), green), "the page is where it was");
    bench.go("/endless").await.unwrap();
    let cut = bench.page.full_screenshot().await.unwrap();
    let picture = read(&cut.jpeg);
    assert_eq!(picture.height(), 16_384);
    assert!(is(&picture, (5, 16_320), [255, 0, 255]), "drawn to its end");
    let width = seen.width();
    assert_eq!(
        cut.omitted().unwrap(),
        format!(
            "the page is {width} × 40000 pixels; the picture shows {width} × 16384, which is the most, from its top left corner"
        )
    );
}
