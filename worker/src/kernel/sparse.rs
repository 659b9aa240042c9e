//! Samples as sparse rows.

use super::Real;

/// Rows of values of which most are zero: indices and values of the others, ascending.
#[derive(Debug, Clone)]
pub struct SparseRows<R> {
    columns: usize,
    starts: Vec<u32>,
    indices: Vec<u16>,
    values: Vec<R>,
}

impl<R: Real> SparseRows<R> {
    /// No rows, of `columns` values each; `columns` is at most 65536.
    pub fn new(columns: usize) -> Self {
        assert!(columns <= 1 << 16, "a column index must fit in 16 bits");
        Self {
            columns,
            starts: vec![0],
            indices: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Appends a row of bytes, scaled to [0, 1].
    pub fn push_bytes(&mut self, row: &[u8]) {
        assert_eq!(row.len(), self.columns);
        for (column, &byte) in row.iter().enumerate().filter(|&(_, &byte)| byte != 0) {
            self.indices.push(column as u16);
            self.values
                .push(R::from_f64(f64::from(byte)) / R::from_f64(255.0));
        }
        self.starts
            .push(u32::try_from(self.indices.len()).expect("at most 2^30 bytes of content"));
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Values in a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The nonzero values of a row, with their columns.
    #[inline(always)]
    pub fn row(&self, row: u32) -> (&[u16], &[R]) {
        let range = self.starts[row as usize] as usize..self.starts[row as usize + 1] as usize;
        (&self.indices[range.clone()], &self.values[range])
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.starts.len() * 4 + self.indices.len() * (2 + size_of::<R>())
    }
}
