//! Raw trajectories as rows, CSV or JSON lines, written unit by unit so that an export of any length needs no memory.

use std::io::{self, Write};

use bistable_common::{
    ids::CellId,
    sweep::{Cell, Sweep},
    wire::v1,
};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::render::{Value, csv_line};

/// Which rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// One row for each cell, replicate, index and K: distances, and the values that the replace-one gap needs. An
    /// experiment that reached no K is one row without K.
    Distances,
    /// One row for each cell, replicate and point of the base run's curve. A base run that reached no point is one row
    /// without K.
    Curves,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a header; absent values are empty.
    Csv,
    /// A JSON object a line; absent values are `null`.
    JsonLines,
}

/// Where in the grid a row is.
const PLACE: [&str; 10] = [
    "cell",
    "label",
    "m1",
    "m2",
    "T",
    "eta_x",
    "eta_y",
    "batch_x",
    "batch_y",
    "replicate",
];

/// A column that only minimax problems have.
const DZ2: &str = "dz2";

const DISTANCES: [&str; 16] = [
    "block",
    "index",
    "first_drawn",
    "diverged_at",
    "K",
    "dx2",
    "dy2",
    DZ2,
    "loss_perturbed_at_original",
    "loss_base_at_original",
    "loss_base_at_replacement",
    "loss_perturbed_at_replacement",
    "error_perturbed_at_original",
    "error_base_at_original",
    "error_base_at_replacement",
    "error_perturbed_at_replacement",
];

const CURVES: [&str; 7] = [
    "base_diverged_at",
    "K",
    "val_loss",
    "test_loss",
    "val_error",
    "test_error",
    "drawn",
];

type Row<'a> = Vec<Value<'a>>;

impl What {
    fn columns(self, sweep: &Sweep) -> impl Iterator<Item = &'static str> {
        let minimax = is_minimax(sweep);
        let own: &[&str] = match self {
            Self::Distances => &DISTANCES,
            Self::Curves => &CURVES,
        };
        let all = PLACE.iter().chain(own).copied();
        all.filter(move |&name| minimax || name != DZ2)
    }

    fn rows<'a>(self, sweep: &'a Sweep, unit: &v1::StreamTrajectoriesResponse) -> Vec<Row<'a>> {
        let v1::StreamTrajectoriesResponse {
            unit,
            base_diverged_at,
            base: _,
            curve,
            experiments,
        } = unit;
        let key = unit.clone().unwrap_or_default();
        let own = match self {
            Self::Distances => experiments
                .iter()
                .flat_map(|experiment| distance_rows(is_minimax(sweep), key.block, experiment))
                .collect(),
            Self::Curves if key.block == 0 => curve_rows(*base_diverged_at, curve),
            Self::Curves => Vec::new(),
        };
        let place = place(sweep, &key);
        let row = |own: Row<'a>| place.iter().copied().chain(own).collect();
        own.into_iter().map(row).collect()
    }
}

/// The values of [`PLACE`]; a cell that the sweep does not have is named by its number alone.
fn place<'a>(sweep: &'a Sweep, key: &v1::UnitId) -> Row<'a> {
    let known = (key.cell as usize) < sweep.facts().cells.len();
    let axes = match known {
        true => axes(sweep, CellId(key.cell)),
        false => [Value::Absent; 8],
    };
    let (cell, replicate) = (count(key.cell), count(key.replicate));
    [cell].into_iter().chain(axes).chain([replicate]).collect()
}

fn axes(sweep: &Sweep, id: CellId) -> [Value<'_>; 8] {
    let Cell {
        m1,
        m2,
        ks: _,
        solver,
    } = sweep.cell(id);
    [
        Value::Text(&sweep.solver_name(id).label),
        count(*m1),
        count(*m2),
        count(solver.schedule.inner_steps),
        Value::Size(solver.eta_x.scale),
        Value::Size(solver.eta_y.scale),
        count(solver.batch_x.size(*m1)),
        count(solver.batch_y.size(*m2)),
    ]
}

