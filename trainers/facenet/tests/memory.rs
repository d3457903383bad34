//! Two passes hold what a chunk needs, however large the batch. Alone in its process, whose pool it looks at.

use gobelin_autograd::{Tensor, ops, random};
use gobelin_facenet::embedder::{Net, Shape};
use gobelin_facenet::learner::{Learner, Method};
use gobelin_kernels::pool_statistics;

const SIZE: usize = 32;

/// The most bytes of the pool that were ever in use, after the gradients of a batch.
fn most_used(batch: usize, chunk: usize) -> usize {
    let shape = Shape { net: Net::Small, width: 8, dimensions: 16, size: SIZE };
    let net = shape.build(&mut random::generator(0, 0));
    let learner = Learner::new(net, Method::Adam, 1e-3, chunk, false);
    let pictures = Tensor::zeros(&[batch, SIZE, SIZE, 3]);
    let gradients = learner.gradients(&learner.faces(pictures), &[], |_, embeddings| ops::sum(embeddings));
    assert_eq!(gradients.embeddings.shape(), [batch, 16]);
    pool_statistics().most_used
}

#[test]
fn a_larger_batch_needs_no_more_than_its_pictures_more() {
    // Peaks never fall, so the smallest comes first.
    let (chunk, batch) = (8, 128);
    let of_a_chunk = most_used(chunk, chunk);
    let in_chunks = most_used(batch, chunk);
    let whole = most_used(batch, 0);
    let picture = SIZE * SIZE * 3 * size_of::<f32>();
    // Beside the pictures: the embeddings, what the loss makes of them, and the sums of the gradients.
    let expected = of_a_chunk + batch * picture * 5 / 4 + (1 << 16);
    assert!(in_chunks <= expected, "{of_a_chunk} bytes for a chunk, {in_chunks} for a batch of chunks");
    assert!(whole > 2 * in_chunks, "{whole} bytes in one pass, {in_chunks} in chunks");
}
