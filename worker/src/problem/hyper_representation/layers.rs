//! The embedding and the head, and what a chunk of samples leaves behind in them.

use bistable_common::spec::{Head, HyperRepresentationSpec};

use crate::{
    kernel::{Real, Simd},
    problem::{
        Dims, Iterate,
        mlp::{Classifier, Loss, Mlp, Trace, cut},
        samples::Samples,
    },
};

/// The two networks, without their parameters.
#[derive(Debug)]
pub struct Layers {
    /// Given x.
    pub embedding: Mlp,
    /// Given y.
    pub head: Classifier,
}

/// A chunk's values in all layers.
pub struct Values<'w, R> {
    /// The samples.
    pub inputs: &'w mut [R],
    /// Of the embedding.
    pub embedded: Trace<'w, R>,
    /// Of the head.
    pub headed: Trace<'w, R>,
    /// How the head's change along a direction.
    pub tangent: Trace<'w, R>,
    /// For turning derivatives around.
    pub turned: &'w mut [R],
}

impl Layers {
    /// On data of so many features and classes.
    pub fn new(
        simd: Simd,
        spec: &HyperRepresentationSpec,
        features: usize,
        classes: usize,
    ) -> Self {
        let embedded = spec.hidden.last().map_or(features, |&width| width as usize);
        let loss = match spec.head {
            Head::Softmax => Loss::CrossEntropy,
            Head::Ridge => Loss::Squared,
        };
        let activation = spec.activation;
        Self {
            embedding: Mlp::embedding(simd, features, &spec.hidden, activation),
            head: Classifier::new(simd, embedded, (&[], activation), classes, loss),
        }
    }

    /// Lengths of x and y.
    pub fn dims(&self) -> Dims {
        Dims {
            x: self.embedding.len(),
            y: self.head.layers.len(),
            z: 0,
        }
    }

    /// Words for a chunk of so many samples.
    pub fn words(&self, samples: usize) -> usize {
        let (embedding, head) = (&self.embedding, &self.head.layers);
        samples * embedding.inputs()
            + embedding.trace_words(samples)
            + 2 * head.trace_words(samples)
            + self.turned_words(samples)
    }

    fn turned_words(&self, samples: usize) -> usize {
        let embedding = self.embedding.turned_words(samples);
        embedding.max(self.head.layers.turned_words(samples))
    }

    /// Room for a chunk of so many samples, in `room`.
    pub fn values<'w, R: Real>(&self, samples: usize, mut room: &'w mut [R]) -> Values<'w, R> {
        let room = &mut room;
        Values {
            inputs: cut(room, samples * self.embedding.inputs()),
            embedded: self.embedding.trace(samples, room),
            headed: self.head.layers.trace(samples, room),
            tangent: self.head.layers.trace(samples, room),
            turned: cut(room, self.turned_words(samples)),
        }
    }

    /// Sends a chunk from the samples to the outputs.
    pub fn forward<R: Real>(
        &self,
        at: &Iterate<R>,
        samples: &Samples<R>,
        rows: &[u32],
        values: &mut Values<'_, R>,
    ) {
        samples.gather(rows, self.embedding.inputs(), values.inputs);
        self.embedding
            .forward(&at.x, values.inputs, &mut values.embedded);
        let embedded = self.embedding.outputs_of(&values.embedded);
        self.head
            .layers
            .forward(&at.y, embedded, &mut values.headed);
    }

    /// The same, and leaves `share` times the residuals.
    pub fn differentiate<R: Real>(
        &self,
        at: &Iterate<R>,
        samples: &Samples<R>,
        rows: &[u32],
        share: R,
        values: &mut Values<'_, R>,
    ) {
        self.forward(at, samples, rows, values);
        let labels = samples.labels(rows);
        self.head.differentiate(labels, share, &mut values.headed);
    }

    /// Leaves the change of the residuals along `v`.
    pub fn bend<R: Real>(&self, at: &Iterate<R>, v: &[R], share: R, values: &mut Values<'_, R>) {
        let embedded = self.embedding.outputs_of(&values.embedded);
        let (plain, tangent) = (&values.headed, &mut values.tangent);
        self.head.bend((&at.y, v), embedded, share, plain, tangent);
    }

    /// Adds the gradient in x to `out`, given the embedding's derivatives.
    pub fn add_embedding_gradient<R: Real>(
        &self,
        at: &Iterate<R>,
        values: &mut Values<'_, R>,
        out: &mut [R],
    ) {
        let embedding = &self.embedding;
        embedding.backward(&at.x, &mut values.embedded, values.turned);
        embedding.add_gradient(values.inputs, &values.embedded, out);
    }
}