fn count(number: u32) -> Value<'static> {
    Value::Count(u64::from(number))
}

fn is_minimax(sweep: &Sweep) -> bool {
    sweep.facts().problem.traits().is_minimax
}

fn distance_rows(minimax: bool, block: u32, experiment: &v1::Experiment) -> Vec<Row<'static>> {
    let v1::Experiment {
        index,
        first_drawn,
        diverged_at,
        records,
    } = experiment;
    let row = |record: Option<&v1::DistanceRecord>| {
        let mut row = vec![
            count(block),
            count(*index),
            (*first_drawn).into(),
            (*diverged_at).into(),
            record.map(|record| record.k).into(),
            record.map(|record| record.dx2).into(),
            record.map(|record| record.dy2).into(),
        ];
        let dz2 = record.and_then(|record| record.dz2);
        row.extend(minimax.then_some(Value::from(dz2)));
        row.extend(replace_one(record.and_then(|record| record.loss)));
        row.extend(replace_one(record.and_then(|record| record.error)));
        row
    };
    match &records[..] {
        [] => vec![row(None)],
        records => records.iter().map(Some).map(row).collect(),
    }
}

fn replace_one(at: Option<v1::ReplaceOne>) -> [Value<'static>; 4] {
    let Some(v1::ReplaceOne {
        perturbed_at_original,
        base_at_original,
        base_at_replacement,
        perturbed_at_replacement,
    }) = at
    else {
        return [Value::Absent; 4];
    };
    [
        Value::Size(perturbed_at_original),
        Value::Size(base_at_original),
        Value::Size(base_at_replacement),
        Value::Size(perturbed_at_replacement),
    ]
}

fn curve_rows(diverged_at: Option<u64>, curve: &[v1::CurvePoint]) -> Vec<Row<'static>> {
    let row = |point: Option<&v1::CurvePoint>| {
        vec![
            diverged_at.into(),
            point.map(|point| point.k).into(),
            point.map(|point| point.val_loss).into(),
            point.map(|point| point.test_loss).into(),
            point.and_then(|point| point.val_error).into(),
            point.and_then(|point| point.test_error).into(),
            point.map(|point| point.drawn).into(),
        ]
    };
    match curve {
        [] => vec![row(None)],
        curve => curve.iter().map(Some).map(row).collect(),
    }
}

/// A row with the names of its columns.
struct Named<'a>(What, &'a Sweep, &'a Row<'a>);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(what, sweep, row) = self;
        let mut map = serializer.serialize_map(Some(row.len()))?;
        for (name, value) in what.columns(sweep).zip(row.iter()) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Writes trajectories as rows.
pub struct TrajectoryRows<'a, W> {
    out: W,
    sweep: &'a Sweep,
    what: What,
    format: Format,
}

