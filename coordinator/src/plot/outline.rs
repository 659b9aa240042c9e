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

    /// As PNG on white.
    pub fn png(&self) -> Result<Vec<u8>, String> {
        let size = self.0.size().to_int_size();
        let mut pixels = Pixmap::new(size.width(), size.height())
            .ok_or_else(|| format!("{} x {} pixels are too many", size.width(), size.height()))?;
        pixels.fill(Color::WHITE);
        resvg::render(&self.0, Transform::identity(), &mut pixels.as_mut());
        pixels.encode_png().map_err(|error| error.to_string())
    }
}
