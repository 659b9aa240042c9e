//! Which classes and images a task consists of.
//!
//! The data set's classes are put in random order, once a replicate. If a third of them are enough for a task, the last
//! third are the test tasks' and the others those of validation tasks and their replacements, so that test tasks are about
//! classes that were never seen; if not, all tasks are about the same classes, and a third of each class's images are the
//! test tasks'. Within its share a task draws `ways` different classes, and `shots + queries` different images of each.
//! Tasks are drawn independently of each other, with a stream each, so that fewer of them are a prefix of more.

use bistable_common::{
    draw::{Key, Purpose, Stream},
    spec::{FewShotSpec, Replaced},
};

use crate::{data::Dataset, kernel::Real, problem::Table, setting::Setting};

/// All tasks of a replicate: images by their rows in the data set, class by class.
#[derive(Debug)]
pub struct Tasks {
    ways: usize,
    /// Support images of a task, and all its images.
    support: usize,
    all: usize,
    /// Support images, then query images of every task.
    validation: Vec<u32>,
    test: Vec<u32>,
}

/// Some images of a task.
#[derive(Debug, Clone, Copy)]
pub struct Images<'a> {
    /// Rows of the data set: as many of each class, class after class.
    pub rows: &'a [u32],
    /// Position of the first among its task's.
    first: usize,
    /// Images of a class.
    each: usize,
}

impl<'a> Images<'a> {
    /// What an image counts in the mean.
    pub fn share<R: Real>(&self) -> R {
        R::ONE / R::from_f64(self.rows.len() as f64)
    }

    /// Positions of the images' classes in the task.
    pub fn labels(self) -> impl Iterator<Item = u32> {
        let each = self.each;
        (self.first..self.first + self.rows.len()).map(move |image| (image / each) as u32)
    }

    /// At most so many at a time.
    pub fn chunks(self, size: usize) -> impl Iterator<Item = Images<'a>> {
        let firsts = (self.first..).step_by(size);
        firsts
            .zip(self.rows.chunks(size))
            .map(move |(first, rows)| Images {
                rows,
                first,
                each: self.each,
            })
    }
}

/// Classes with their images.
type Classes = Vec<Vec<u32>>;

impl Tasks {
    /// Draws the tasks of one replicate of a cell.
    pub fn new(setting: Setting<'_>, spec: &FewShotSpec, data: &Dataset) -> Result<Self, String> {
        let [seen, unseen] = shares(setting, spec, data)?;
        let key = |purpose| setting.key(purpose);
        let cell = setting.cell();
        let mut validation = Vec::new();
        draw_tasks(
            spec,
            &seen,
            &mut key(Purpose::Validation),
            cell.m1,
            &mut validation,
        );
        let mut replacement = Vec::new();
        let key_of_replacements = &mut key(Purpose::Replacement);
        match spec.replaced {
            Replaced::Task => {
                draw_tasks(spec, &seen, key_of_replacements, cell.m1, &mut replacement);
            }
            Replaced::Query => {
                replacement.extend_from_slice(&validation);
                let tasks = replacement.chunks_exact_mut(spec.images() as usize);
                for (task, i) in tasks.zip(0..) {
                    replace_query(
                        spec,
                        data,
                        &seen,
                        &mut key_of_replacements.stream(i, 0),
                        task,
                    );
                }
            }
        }
        validation.append(&mut replacement);
        let mut test = Vec::new();
        draw_tasks(
            spec,
            &unseen,
            &mut key(Purpose::Test),
            setting.facts.test,
            &mut test,
        );
        Ok(Self {
            ways: spec.ways as usize,
            support: (spec.ways * spec.shots) as usize,
            all: spec.images() as usize,
            validation,
            test,
        })
    }

    /// Support and query images of a task.
    pub fn images(&self, table: Table, task: u32) -> [Images<'_>; 2] {
        let tasks = match table {
            Table::Validation => &self.validation,
            Table::Test => &self.test,
        };
        let task = &tasks[task as usize * self.all..][..self.all];
        let (support, query) = task.split_at(self.support);
        [support, query].map(|rows| Images {
            rows,
            first: 0,
            each: rows.len() / self.ways,
        })
    }
}