impl<'a, W: Write> TrajectoryRows<'a, W> {
    /// Begins; a CSV header is written even if no row follows.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn new(mut out: W, sweep: &'a Sweep, what: What, format: Format) -> io::Result<Self> {
        if format == Format::Csv {
            let names = what.columns(sweep).map(Value::Text);
            out.write_all(csv_line(names).as_bytes())?;
        }
        Ok(Self {
            out,
            sweep,
            what,
            format,
        })
    }

    /// Writes the rows of one unit.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn unit(&mut self, unit: &v1::StreamTrajectoriesResponse) -> io::Result<()> {
        for row in self.what.rows(self.sweep, unit) {
            match self.format {
                Format::Csv => self.out.write_all(csv_line(row).as_bytes())?,
                Format::JsonLines => {
                    serde_json::to_writer(&mut self.out, &Named(self.what, self.sweep, &row))?;
                    self.out.write_all(b"\n")?;
                }
            }
        }
        Ok(())
    }

    /// Flushes, and gives the writer back.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(block: u32) -> v1::StreamTrajectoriesResponse {
        let quad = v1::ReplaceOne {
            perturbed_at_original: 1.0,
            base_at_original: 0.5,
            base_at_replacement: 0.25,
            perturbed_at_replacement: 0.125,
        };
        let record = |k| v1::DistanceRecord {
            k,
            dx2: 1e-20,
            dy2: 0.0,
            dz2: None,
            loss: Some(quad),
            error: None,
        };
        v1::StreamTrajectoriesResponse {
            unit: Some(v1::UnitId {
                sweep: "00112233445566ff".to_owned(),
                cell: 0,
                replicate: 1,
                block,
            }),
            base_diverged_at: None,
            base: Vec::new(),
            curve: if block == 0 {
                vec![v1::CurvePoint {
                    k: 10,
                    val_loss: 2.0,
                    test_loss: 2.5,
                    val_error: Some(0.5),
                    test_error: None,
                    drawn: 7,
                }]
            } else {
                Vec::new()
            },
            experiments: vec![
                v1::Experiment {
                    index: 42,
                    first_drawn: Some(6),
                    diverged_at: None,
                    records: vec![record(10), record(20)],
                },
                v1::Experiment {
                    index: 43,
                    first_drawn: Some(2),
                    diverged_at: Some(5),
                    records: Vec::new(),
                },
            ],
        }
    }

    fn write(what: What, format: Format) -> String {
        let sweep = crate::board::fixture::sweep(100, 2, 1);
        let mut rows = TrajectoryRows::new(Vec::new(), &sweep, what, format).expect("a header");
        rows.unit(&unit(0)).expect("rows");
        rows.unit(&unit(1)).expect("rows");
        String::from_utf8(rows.finish().expect("an end")).expect("text")
    }

    #[test]
    fn distances_as_csv() {
        let text = write(What::Distances, Format::Csv);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1 + 3 + 3);
        assert_eq!(
            lines[1],
            "0,ssgd,100,10,1,5.0,0.01,1,1,1,0,42,6,,10,1e-20,0.0,1.0,0.5,0.25,0.125,,,,"
        );
        assert_eq!(
            lines[3],
            "0,ssgd,100,10,1,5.0,0.01,1,1,1,0,43,2,5,,,,,,,,,,,"
        );
        assert!(lines.iter().all(|line| line.matches(',').count() == 24));
    }

    #[test]
    fn curves_come_once_a_replicate() {
        let text = write(What::Curves, Format::Csv);
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                "cell,label,m1,m2,T,eta_x,eta_y,batch_x,batch_y,replicate,base_diverged_at,K,val_loss,test_loss,\
                 val_error,test_error,drawn",
                "0,ssgd,100,10,1,5.0,0.01,1,1,1,,10,2.0,2.5,0.5,,7"
            ]
        );
    }

    #[test]
    fn a_cell_that_the_sweep_lacks_is_a_number() {
        let sweep = crate::board::fixture::sweep(100, 2, 1);
        let mut unit = unit(0);
        unit.unit.as_mut().expect("a unit").cell = 3;
        let rows = What::Curves.rows(&sweep, &unit);
        assert_eq!((rows[0][0], rows[0][1]), (Value::Count(3), Value::Absent));
    }

    #[test]
    fn json_lines_are_objects() {
        let text = write(What::Distances, Format::JsonLines);
        let rows: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(rows.len(), 6);
        assert_eq!(rows[0]["K"], 10);
        assert_eq!(rows[0]["dx2"], 1e-20);
        assert_eq!(rows[2]["K"], serde_json::Value::Null);
        assert_eq!(rows[0].as_object().map(serde_json::Map::len), Some(25));
        assert_eq!(
            (&rows[0]["label"], &rows[0]["m1"]),
            (&"ssgd".into(), &100.into())
        );
    }
}
