//! Samples as rows of values, sparse or dense.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Aligned, LANES, Real};

/// Tells one set of rows from another.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// How rows are kept. The same bits come of either; what is quicker depends on the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Only values that are not zero.
    Sparse,
    /// All values.
    Dense,
}

/// Rows of values, with ascending column numbers.
#[derive(Debug)]
pub struct Rows<R> {
    id: u64,
    columns: usize,
    layout: Layout,
    starts: Vec<u32>,
    indices: Vec<u16>,
    values: Vec<R>,
}

impl<R: Real> Rows<R> {
    /// Rows of values that are not zero, with their columns, ascending; kept dense if that is more than two thirds of all,
    /// which is where walking all of them is quicker. At most 65,536 columns.
    pub fn new<I>(columns: usize, rows: impl Iterator<Item = I> + Clone) -> Self
    where
        I: Iterator<Item = (u32, R)>,
    {
        let (mut all, mut filled) = (0u64, 0u64);
        for row in rows.clone() {
            all += columns as u64;
            filled += row.count() as u64;
        }
        let dense = 3 * filled > 2 * all;
        let layout = if dense { Layout::Dense } else { Layout::Sparse };
        Self::with_layout(columns, rows, layout)
    }

    /// [`Rows::new`] in a given layout.
    pub fn with_layout<I>(columns: usize, rows: impl Iterator<Item = I>, layout: Layout) -> Self
    where
        I: Iterator<Item = (u32, R)>,
    {
        assert!(columns <= 1 << 16, "a column index must fit in 16 bits");
        let mut all = Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            columns,
            layout,
            starts: vec![0],
            indices: Vec::new(),
            values: Vec::new(),
        };
        rows.for_each(|row| all.push(row));
        all
    }

    fn push(&mut self, row: impl Iterator<Item = (u32, R)>) {
        let first = self.values.len();
        if self.layout == Layout::Dense {
            self.indices
                .extend((0..self.columns).map(|column| column as u16));
            self.values.resize(first + self.columns, R::ZERO);
        }
        for (column, value) in row {
            assert!((column as usize) < self.columns);
            match self.layout {
                Layout::Dense => self.values[first + column as usize] = value,
                Layout::Sparse => {
                    self.indices.push(column as u16);
                    self.values.push(value);
                }
            }
        }
        self.starts.push(
            u32::try_from(self.indices.len()).expect("a replicate's values are fewer than 2^32"),
        );
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Values in a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How they are kept.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The kept values of a row, with their columns; as many of one as of the other.
    #[inline(always)]
    pub fn row(&self, row: u32) -> (&[u16], &[R]) {
        let range = self.starts[row as usize] as usize..self.starts[row as usize + 1] as usize;
        (&self.indices[range.clone()], &self.values[range])
    }
}

/// Up to sixteen rows turned around: sixteen values a column, one of each row, and which of them are kept.
#[derive(Debug)]
pub struct Columns<R> {
    values: Aligned<R>,
    /// Bit `b` of a column's mask: row `b` has a kept value there.
    masks: Vec<u16>,
    /// Columns with a mask, ascending.
    touched: Vec<u16>,
    /// What is turned: which rows of whom.
    source: u64,
    turned: Vec<u32>,
}

impl<R: Real> Columns<R> {
    /// Room for rows of `columns` values.
    pub fn new(columns: usize) -> Self {
        Self {
            values: Aligned::zeros(columns * LANES),
            masks: vec![0; columns],
            touched: Vec::with_capacity(columns),
            source: 0,
            turned: Vec::with_capacity(LANES),
        }
    }

    /// Words that [`Columns::new`] allocates, about.
    pub fn words(columns: usize) -> usize {
        (LANES + 1) * columns
    }

    /// Turns up to sixteen rows, unless they are turned already. They may come in pieces.
    pub fn turn<'a>(&mut self, rows: &Rows<R>, pieces: impl Iterator<Item = &'a [u32]> + Clone) {
        let all = pieces.flatten().copied();
        if self.source == rows.id && self.turned.iter().copied().eq(all.clone()) {
            return;
        }
        self.clear();
        self.source = rows.id;
        self.turned.extend(all.take(LANES));
        self.fill(rows);
        self.list();
    }

    fn clear(&mut self) {
        let (values, _) = self.values.as_chunks_mut::<LANES>();
        for &column in &self.touched {
            values[usize::from(column)] = [R::ZERO; LANES];
        }
        self.masks.fill(0);
        self.turned.clear();
    }

    fn fill(&mut self, rows: &Rows<R>) {
        let (values, _) = self.values.as_chunks_mut::<LANES>();
        for (lane, &row) in self.turned.iter().enumerate() {
            let (columns, kept) = rows.row(row);
            let bit = 1 << lane;
            for (&column, &value) in columns.iter().zip(kept) {
                values[usize::from(column)][lane % LANES] = value;
                self.masks[usize::from(column)] |= bit;
            }
        }
    }

    /// Lists the columns that have a value.
    fn list(&mut self) {
        self.touched.resize(self.masks.len(), 0);
        let mut count = 0;
        for (column, &mask) in self.masks.iter().enumerate() {
            self.touched[count] = column as u16;
            count += usize::from(mask != 0);
        }
        self.touched.truncate(count);
    }

    /// `[column][16]`; zero where no row has a kept value.
    pub fn values(&self) -> &[R] {
        &self.values
    }

    /// A mask a column: bit `b` is row `b`'s.
    pub fn masks(&self) -> &[u16] {
        &self.masks
    }

    /// The columns whose mask is not 0, ascending.
    pub fn touched(&self) -> &[u16] {
        &self.touched
    }
}
