//! Data sets of the user's own: uploaded once, fetched by workers, nowhere named by their place.

use std::fs;

use crate::{
    images::folder,
    processes::{Coordinator, Runs, Worker, assert_fails, digest, id_of, json},
    sweeps::REWEIGHTING,
};

#[test]
fn a_folder_travels_to_the_workers() {
    let local = Runs::new();
    let data = folder(&local);
    let data = ["--data-dir", data.to_str().expect("a path")];
    let file = local.write("sweep.toml", REWEIGHTING);
    let expected = json(&local.run(&file, &data));

    let runs = Runs::new();
    let coordinator = Coordinator::start(&runs.store());
    let id = coordinator.submit(&file, &data);
    assert_eq!(expected["sweep"]["id"], id.as_str());
    assert_ne!(id, id_of(&file), "the data is a part of the sweep");
    // From here on only the coordinator has the data.
    fs::remove_dir_all(local.folder.path().join("data")).expect("a folder");
    let workers = [0, 1].map(|_| Worker::start(&coordinator));
    assert_eq!(coordinator.complete(&id), digest(&expected));
    assert_eq!(coordinator.results(&id), expected);
    let cached = |worker: &Worker| fs::read_dir(worker.cache.path()).expect("a cache").count();
    assert!(workers.iter().any(|worker| cached(worker) > 0));
    for worker in workers {
        worker.process.leave();
    }
}

#[test]
fn a_truncated_file_is_named() {
    let runs = Runs::new();
    let data = folder(&runs);
    let images = data.join("MNIST/raw/train-images-idx3-ubyte");
    let whole = fs::read(&images).expect("a file");
    fs::write(&images, &whole[..whole.len() - 5]).expect("a file");
    let (whole, found) = (whole.len().to_string(), (whole.len() - 5).to_string());
    let parts = ["train-images-idx3-ubyte", "truncated", &whole, &found];
    let file = runs.write("sweep.toml", REWEIGHTING);
    let data = ["--data-dir", data.to_str().expect("a path")];
    assert_fails(&runs.run(&file, &data), &parts);
    assert!(!runs.store().exists(), "nothing was started");

    let coordinator = Coordinator::start(&runs.store());
    let file = file.to_str().expect("a path");
    let submitted = coordinator.ask(&[&["submit", file, "--json"][..], &data].concat());
    assert_fails(&submitted, &parts);
    assert_eq!(submitted.stdout, b"");
    assert!(coordinator.list().is_empty());
}

#[test]
fn a_file_of_sparse_rows_travels_to_the_workers() {
    let rows = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../deploy/examples/a8a-1000.libsvm.gz"
    );
    let sweep = format!(
        "name = \"rows\"\nreplicates = 2\ntest = 50\n[problem]\nkind = \"binary_logistic\"\n[data]\npath = {rows:?}\n\
         [grid]\nm1 = 20\nm2 = 1\nK = [5, 20]\n[[solvers]]\npreset = \"sgd\"\n"
    );
    let local = Runs::new();
    let file = local.write("sweep.toml", &sweep);
    let expected = json(&local.run(&file, &[]));

    let runs = Runs::new();
    let coordinator = Coordinator::start(&runs.store());
    let id = coordinator.submit(&file, &[]);
    assert_eq!(expected["sweep"]["id"], id.as_str());
    let worker = Worker::start(&coordinator);
    assert_eq!(coordinator.complete(&id), digest(&expected));
    assert_eq!(coordinator.results(&id), expected);
    worker.process.leave();
}