/// The classes of validation and of test tasks.
fn shares(
    setting: Setting<'_>,
    spec: &FewShotSpec,
    data: &Dataset,
) -> Result<[Classes; 2], String> {
    let mut classes: Classes = vec![Vec::new(); data.classes() as usize];
    (0..data.samples()).for_each(|sample| classes[data.label(sample) as usize].push(sample));
    let mut key = setting.key(Purpose::Pool);
    let mut order = Vec::new();
    (key.stream(0, 0)).permutation(data.classes(), &mut order);
    let ordered = order.iter().map(|&class| classes[class as usize].clone());
    let needed = spec.needed_of_a_class() as usize;
    let (ways, third) = (spec.ways as usize, classes.len() / 3);
    let mut seen: Classes = ordered.collect();
    let unseen = match third >= ways {
        true => seen.split_off(seen.len() - third),
        false => seen
            .iter_mut()
            .map(|class| last_third(&mut key, class))
            .collect(),
    };
    let shares = [seen, unseen].map(|mut share| {
        share.retain(|class| class.len() >= needed);
        share
    });
    let enough = shares.iter().all(|share| share.len() >= ways);
    enough.then_some(shares).ok_or_else(|| {
        format!("it needs {ways} classes of at least {needed} images for validation tasks, and as many for test tasks")
    })
}

/// Takes a random third of a class's images away.
fn last_third(key: &mut Key, class: &mut Vec<u32>) -> Vec<u32> {
    // A class has a stream of its own: that of its first image.
    let Some(&first) = class.first() else {
        return Vec::new();
    };
    let stream = &mut key.stream(1 + u64::from(first), 0);
    let count = class.len();
    choose(stream, count, class);
    class.split_off(count - count / 3)
}

fn draw_tasks(
    spec: &FewShotSpec,
    classes: &Classes,
    key: &mut Key,
    count: u32,
    out: &mut Vec<u32>,
) {
    let mut order: Vec<u32> = (0..classes.len() as u32).collect();
    let (shots, images) = (spec.shots as usize, (spec.shots + spec.queries) as usize);
    let mut chosen: Vec<Vec<u32>> = Vec::new();
    for task in 0..u64::from(count) {
        // Which classes were chosen before must not matter.
        order.sort_unstable();
        let stream = &mut key.stream(task, 0);
        choose(stream, spec.ways as usize, &mut order);
        chosen.clear();
        for &class in &order[..spec.ways as usize] {
            let mut class = classes[class as usize].clone();
            choose(stream, images, &mut class);
            class.truncate(images);
            chosen.push(class);
        }
        chosen.iter().for_each(|class| out.extend(&class[..shots]));
        chosen.iter().for_each(|class| out.extend(&class[shots..]));
    }
}

/// Puts `count` of `all` at its front, each choice as likely as any other.
fn choose(stream: &mut Stream<'_>, count: usize, all: &mut [u32]) {
    for place in 0..count.min(all.len()) {
        let rest = (all.len() - place) as u32;
        all.swap(place, place + stream.below(rest) as usize);
    }
}

/// Puts another image of the same class, one that the task does not have, in a random query image's place.
fn replace_query(
    spec: &FewShotSpec,
    data: &Dataset,
    classes: &Classes,
    stream: &mut Stream<'_>,
    task: &mut [u32],
) {
    let place = (spec.ways * spec.shots + stream.below(spec.ways * spec.queries)) as usize;
    let label = data.label(task[place]);
    let own = |class: &&Vec<u32>| data.label(class[0]) == label;
    let class = classes.iter().find(own).map_or(&[][..], Vec::as_slice);
    let others: Vec<u32> = (class.iter().copied())
        .filter(|image| !task.contains(image))
        .collect();
    task[place] = others[stream.below(others.len() as u32) as usize];
}
