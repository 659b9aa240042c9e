//! Estimates as pictures, SVG and PNG: stability against m1 and K on log axes, risks and gaps against K (SBO, figures 1
//! and 2). Text becomes outlines of a bundled font, so that neither form needs a font where it is looked at.
//!
//! `select` decides what is drawn, `draw` how, `outline` turns the drawing into files' bytes. Nothing here knows
//! where estimates come from.

mod axis;
mod draw;
mod figure;
mod label;
mod outline;
mod palette;
mod select;

#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
};

use bistable_common::wire::v1;

/// A plot that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// A file could not be written.
    #[error("cannot write {}: {source}; choose another directory for plots", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The drawing failed.
    #[error("cannot draw {figure}: {reason}")]
    Draw {
        /// The figure.
        figure: String,
        /// Why.
        reason: String,
    },
}

/// Writes every plot that the estimates have points for into `dir`, which is made if it is not there: two files each,
/// SVG and PNG. Returns the files; none if there is nothing to plot, which takes at least two values of m1 or of K.
///
/// # Errors
/// If a file cannot be written, or a figure cannot be drawn.
pub fn write_all(
    dir: &Path,
    response: &v1::QueryEstimatesResponse,
) -> Result<Vec<PathBuf>, PlotError> {
    let figures = select::figures(response);
    let mut files = Vec::new();
    if figures.is_empty() {
        return Ok(files);
    }
    std::fs::create_dir_all(dir).map_err(|source| PlotError::Write {
        path: dir.to_owned(),
        source,
    })?;
    for figure in &figures {
        let failed = |reason| PlotError::Draw {
            figure: figure.name.clone(),
            reason,
        };
        let drawing = draw::svg(figure).map_err(failed)?;
        let outlined = outline::Outlined::new(&drawing).map_err(failed)?;
        let png = outlined.png().map_err(failed)?;
        let mut write = |extension: &str, bytes: &[u8]| {
            let path = dir.join(format!("{}.{extension}", figure.name));
            std::fs::write(&path, bytes).map_err(|source| PlotError::Write {
                path: path.clone(),
                source,
            })?;
            files.push(path);
            Ok(())
        };
        write("svg", outlined.svg().as_bytes())?;
        write("png", &png)?;
    }
    Ok(files)
}
