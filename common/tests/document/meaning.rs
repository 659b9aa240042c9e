//! What documents mean: their cells in order, and what their identifiers depend on.

use bistable_common::{
    ids::{CellId, Hash},
    spec::{Clock, Precision, ProblemSpec, QuadraticSpec, StepRule},
    sweep::{
        Cell, DataFormat, DataSource, Indices, LabelColumn, Reading, Sweep, data_source, parse,
        with_data_hash,
    },
};

use crate::support::*;

const AS_JSON: &str = r#"{
  "name": "good", "replicates": 3,
  "problem": {"kind": "reweighting"},
  "grid": {"m1": [200, 500], "K": [20, 10], "T": [1, 4]},
  "solvers": [{"preset": "ssgd"}, {"preset": "tsgd"}]
}"#;

const SPELLED_OUT: &str = r#"start = "warm"
order = "inner_first"
direction = "unrolled"
eta_x = 5
eta_y = 0.01
sampling = "uniform"
batch_x = 8
batch_y = 8"#;

fn cells(sweep: &Sweep) -> &[Cell] {
    &sweep.facts().cells
}

#[test]
fn toml_and_json_mean_the_same() {
    let json = parse(&json(AS_JSON), &Fake).expect("the document is right");
    assert_eq!(json, good(GOOD));
}

#[test]
fn canonical_json_comes_back() {
    let sweep = good(GOOD);
    let back = Sweep::from_canonical_json(&sweep.to_canonical_json()).expect("canonical");
    assert_eq!(back, sweep);
    assert_eq!(back.id(), sweep.id());
}

#[test]
fn defaults() {
    let sweep = good(GOOD);
    let facts = sweep.facts();
    assert_eq!(
        (facts.seed, facts.test, facts.indices),
        (1, 1000, Indices::All)
    );
    assert_eq!(facts.precision, Precision::F32);
    assert_eq!(facts.data, Some(Hash::of(b"mnist5k")));
    assert_eq!(sweep.confidence(), 0.95);
    assert!(cells(&sweep).iter().all(|cell| cell.m2 == 2000));
    let quadratic = good(&GOOD.replace("reweighting", "quadratic"));
    assert_eq!(quadratic.facts().precision, Precision::F64);
    assert_eq!(quadratic.facts().data, None);
}

#[test]
fn cells_are_in_their_order_and_ssgd_has_one_t() {
    let sweep = good(&edited(
        "T = [1, 4]",
        "T = [1, 4]\nm2 = [30, 20]\nbatch_x = [2, 1]",
    ));
    let of = |cell: &Cell| {
        (
            cell.m2,
            cell.m1,
            cell.solver.batch_x.size(0),
            cell.solver.schedule.inner_steps,
        )
    };
    let (ssgd, tsgd) = cells(&sweep).split_at(8);
    let ssgd: Vec<_> = ssgd.iter().map(of).collect();
    assert_eq!(
        ssgd[..5],
        [
            (30, 200, 2, 1),
            (30, 200, 1, 1),
            (30, 500, 2, 1),
            (30, 500, 1, 1),
            (20, 200, 2, 1)
        ]
    );
    let tsgd: Vec<_> = tsgd.iter().map(of).collect();
    assert_eq!(tsgd.len(), 16);
    assert_eq!(
        tsgd[..3],
        [(30, 200, 2, 1), (30, 200, 2, 4), (30, 200, 1, 1)]
    );
    assert!(cells(&sweep).iter().all(|cell| cell.ks == [10, 20]));
    assert_eq!(sweep.solver_name(CellId(0)).label, "ssgd");
    assert_eq!(sweep.solver_name(CellId(8)).preset, "tsgd");
}

#[test]
fn steps_that_depend_on_k_take_a_cell_for_each() {
    let text = GOOD.replace("reweighting", "quadratic");
    let sweep = good(&text.replace(
        "preset = \"ssgd\"",
        "preset = \"ssgd\"\neta_x = { rule = \"theorem2\", c = 2 }",
    ));
    let ks: Vec<_> = cells(&sweep).iter().map(|cell| cell.ks.clone()).collect();
    assert_eq!(
        ks[..5],
        [vec![10], vec![20], vec![10], vec![20], vec![10, 20]]
    );
    // The smoothness is the problem's.
    assert_eq!(
        cells(&sweep)[0].solver.eta_x.rule,
        StepRule::Theorem2 { l: 1.5 }
    );
}

#[test]
fn a_solver_wins_over_the_grid_and_the_grid_over_the_preset() {
    let text = edited("T = [1, 4]", "T = 2\neta_x = [1, 2]")
        .replace("preset = \"ssgd\"", "preset = \"ssgd\"\neta_x = 7");
    let scales: Vec<_> = cells(&good(&text))
        .iter()
        .map(|c| c.solver.eta_x.scale)
        .collect();
    assert_eq!(scales, [7.0, 7.0, 1.0, 2.0, 1.0, 2.0]);
    let text = text.replace("eta_x = 7", "eta_x = { rule = \"geometric\", ratio = 0.5 }");
    let sweep = good(&text);
    let step = cells(&sweep)[1].solver.eta_x;
    assert_eq!(
        (step.scale, step.rule),
        (2.0, StepRule::Geometric { ratio: 0.5 })
    );
    let text = edited("preset = \"tsgd\"", "preset = \"tsgd\"\nT = 9");
    let ts: Vec<_> = cells(&good(&text))
        .iter()
        .map(|c| c.solver.schedule.inner_steps)
        .collect();
    assert_eq!(ts, [1, 1, 9, 9]);
}

