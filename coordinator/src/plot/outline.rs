//! From a drawing to the bytes of files: text to outlines, outlines to pixels.

use std::sync::Arc;

use resvg::{
    tiny_skia::{Color, Pixmap, Transform},
    usvg::{Options, Tree, WriteOptions, fontdb::Database},
};

/// Latin-1, Greek, sub- and superscripts of DejaVu Sans; its licence lies beside it.
const FONT: &[u8] = include_bytes!("font/DejaVuSans-subset.ttf");

/// The name by which drawings ask for it.
pub(super) const FONT_FAMILY: &str = "DejaVu Sans";

/// Pixels of a PNG, at most: a grid may have hundreds of panels, a picture viewer has not the memory.
const MOST_PIXELS: f32 = 4e7;

/// A drawing without text.
pub(super) struct Outlined(Tree);

impl Outlined {
    /// Replaces the text of an SVG by outlines of the bundled font; no other font is looked at.
    pub fn new(drawing: &str) -> Result<Self, String> {
        let mut fonts = Database::new();
        fonts.load_font_data(FONT.to_vec());
        let options = Options {
            font_family: FONT_FAMILY.to_owned(),
            fontdb: Arc::new(fonts),
            ..Options::default()
        };
        Tree::from_str(drawing, &options)
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// As SVG.
    pub fn svg(&self) -> String {
        let options = WriteOptions {
            // Hundredths of a pixel are finer than anybody sees, and a third of the size.
            coordinates_precision: 2,
            transforms_precision: 4,
            ..WriteOptions::default()
        };
        self.0.to_string(&options)
    }

    /// As PNG on white, smaller than drawn if it would have more than [`MOST_PIXELS`].
    pub fn png(&self) -> Result<Vec<u8>, String> {
        let size = self.0.size();
        let scale = (MOST_PIXELS / (size.width() * size.height()))
            .sqrt()
            .min(1.0);
        let pixels = |length: f32| (length * scale).round().max(1.0) as u32;
        let (width, height) = (pixels(size.width()), pixels(size.height()));
        let mut pixels = Pixmap::new(width, height)
            .ok_or_else(|| format!("{width} x {height} pixels are too many"))?;
        pixels.fill(Color::WHITE);
        let transform = Transform::from_scale(scale, scale);
        resvg::render(&self.0, transform, &mut pixels.as_mut());
        pixels.encode_png().map_err(|error| error.to_string())
    }
}
