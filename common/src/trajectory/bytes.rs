//! A trajectory's binary form: little-endian u64 and f64 words, so that equal facts have equal bytes.

use super::{CurvePoint, Experiment, Record, ReplaceOne, Stop, Trajectory};

/// Bytes that are not a trajectory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTrajectory {
    /// They end too early.
    #[error("the trajectory is truncated")]
    Truncated,
    /// They go on too long.
    #[error("the trajectory has {0} bytes too many")]
    TooLong(usize),
    /// A number that no trajectory holds.
    #[error("the trajectory has {0} that is not finite")]
    NotFinite(&'static str),
    /// A tag that means nothing.
    #[error("the trajectory has an unknown tag {0}")]
    Tag(u64),
}

const NONE: u64 = u64::MAX;
/// Parts that a record may have, as bits of its tag, in the order in which they follow it.
const ERROR: u64 = 1;
const DZ2: u64 = 2;

/// Appends words.
pub(super) struct Writer<'a>(pub &'a mut Vec<u8>);

impl Writer<'_> {
    pub fn int(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub fn float(&mut self, value: f64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub fn stop(&mut self, stop: Stop) {
        self.int(match stop {
            Stop::Completed => NONE,
            Stop::Diverged { at } => at,
        });
    }

    pub fn option(&mut self, value: Option<u64>) {
        self.int(value.unwrap_or(NONE));
    }

    pub fn replace_one(&mut self, value: &ReplaceOne) {
        let ReplaceOne {
            perturbed_at_original,
            base_at_original,
            base_at_replacement,
            perturbed_at_replacement,
        } = *value;
        self.float(perturbed_at_original);
        self.float(base_at_original);
        self.float(base_at_replacement);
        self.float(perturbed_at_replacement);
    }

    pub fn record(&mut self, record: &Record) {
        self.float(record.dx2);
        self.float(record.dy2);
        self.replace_one(&record.loss);
        let tags = [(record.error.is_some(), ERROR), (record.dz2.is_some(), DZ2)];
        self.int(
            tags.iter()
                .filter(|(has, _)| *has)
                .map(|(_, tag)| tag)
                .sum(),
        );
        if let Some(error) = &record.error {
            self.replace_one(error);
        }
        if let Some(dz2) = record.dz2 {
            self.float(dz2);
        }
    }

    pub fn experiment_head(&mut self, experiment: &Experiment) {
        self.int(u64::from(experiment.index));
        self.option(experiment.first_drawn);
        self.stop(experiment.stop);
        self.int(experiment.records.len() as u64);
    }

    pub fn curve_point(&mut self, point: &CurvePoint) {
        self.int(point.k);
        self.float(point.val_loss);
        self.float(point.test_loss);
        match (point.val_error, point.test_error) {
            (Some(val), Some(test)) => {
                self.int(1);
                self.float(val);
                self.float(test);
            }
            _ => self.int(0),
        }
        self.int(point.drawn);
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn word(&mut self) -> Result<[u8; 8], InvalidTrajectory> {
        let (word, rest) = self
            .0
            .split_first_chunk()
            .ok_or(InvalidTrajectory::Truncated)?;
        self.0 = rest;
        Ok(*word)
    }

    fn int(&mut self) -> Result<u64, InvalidTrajectory> {
        self.word().map(u64::from_le_bytes)
    }

    fn float(&mut self, what: &'static str) -> Result<f64, InvalidTrajectory> {
        let value = f64::from_le_bytes(self.word()?);
        if value.is_finite() {
            Ok(value)
        } else {
            Err(InvalidTrajectory::NotFinite(what))
        }
    }

    /// A count of things of at least `bytes` each: refused before anything is reserved if they cannot all be there.
    fn count(&mut self, bytes: usize) -> Result<usize, InvalidTrajectory> {
        let count = self.int()?;
        let fits = (self.0.len() / bytes) as u64;
        if count > fits {
            return Err(InvalidTrajectory::Truncated);
        }
        Ok(count as usize)
    }

    fn many<T>(
        &mut self,
        bytes: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, InvalidTrajectory>,
    ) -> Result<Vec<T>, InvalidTrajectory> {
        let count = self.count(bytes)?;
        (0..count).map(|_| read(self)).collect()
    }

    fn flag(&mut self) -> Result<bool, InvalidTrajectory> {
        match self.int()? {
            0 => Ok(false),
            1 => Ok(true),
            tag => Err(InvalidTrajectory::Tag(tag)),
        }
    }

    fn option(&mut self) -> Result<Option<u64>, InvalidTrajectory> {
        self.int().map(|value| (value != NONE).then_some(value))
    }

    fn stop(&mut self) -> Result<Stop, InvalidTrajectory> {
        Ok(match self.option()? {
            None => Stop::Completed,
            Some(at) => Stop::Diverged { at },
        })
    }

    fn replace_one(&mut self, what: &'static str) -> Result<ReplaceOne, InvalidTrajectory> {
        Ok(ReplaceOne {
            perturbed_at_original: self.float(what)?,
            base_at_original: self.float(what)?,
            base_at_replacement: self.float(what)?,
            perturbed_at_replacement: self.float(what)?,
        })
    }

    fn record(&mut self) -> Result<Record, InvalidTrajectory> {
        let distances = [self.float("a distance")?, self.float("a distance")?];
        let loss = self.replace_one("a loss")?;
        let tag = self.int()?;
        if tag & !(ERROR | DZ2) != 0 {
            return Err(InvalidTrajectory::Tag(tag));
        }
        let error = (tag & ERROR != 0).then(|| self.replace_one("an error"));
        let error = error.transpose()?;
        let dz2 = (tag & DZ2 != 0).then(|| self.float("a distance"));
        Ok(Record {
            dx2: distances[0],
            dy2: distances[1],
            dz2: dz2.transpose()?,
            loss,
            error,
        })
    }

    fn experiment(&mut self) -> Result<Experiment, InvalidTrajectory> {
        let index = self.int()?;
        Ok(Experiment {
            index: u32::try_from(index).map_err(|_| InvalidTrajectory::Tag(index))?,
            first_drawn: self.option()?,
            stop: self.stop()?,
            records: self.many(56, Self::record)?,
        })
    }

    fn curve_point(&mut self) -> Result<CurvePoint, InvalidTrajectory> {
        let (k, val_loss, test_loss) = (self.int()?, self.float("a loss")?, self.float("a loss")?);
        let errors = self.flag()?;
        let mut error = || errors.then(|| self.float("an error")).transpose();
        Ok(CurvePoint {
            k,
            val_loss,
            test_loss,
            val_error: error()?,
            test_error: error()?,
            drawn: self.int()?,
        })
    }

    fn hash(&mut self) -> Result<[u8; 32], InvalidTrajectory> {
        let mut hash = [0; 32];
        for word in hash.chunks_exact_mut(8) {
            word.copy_from_slice(&self.word()?);
        }
        Ok(hash)
    }
}

impl Trajectory {
    /// Its bytes. Equal trajectories have equal bytes, and none of their floats is a NaN.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer(&mut bytes);
        writer.stop(self.base_stop);
        writer.int(self.base_states.len() as u64);
        for state in &self.base_states {
            writer.0.extend_from_slice(state);
        }
        writer.int(self.curve.len() as u64);
        self.curve
            .iter()
            .for_each(|point| writer.curve_point(point));
        writer.int(self.experiments.len() as u64);
        for experiment in &self.experiments {
            writer.experiment_head(experiment);
            experiment
                .records
                .iter()
                .for_each(|record| writer.record(record));
        }
        bytes
    }

    /// Reads what [`Trajectory::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidTrajectory> {
        let mut reader = Reader(bytes);
        let trajectory = Self {
            base_stop: reader.stop()?,
            base_states: reader.many(32, Reader::hash)?,
            curve: reader.many(40, Reader::curve_point)?,
            experiments: reader.many(32, Reader::experiment)?,
        };
        match reader.0.len() {
            0 => Ok(trajectory),
            rest => Err(InvalidTrajectory::TooLong(rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Trajectory {
        let quad = ReplaceOne {
            perturbed_at_original: 1.0,
            base_at_original: 2.0,
            base_at_replacement: 3.0,
            perturbed_at_replacement: -0.0,
        };
        Trajectory {
            base_stop: Stop::Diverged { at: 9 },
            base_states: vec![[7; 32], [8; 32]],
            curve: vec![CurvePoint {
                k: 3,
                val_loss: 0.5,
                test_loss: 0.25,
                val_error: Some(0.1),
                test_error: Some(0.2),
                drawn: 5,
            }],
            experiments: vec![
                Experiment {
                    index: 4,
                    first_drawn: None,
                    stop: Stop::Completed,
                    records: vec![Record {
                        dx2: 0.0,
                        dy2: 1e-300,
                        dz2: None,
                        loss: quad,
                        error: Some(quad),
                    }],
                },
                Experiment {
                    index: 1,
                    first_drawn: Some(2),
                    stop: Stop::Diverged { at: 3 },
                    records: vec![],
                },
            ],
        }
    }

    #[test]
    fn decode_inverts_encode() {
        assert_eq!(Trajectory::decode(&sample().encode()), Ok(sample()));
    }

    /// With any of the parts that a record may have.
    fn saddles() -> [Trajectory; 3] {
        [(Some(0.25), true), (Some(0.0), false), (None, false)].map(|(dz2, errors)| {
            let mut trajectory = sample();
            let record = &mut trajectory.experiments[0].records[0];
            record.dz2 = dz2;
            record.error = record.error.filter(|_| errors);
            trajectory
        })
    }

    #[test]
    fn a_distance_in_z_comes_back_and_costs_a_word() {
        for trajectory in saddles() {
            let bytes = trajectory.encode();
            assert_eq!(Trajectory::decode(&bytes), Ok(trajectory.clone()));
            for end in 0..bytes.len() {
                assert!(Trajectory::decode(&bytes[..end]).is_err(), "{end}");
            }
        }
        let [with, ..] = saddles();
        assert_eq!(with.encode().len(), sample().encode().len() + 8);
    }

    #[test]
    fn an_unknown_part_of_a_record_is_refused() {
        let mut trajectory = sample();
        trajectory.experiments.truncate(1);
        let record = &mut trajectory.experiments[0].records[0];
        record.error = None;
        let mut bytes = trajectory.encode();
        let tag = bytes.len() - 8;
        bytes[tag] = 4;
        assert_eq!(Trajectory::decode(&bytes), Err(InvalidTrajectory::Tag(4)));
    }

    #[test]
    fn every_truncation_and_any_excess_is_refused() {
        let bytes = sample().encode();
        for end in 0..bytes.len() {
            assert!(Trajectory::decode(&bytes[..end]).is_err(), "{end}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(
            Trajectory::decode(&longer),
            Err(InvalidTrajectory::TooLong(1))
        );
    }

    #[test]
    fn a_huge_count_reserves_nothing() {
        let mut bytes = sample().encode();
        bytes[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(
            Trajectory::decode(&bytes),
            Err(InvalidTrajectory::Truncated)
        );
    }

    #[test]
    fn no_nan_is_read() {
        let mut trajectory = sample();
        trajectory.experiments[0].records[0].dx2 = f64::NAN;
        assert_eq!(
            Trajectory::decode(&trajectory.encode()),
            Err(InvalidTrajectory::NotFinite("a distance"))
        );
    }
}
