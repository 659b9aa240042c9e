//! The whole document: its sections, read one by one so that each can report its own mistake, and joined.

use crate::{
    ids::Hash,
    spec::ProblemSpec,
    sweep::{
        Facts, Sweep,
        facts::{MAX_CANONICAL_BYTES, SCHEME},
    },
};

use super::{
    Catalog, DataInfo, DataSource, Format, MAX_DOCUMENT_BYTES, Source,
    data::{self, Data},
    expand::{Cells, expand},
    fit,
    grid::{self, Grid},
    header::Header,
    json,
    keys::TOP,
    mistake::{Mistake, Read},
    problem,
    solver::{self, Template},
    table::Table,
    toml,
    tree::{Entry, Node, Value},
};

/// Mistakes of independent sections, in their order.
#[derive(Default)]
struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// The value, or `None` with its mistake noted.
    fn note<T>(&mut self, read: Read<T>) -> Option<T> {
        read.map_err(|mistake| self.0.push(mistake)).ok()
    }
}

/// Reads and checks a document.
pub(super) fn sweep(source: &Source, catalog: &dyn Catalog) -> Result<Sweep, Vec<Mistake>> {
    let root = tree(source).map_err(|mistake| vec![mistake])?;
    // A misspelt key would be reported again as a missing one, so nothing else is read.
    let top = Table::new(&root, &TOP).map_err(|mistake| vec![mistake])?;
    let mut mistakes = Mistakes::default();
    let header = mistakes.note(Header::read(&top));
    let problem = mistakes.note(read_problem(&top));
    let data = problem
        .as_ref()
        .and_then(|problem| mistakes.note(data::read(top.entry("data"), problem)));
    let grid = mistakes.note(read_grid(&top));
    let cells = match (&problem, &grid) {
        (Some(problem), Some(grid)) => read_cells(&top, grid, problem, &mut mistakes),
        _ => None,
    };
    let (Some(header), Some(problem), Some(data), Some(grid), Some(cells)) =
        (header, problem, data, grid, cells)
    else {
        return Err(mistakes.0);
    };
    let hash = resolve(data.as_ref(), catalog).and_then(|info| {
        if let Some(info) = &info {
            if !problem.has_tasks() {
                fit::samples(&grid, &header, info)?;
            }
            let told = |conflict| problem::unfit(&top, data.as_ref(), problem.name(), conflict);
            let fits = problem.fits_data(info.features, info.classes);
            fits.map_err(told)?;
            fit::training(&problem, &grid, info)?;
        }
        Ok(info.map(|info| info.hash))
    });
    let hash = mistakes.note(hash);
    match hash {
        Some(hash) if mistakes.0.is_empty() => {
            join(header, problem, hash, cells).map_err(|mistake| vec![mistake])
        }
        _ => Err(mistakes.0),
    }
}

/// The data source alone.
pub(super) fn data_source(source: &Source) -> Read<Option<DataSource>> {
    let root = tree(source)?;
    let top = Table::unchecked(&root, &TOP)?;
    let data = data::read(top.entry("data"), &read_problem(&top)?)?;
    Ok(data.map(|data| data.source))
}

/// The document as JSON, with `hash` for its data where it needs any.
pub(super) fn with_data_hash(source: &Source, hash: Hash) -> Read<String> {
    let needed = data_source(source)?.is_some();
    let mut root = tree(source)?;
    if let (true, Value::Table(entries)) = (needed, &mut root.value) {
        entries.retain(|entry| entry.key != "data");
        let hash = Value::Text(hash.to_string());
        entries.push(unwritten(
            "data",
            Value::Table(vec![unwritten("hash", hash)]),
        ));
    }
    Ok(serde_json::to_string_pretty(&root).expect("keys are texts and numbers are finite"))
}

fn unwritten(key: &str, value: Value) -> Entry {
    Entry {
        key: key.to_owned(),
        key_span: 0..0,
        node: Node { span: 0..0, value },
    }
}

fn tree(source: &Source) -> Read<Node> {
    if source.text.len() > MAX_DOCUMENT_BYTES {
        let size = source.text.len();
        let message =
            format!("the document has {size} bytes; at most {MAX_DOCUMENT_BYTES} are read");
        return Err(Mistake::new(message));
    }
    match source.format {
        Format::Toml => toml::read(source.text),
        Format::Json => json::read(source.text),
    }
}

fn read_problem(top: &Table) -> Read<ProblemSpec> {
    let example = "[problem] with kind = \"reweighting\"";
    problem::read(top.require("problem", example)?)
}

fn read_grid(top: &Table) -> Read<Grid> {
    let example = "[grid] with m1 = [200, 500] and K = [100, 200]";
    grid::read(top.require("grid", example)?)
}

fn read_cells(
    top: &Table,
    grid: &Grid,
    problem: &ProblemSpec,
    mistakes: &mut Mistakes,
) -> Option<Cells> {
    let example = "[[solvers]] with preset = \"tsgd\"";
    let nodes = mistakes.note(top.require("solvers", example).and_then(solver::list))?;
    let templates: Vec<Option<Template>> = nodes
        .iter()
        .map(|node| mistakes.note(solver::read(node, grid, problem)))
        .collect();
    let templates: Vec<Template> = templates.into_iter().collect::<Option<_>>()?;
    mistakes.note(solver::refuse_equal_labels(&templates))?;
    match expand(&templates, grid, problem) {
        Ok(cells) => Some(cells),
        Err(more) => {
            mistakes.0.extend(more);
            None
        }
    }
}

/// Asks the catalog for the data.
fn resolve(data: Option<&Data>, catalog: &dyn Catalog) -> Read<Option<DataInfo>> {
    let Some(data) = data else {
        return Ok(None);
    };
    let info = catalog
        .resolve(&data.source)
        .map_err(|reason| Mistake::new(reason).at_maybe(data.span.as_ref(), "this data set"))?;
    Ok(Some(info))
}

fn join(header: Header, problem: ProblemSpec, data: Option<Hash>, cells: Cells) -> Read<Sweep> {
    let facts = Facts {
        scheme: SCHEME,
        precision: header.precision(&problem),
        problem,
        data,
        test: header.test,
        seed: header.seed,
        replicates: header.replicates,
        replace: header.replace,
        indices: header.indices,
        cells: cells.cells,
    };
    let sweep = Sweep::new(header.name, header.confidence, cells.names, facts)
        .map_err(|invalid| Mistake::new(invalid.to_string()))?;
    refuse_unwieldy(&sweep)?;
    Ok(sweep)
}

fn refuse_unwieldy(sweep: &Sweep) -> Read<()> {
    if !sweep.is_longer_than(MAX_CANONICAL_BYTES) {
        return Ok(());
    }
    let cells = sweep.facts().cells.len();
    let message = format!(
        "the sweep's {cells} cells take more than {MAX_CANONICAL_BYTES} bytes, and every worker is sent all of them"
    );
    Err(Mistake::new(message).help("shorten the grid's axes, or cut the sweep into several"))
}