#[test]
fn clocks() {
    let inner = |lines: &str| {
        cells(&good(&edited("preset = \"ssgd\"", lines)))[0]
            .solver
            .eta_y
            .clock
    };
    assert_eq!(inner("preset = \"ssgd\"\neta_y = 1"), Clock::Outer);
    assert_eq!(
        inner("preset = \"ud\"\neta_y = { rule = \"inverse\", c = 1 }"),
        Clock::Inner
    );
    assert_eq!(
        inner("preset = \"ud\"\neta_y = { clock = \"outer\" }"),
        Clock::Outer
    );
}

#[test]
fn the_identifier_is_of_the_facts_alone() {
    let id = good(GOOD).id();
    for same in [
        edited("name = \"good\"", "name = \"other\"\nconfidence = 0.9"),
        edited("preset = \"tsgd\"", "preset = \"tsgd\"\nlabel = \"TSGD\""),
        edited("preset = \"tsgd\"", SPELLED_OUT),
        edited(
            "preset = \"ssgd\"",
            &format!("T = 1\n{SPELLED_OUT}")
                .replace("eta_y = 0.01", "eta_y = { c = 0.01, clock = \"outer\" }"),
        ),
        edited("K = [20, 10]", "K = [10, 20]"),
        edited(
            "replicates = 3",
            "replicates = 3\nseed = 1\ntest = 0x3e8\nindices = \"all\"\nprecision = \"f32\"",
        ),
        edited("[grid]", "[data]\nsource = \"mnist5k\"\n[grid]"),
    ] {
        assert_eq!(good(&same).id(), id, "{same}");
    }
    for other in [
        edited("replicates = 3", "replicates = 4"),
        edited("replicates = 3", "replicates = 3\nseed = 2"),
        edited("replicates = 3", "replicates = 3\nindices = 16"),
        edited("preset = \"tsgd\"", "preset = \"tsgd\"\neta_x = 4"),
        edited("[grid]", "[data]\ndir = \"data/mnist\"\n[grid]"),
    ] {
        assert_ne!(good(&other).id(), id, "{other}");
    }
}

#[test]
fn data_travels_by_hash() {
    let text = edited("[grid]", "[data]\ndir = \"data/mnist\"\n[grid]");
    let source = data_source(&toml(&text)).expect("the data is named");
    assert_eq!(
        source,
        Some(DataSource::Path("data/mnist".into(), Reading::default()))
    );
    let hash = Hash::of(b"mnist");
    let sent = with_data_hash(&toml(&text), hash).expect("the data is named");
    assert_eq!(
        data_source(&json(&sent)).expect("a hash"),
        Some(DataSource::Hash(hash))
    );
    let arrived = parse(&json(&sent), &Fake).expect("the document is right");
    assert_eq!(arrived, good(&text));
    assert_eq!(with_data_hash(&json(&sent), hash).expect("again"), sent);
}

#[test]
fn families_of_quadratics_have_their_defaults() {
    let spec = |lines: &str| {
        let text = GOOD.replace("\"reweighting\"", &format!("\"quadratic\"\n{lines}"));
        match good(&text).facts().problem.clone() {
            ProblemSpec::Quadratic(spec) => spec,
            _ => panic!("another problem"),
        }
    };
    assert_eq!(spec("family = \"sc-sc\""), QuadraticSpec::default());
    let convex = spec("family = \"c-c\"");
    assert_eq!((convex.mu_f, convex.mu_g, convex.l_f), (0.0, 0.0, 1.5));
    let nonconvex = spec("family = \"nc-nc\"\nmu_g = -0.1\ncoupling = 0");
    assert_eq!((nonconvex.mu_f, nonconvex.mu_g), (-0.25, -0.1));
    assert_eq!(nonconvex.coupling, Some(0.0));
    let conditioned = spec("kappa_f = 10\nl_f = 5\nl_g = 3");
    assert_eq!((conditioned.mu_f, conditioned.mu_g), (0.5, 1.0));
    assert_eq!(conditioned, spec("mu_f = 0.5\nl_f = 5\nl_g = 3"));
}

#[test]
fn a_file_is_read_as_the_document_says() {
    let source = |lines: &str| {
        let text = edited(
            "[grid]",
            &format!("[data]\npath = \"a.gz\"\n{lines}\n[grid]"),
        );
        data_source(&toml(&text)).expect("the data is named")
    };
    let read = |format, label| Some(DataSource::Path("a.gz".into(), Reading { format, label }));
    assert_eq!(source(""), read(None, None));
    assert_eq!(
        source("format = \"libsvm\""),
        read(Some(DataFormat::Libsvm), None)
    );
    let label = LabelColumn::Name("class".to_owned());
    assert_eq!(source("label = \"class\""), read(None, Some(label)));
    let label = LabelColumn::Position(3);
    assert_eq!(
        source("label = 3\nformat = \"csv\""),
        read(Some(DataFormat::Csv), Some(label))
    );
}

#[test]
fn a_problem_without_data_travels_as_it_is() {
    let text = GOOD.replace("reweighting", "quadratic");
    assert_eq!(data_source(&toml(&text)).expect("right"), None);
    let sent = with_data_hash(&toml(&text), Hash::of(b"")).expect("right");
    assert_eq!(parse(&json(&sent), &Fake).expect("right"), good(&text));
}

#[test]
fn the_data_source_is_found_beside_other_mistakes() {
    let text = edited("replicates = 3", "replicates = 0");
    assert_eq!(
        data_source(&toml(&text)).expect("no matter"),
        Some(DataSource::Bundled)
    );
}
